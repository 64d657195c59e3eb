"""The seven stations of `painlab.figures.pipeline`, each drawn into its axes."""

import numpy as np
import torch
from einops import rearrange, repeat

from painlab.figures.style import COLOURS, INK
from painlab.spatial import split_patches

SHOWN = 150  # pixels of a side in which pictures are drawn: as wide as a panel on the page
EYE = 0.4, 0.33  # of the aligned face: about the left eye, whose patch is drawn with its parts
LEVELS = {2: ("NP", "P"), 5: ("NP", "P1", "P2", "P3", "P4")}


def _shrink(picture, size: int = SHOWN):
    import cv2

    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def _picture(ax, picture, *, title: str, below: str, colour: str | None = None, **more) -> None:
    # "none" keeps the pixels in the SVG as they are
    ax.imshow(picture, interpolation="none", **more)
    _frame(ax, title=title, below=below, colour=colour)


def _frame(ax, *, title: str, below: str, colour: str | None) -> None:
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=10)
    ax.set_xlabel(below, fontsize=8.5)
    for spine in ax.spines.values():
        spine.set_visible(colour is not None)
        spine.set(color=COLOURS[colour] if colour else "none", linewidth=2)


def draw_face(ax, result, frame: int) -> None:
    """A frame, the box of its face and the 68 landmarks."""
    height, width, _ = result.frames.shape[1:]
    scale = SHOWN / max(height, width)
    below = f"frame {frame + 1} of {len(result.frames)}"
    _picture(ax, _shrink(result.frames[frame]), title="1 find the face", below=below)
    if result.faces.found[frame]:
        x1, y1, x2, y2 = (result.faces.boxes[frame] + 0.5) * scale - 0.5
        ax.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=COLOURS["sky"], linewidth=1.5)
        points = (result.faces.landmarks[frame, :, :2] + 0.5) * scale - 0.5
        ax.scatter(*points.T, s=2.5, color=COLOURS["yellow"], linewidths=0)


def draw_cuts(axes, result, frame: int) -> None:
    """The aligned face, its patches, and one patch's sub-patches."""
    face = result.faces.frames[frame]
    size = len(face)
    _picture(axes["aligned"], _shrink(face), title="2 align it", below=f"{size} × {size} × 3")
    image = torch.from_numpy(face).float()
    image = rearrange(image, "height width c -> 1 c height width")
    patches = split_patches(image)[0].byte()  # n m s1 s2 c
    n, m, s = patches.shape[:3]
    side, cols = round(m**0.5), size // 16
    whole = rearrange(patches, "n (r1 r2) s1 s2 c -> n (r1 s1) (r2 s2) c", r1=side).numpy()
    mosaic = _with_gaps(np.stack([_shrink(patch, 10) for patch in whole]), cols=cols, gap=2)
    below = f"{n} × 16 × 16 × 3"
    _picture(axes["patches"], mosaic, title="3 cut patches", below=below, colour="blue")
    row, col = (int(share * cols) for share in EYE)
    x, y = 12 * col - 1.5, 12 * row - 1.5
    mark = {"color": COLOURS["red"], "linewidth": 2}
    axes["patches"].plot([x, x + 12, x + 12, x, x], [y, y, y + 12, y + 12, y], **mark)

    large = repeat(
        patches[row * cols + col].numpy(), "m s1 s2 c -> m (s1 p1) (s2 p2) c", p1=6, p2=6
    )
    below = f"one patch: {m} × {s} × {s} × 3"
    parts = _with_gaps(large, cols=side, gap=2)
    _picture(axes["parts"], parts, title="4 and sub-patches", below=below, colour="blue")


def _with_gaps(tiles, *, cols: int, gap: int):
    """Square tiles laid out in rows, with nothing between them."""
    rows, side = len(tiles) // cols, tiles.shape[1]
    step = side + gap
    picture = np.zeros((rows * step - gap, cols * step - gap, 4), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = (step * place for place in divmod(i, cols))
        picture[y : y + side, x : x + side, :3] = tile
        picture[y : y + side, x : x + side, 3] = 255
    return picture


def draw_features(ax, result, *, until: int | None) -> None:
    """The features of the frames up to ``until``, less their mean: what changes with time."""
    k, d = result.features.shape
    shown = result.features - np.nanmean(result.features, axis=0)
    look = {"vmin": -3 * np.nanstd(shown), "vmax": 3 * np.nanstd(shown), "aspect": "auto"}
    if until is not None:
        shown[until + 1 :] = np.nan
        ax.axvline(until + 0.5, color=COLOURS["red"], linewidth=2)
    title, below = "5 a feature for every frame", f"{k} frames × {d} channels"
    _picture(ax, shown.T, title=title, below=below, colour="blue", **look)


def draw_latents(ax, result, *, shown: bool) -> None:
    """The latents, less their mean: how they differ from each other."""
    (latents, channels), title = result.latents.shape, "6 look at all frames"
    below = f"{latents} latents × {channels}"
    if shown:
        values = result.latents - result.latents.mean(axis=0)
        look = {"vmin": -3 * values.std(), "vmax": 3 * values.std(), "aspect": "auto"}
        _picture(ax, values, title=title, below=below, colour="orange", **look)
    else:
        ax.text(0.5, 0.5, "waits for\nall frames", ha="center", va="center", fontsize=9)
        ax.set(xlim=(0, 1), ylim=(0, 1))
        _frame(ax, title=title, below=below, colour="orange")


def draw_answer(ax, result, *, shown: bool) -> None:
    """Bars of the class probabilities, and the line on which a guess would stand."""
    classes = len(result.probabilities)
    names = LEVELS.get(classes, tuple(str(y) for y in range(classes)))
    if shown:
        ax.bar(names, result.probabilities, color=COLOURS["orange"], width=0.7)
    ax.axhline(1 / classes, color=COLOURS["red"], linewidth=1, linestyle=":")
    ax.set(xlim=(-0.6, classes - 0.4), ylim=(0, 1))
    ax.set_title("7 class probabilities", fontsize=10)
    ax.text(classes - 0.42, 1 / classes + 0.02, "a guess", ha="right", va="bottom", fontsize=8)
    ax.set_xlabel(result.note, fontsize=8)
    ax.set_xticks(range(classes), names, fontsize=8.5)
    ax.set_yticks([0, 1], ["0", "1"], fontsize=8.5)


def draw_arrow(figure, left, right) -> None:
    """An arrow from one pair of axes to the next."""
    from matplotlib.patches import ConnectionPatch

    arrow = ConnectionPatch(
        xyA=(1.02, 0.5),
        xyB=(-0.02, 0.5),
        coordsA=left.transAxes,
        coordsB=right.transAxes,
        arrowstyle="-|>",
        color=INK,
        mutation_scale=9,
    )
    arrow.set_in_layout(False)
    figure.add_artist(arrow)
