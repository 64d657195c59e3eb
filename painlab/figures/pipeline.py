"""The paper's Fig. 2, drawn from what the library computes: ``python -m painlab.figures.pipeline``.

One clip goes through every part of the framework, and a picture is made of what comes out of each.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from painlab.alignment import AlignedClip, FaceAligner
from painlab.alignment.warp import similarity, warp_frame
from painlab.figures import pipeline_panels as panels
from painlab.figures.style import figure_svg, new_figure
from painlab.framework import PainFramework, framework_of_pain
from painlab.typing import Float, UInt8
from painlab.video import frames_to_tensor


@dataclass(frozen=True, eq=False, repr=False)
class Pipeline:
    """One clip and what every part of the framework made of it."""

    frames: UInt8[np.ndarray, "k height width c"]
    faces: AlignedClip
    features: Float[np.ndarray, "k d"]  # the spatial module's; NaN where there is no face
    latents: Float[np.ndarray, "l dl"]  # the temporal module's, after its last self-attention
    probabilities: Float[np.ndarray, "y"]
    note: str = ""  # stands below the probabilities


def moving_portrait(frames: int = 35, *, size: int = 288) -> UInt8[np.ndarray, "k height width c"]:
    """A film of a still: a photograph in the public domain under a camera that sways.

    The photograph is NASA's portrait of Eileen Collins, which comes with scikit-image.

    Args:
        frames: k, how many; 35 are every fourth of a clip of 138, as in the paper's Table III.
        size: pixels of a side.
    """
    from skimage.data import astronaut

    photograph = astronaut()
    film = []
    for phase in np.linspace(0, 2 * np.pi, frames):
        camera = similarity(
            turn=0.2 * np.sin(phase),
            zoom=size / (240 + 20 * np.cos(phase)),
            place=np.array([232 + 18 * np.sin(2 * phase), 166 + 10 * np.cos(phase)]),
            target=np.full(2, size / 2),
        )
        film.append(warp_frame(photograph, camera, size=size))
    return np.stack(film)  # k height width c


@torch.inference_mode()
def run_pipeline(
    frames: UInt8[np.ndarray, "k height width c"],
    *,
    model: PainFramework | None = None,
    aligner: FaceAligner | None = None,
) -> Pipeline:
    """Send a clip through the framework and keep everything on the way.

    Args:
        frames: uint8 RGB, no more of them than the model takes.
        model: in evaluation mode; if None `framework_of_pain`, which takes 35 frames and has seen
            nobody in pain, rendered people alone.
        aligner: one that makes pictures of the model's size; the embedded landmarks if None.

    Raises:
        ShapeError: where the frames do not fit the model.
    """
    note = "" if model else "learned from rendered faces"
    model = model or framework_of_pain()
    aligner = aligner or FaceAligner(landmarks="embedded", size=model.config.spatial.image_size)
    faces = aligner(frames)
    mask = torch.from_numpy(faces.found)[None]  # 1 k
    features = model.encode(frames_to_tensor(faces.frames)[None], mask=mask)  # 1 k d
    latents = []
    last = [model.temporal.cross, *model.temporal.layers][-1]
    hook = last.register_forward_hook(lambda _module, _inputs, output: latents.append(output[0]))
    try:
        probabilities = model.temporal(features, mask=mask)[0].softmax(dim=-1)  # y
    finally:
        hook.remove()
    features = features[0].masked_fill(~mask[0, :, None], torch.nan)
    return Pipeline(
        frames, faces, features.numpy(), latents[0].numpy(), probabilities.numpy(), note
    )


def draw_pipeline(result: Pipeline, *, frame: int | None = None, done: str = "probabilities"):
    """A matplotlib figure of the seven stations, as they are at one frame.

    Args:
        result: of `run_pipeline`.
        frame: the frame that stands in the first four stations; the middle one if None.
        done: how far the clip has come: "features" up to this frame, all "latents", or
            "probabilities".
    """
    frame = len(result.frames) // 2 if frame is None else frame
    figure, _ = new_figure(size=(7.4, 5.0))
    figure.clear()
    rows = [["face", "aligned", "patches", "parts"], ["features", "features", "latents", "answer"]]
    axes = figure.subplot_mosaic(rows, height_ratios=(1, 1.05))
    figure.get_layout_engine().set(wspace=0.1, hspace=0.08)
    panels.draw_face(axes["face"], result, frame)
    panels.draw_cuts(axes, result, frame)
    panels.draw_features(axes["features"], result, until=frame if done == "features" else None)
    panels.draw_latents(axes["latents"], result, shown=done != "features")
    panels.draw_answer(axes["answer"], result, shown=done == "probabilities")
    for ax in axes.values():
        ax.grid(False)
    for left, right in (
        ("face", "aligned"),
        ("aligned", "patches"),
        ("patches", "parts"),
        ("features", "latents"),
        ("latents", "answer"),
    ):
        panels.draw_arrow(figure, axes[left], axes[right])
    return figure


def pipeline_frames(result: Pipeline, *, steps: int = 10) -> tuple[list, list[str]]:
    """The figure at several times of the clip, then with the latents, then with the answer.

    Returns:
        The figures and a label for each, as `painlab.figures.frame_slider` takes them.
    """
    k = len(result.frames)
    times = np.linspace(0, k - 1, steps).round().astype(int).tolist()
    figures = [draw_pipeline(result, frame=frame, done="features") for frame in times]
    labels = [f"frame {frame + 1} of {k}" for frame in times]
    for done in ("latents", "probabilities"):
        figures.append(draw_pipeline(result, frame=k - 1, done=done))
        labels.append(f"{done} of the clip")
    return figures, labels


def pipeline_svg(result: Pipeline) -> str:
    """The figure as an SVG file for light and dark pages: it follows the reader's setting."""
    svg = figure_svg(draw_pipeline(result))
    head, rest = svg.split(">", 1)
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head).groups())
    box = f"-10 -10 {width + 20:g} {height + 20:g}"
    head = re.sub(r'viewBox="[^"]*"', f'viewBox="{box}" width="920" height="632"', head)
    head = re.sub(r' style="[^"]*"', "", head) + ">"
    card = (
        "<title>A clip on its way through the framework</title><style>"
        "svg{color:#1f2328} .card{fill:#ffffff}"
        "@media (prefers-color-scheme:dark){svg{color:#e6edf3} .card{fill:#14181d}}"
        '</style><rect class="card" x="-10" y="-10" width="100%" height="100%" rx="8"/>'
    )
    return head + card + rest


def main() -> None:
    """Draw the README's picture."""
    parser = argparse.ArgumentParser(description="Draw the pipeline from the library's results.")
    parser.add_argument("output", nargs="?", type=Path, default=Path("pipeline.svg"))
    output = parser.parse_args().output
    svg = pipeline_svg(run_pipeline(moving_portrait()))
    part = output.with_name(output.name + ".part")
    part.write_text(svg, encoding="utf-8")
    part.rename(output)
    print(f"{output}: {len(svg) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
