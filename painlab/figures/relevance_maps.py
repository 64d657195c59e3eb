"""What a model looked at: faces from rest to apex, their maps, and the curve below (Fig. 4)."""

from collections.abc import Iterable, Sequence
from textwrap import wrap

import numpy as np

from painlab.explain import Relevance
from painlab.figures.clip_relevance import ClipRelevance, as_many
from painlab.figures.overlay import colour_scale, lay_over, map_of_clip
from painlab.figures.slider import FrameSlider, frame_slider
from painlab.figures.style import COLOURS, INK, new_figure

WIDE = 6.0  # inches: narrow, so that its letters are still read on a telephone
SHOWN = 168  # pixels of a side in which faces are drawn: about twice as many as on the page
SMOOTHED = "{rows} × {cols}, smoothed"
SCALED = {
    "clip": "One scale for the whole clip.",
    "frame": "Each frame has a scale of its own: colours of two frames cannot be compared.",
}


def relevance_figure(
    frames,
    relevance: Relevance,
    *,
    clip: int = 0,
    times: Iterable | None = None,
    intensity: Iterable | None = None,
    found: Iterable | None = None,
    shown: int | Iterable = 6,
    level: str = "spatial",
    scale: str = "clip",
    pain: Iterable | None = None,
    title: str | None = None,
    note: str | None = None,
):
    """Aligned faces of one clip, below each the same with its relevance, and the curve over time.

    Show it with ``painlab.figures.show(figure, alt=relevance_words(relevance, ...))``.

    Args:
        frames: aligned faces of the clip, uint8 RGB (k height width c), array or tensor.
        relevance: of `pl.relevance`, with this clip among its clips.
        clip: which of them.
        times: seconds of each frame; numbers of frames if None.
        intensity: the true intensity of the pain in each frame (k,), where it is known.
        found: (k,), which frames have a face; all if None.
        shown: which frames are drawn, or how many: from rest to apex where the intensity is known,
            else over the whole clip, the frame of the greatest relevance among them.
        level: "spatial" for maps of patches, "fine" for maps of sub-patches.
        scale: the colours' scale is that of the "clip" or of each "frame".
        pain: (k,), the probability of pain that the model gives each frame. It is drawn in place of
            the relevance of the frames, which is flat where each was explained by itself.
        title: above the pictures.
        note: below the curve, such as the notice about the model's weights.

    Returns:
        A matplotlib figure for light and dark pages.

    Raises:
        ShapeError: where frames, times, intensity or found do not fit the relevance.
        PainLabError: for frames, a clip, a level or a scale that are not there.
    """
    given = ClipRelevance(frames, relevance, clip, times, intensity, found)
    maps = map_of_clip(relevance, clip=clip, level=level, scale=scale)
    chosen = given.choose(shown)
    above, lines = wrap(title or "", 66), wrap(note or "", 80)
    columns = len(chosen)
    names = [[f"{row}{i}" for i in range(columns)] for row in ("face", "map")]
    curve = [["curve"] * columns]
    side = (WIDE - 1) / max(columns, 3)  # inches
    figure, _ = new_figure(size=(WIDE, 3.2 + 2 * side + 0.2 * len(above + lines)))
    figure.clear()
    axes = figure.subplot_mosaic(
        [*names, ["scale"] * columns, *curve],
        height_ratios=(side, side, 0.13, 2.0),
    )
    figure.get_layout_engine().set(wspace=0.02, hspace=0.02, w_pad=0.02)
    letters = min(11.0, 66 / columns)
    for i, frame in enumerate(chosen):
        face = _shrink(given.frames[frame])
        _draw_picture(axes[f"face{i}"], face, title=given.short(frame), letters=letters)
        _draw_picture(axes[f"map{i}"], lay_over(face, maps[frame]))
    rows, cols = maps.shape[1:]
    _draw_scale(axes["scale"], scale=scale, rows=rows, cols=cols)
    said = as_many(pain, len(given.frames), "pain")
    _draw_curve(axes["curve"], given, chosen, pain=said)
    if above:
        figure.suptitle("\n".join(above), fontsize=12, x=0.01, ha="left")
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=9, x=0.01, ha="left", linespacing=1.3)
    return figure


def relevance_slider(
    frames,
    relevance: Relevance,
    *,
    clip: int = 0,
    times: Iterable | None = None,
    intensity: Iterable | None = None,
    found: Iterable | None = None,
    level: str = "spatial",
    scale: str = "clip",
    fps: float | int = 8.0,
    caption: str | None = None,
) -> FrameSlider:
    """Every frame of one clip under a slider: the face, the same with its relevance, the curve.

    Arguments and errors are those of `relevance_figure`, and ``fps`` that of `frame_slider`.
    ``caption`` stands before what every such picture says of its colours.

    Returns:
        What Jupyter and the book display; the page needs neither a kernel nor a network.
    """
    given = ClipRelevance(frames, relevance, clip, times, intensity, found)
    maps = map_of_clip(relevance, clip=clip, level=level, scale=scale)
    pictures = []
    for face, values in zip(given.frames, maps, strict=True):
        gap = np.zeros((len(face), 8, 4), np.uint8)
        pair = [_opaque(face), gap, _opaque(lay_over(face, values))]
        pictures.append(np.concatenate(pair, axis=1))  # height width 4
    figure, ax = new_figure(size=(4.75, 2.3))
    _draw_curve(ax, given, [])
    rows, cols = maps.shape[1:]
    colours = f"From grey to yellow: more relevance. The map has {rows} × {cols} numbers a frame; "
    colours += "between them it is smoothed for the eye."
    return frame_slider(
        pictures,
        alt=relevance_words(relevance, clip=clip, times=times, intensity=intensity, found=found),
        labels=[given.label(frame) for frame in range(len(pictures))],
        name="Frame" if times is None else "Time",
        caption=" ".join(filter(None, [caption, colours, SCALED[scale]])),
        start=given.strongest,
        fps=fps,
        width=456,
        quality=80,
        curves=figure,
        at=given.places,
    )


def relevance_words(
    relevance: Relevance,
    *,
    clip: int = 0,
    times: Iterable | None = None,
    intensity: Iterable | None = None,
    found: Iterable | None = None,
) -> str:
    """What the pictures of a clip show, for readers who do not see them; arguments as there."""
    k = relevance.temporal.shape[1]
    given = ClipRelevance(
        np.zeros((k, 1, 1, 3), np.uint8), relevance, clip, times, intensity, found
    )
    shares = given.shares
    words = [
        f"A face, the same face with the relevance that {relevance.method} found, and a curve."
    ]
    if not shares.any():
        return " ".join([*words, "No frame has any relevance."])
    strongest = given.strongest
    words.append(
        f"The most falls on {given.label(strongest)}: {shares[strongest]:.1f} times an even share."
    )
    rows, cols = relevance.spatial.shape[2:]
    row, col = divmod(int(relevance.spatial[clip, strongest].argmax()), cols)
    down = ("upper", "middle", "lower")[min(2, 3 * row // rows)]
    across = ("left", "middle", "right")[min(2, 3 * col // cols)]
    place = "middle" if down == across else f"{down} {across}"
    words.append(f"There its greatest value lies in the {place} of the picture.")
    if given.intensity is not None:
        apex = int(np.nanargmax(given.intensity))
        words.append(f"The true intensity is greatest at {given.label(apex)}.")
    return " ".join(words)


def _shrink(face):
    import cv2

    return cv2.resize(face, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA)


def _opaque(picture):
    return np.concatenate([picture, np.full((*picture.shape[:2], 1), 255, np.uint8)], axis=2)


def _draw_picture(ax, picture, *, title: str = "", letters: float = 11.0) -> None:
    # "none" keeps the pixels in the SVG as they are
    ax.imshow(picture, interpolation="none")
    ax.set_title(title, fontsize=letters, loc="center")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _draw_scale(ax, *, scale: str, rows: int, cols: int) -> None:
    ax.imshow(colour_scale(), interpolation="none", aspect="auto")
    ax.set(yticks=[])
    told = SMOOTHED.format(rows=rows, cols=cols)
    ax.set_xticks([0, 127.5, 255], ["no relevance", told, f"most of the {scale}"], fontsize=10)
    for label, side in zip(ax.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_ha(side)
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _draw_curve(ax, given: ClipRelevance, chosen: Sequence[int], *, pain=None) -> None:
    """Relevance of the frames, in units of an even share, or pain; behind it the true intensity."""
    x = given.places
    shares = np.where(given.found, given.shares if pain is None else pain, np.nan)
    most = max(1.0, float(given.shares.max())) if pain is None else 1.0
    dot = "o" if len(x) == 1 else None  # a line of one point is none
    ax.axhline(1 if pain is None else 0.5, color=INK, linewidth=1, linestyle=":")
    ax.plot(x, shares, color=COLOURS["blue"], marker=dot)
    if len(chosen):
        ax.plot(
            x[list(chosen)],
            shares[list(chosen)],
            "o",
            color=COLOURS["blue"],
            markersize=6,
            clip_on=False,
        )
    ax.set_ylim(0, 1.08 * most)
    told = "relevance\n(even share = 1)" if pain is None else "probability\nof pain"
    ax.set_ylabel(told, fontsize=11)
    ax.set_xlabel("frame" if given.times is None else "seconds", fontsize=11)
    if len(x) > 1:
        ax.set_xlim(x.min(), x.max())
    if given.intensity is None:
        return
    beside = ax.twinx()
    beside.fill_between(x, given.intensity, color=COLOURS["orange"], alpha=0.25, linewidth=0)
    beside.plot(x, given.intensity, color=COLOURS["orange"], linestyle="--", marker=dot)
    beside.set_ylim(0, 1.08 * max(float(np.nanmax(given.intensity)), 1e-6))
    beside.set_ylabel("true intensity (dashed)", fontsize=11)
    beside.grid(False)
    ax.set_zorder(beside.get_zorder() + 1)
