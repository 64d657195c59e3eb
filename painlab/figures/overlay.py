"""Relevance as colour over a grey face: one face, and the place of that face in a film.

The colours run from black over violet and orange to yellow ("inferno" of matplotlib, van der Walt
and Smith 2015): their lightness rises evenly, so that they read in grey and for colour-blind eyes.
The more relevance, the less of the face shows through; where there is none there is no colour.
"""

import numpy as np

from painlab.errors import PainLabError
from painlab.explain import Relevance
from painlab.typing import Float, UInt8

OPACITY = 0.85  # of the most relevant place
LEVELS = ("spatial", "fine")
SCALES = ("clip", "frame")


def map_of_clip(
    relevance: Relevance, *, clip: int = 0, level: str = "spatial", scale: str = "clip"
) -> Float[np.ndarray, "k rows cols"]:
    """The maps of one clip as numbers from 0 to 1, to be laid over its frames.

    Args:
        relevance: of `pl.relevance`.
        clip: which of its clips.
        level: "spatial" for patches, "fine" for their sub-patches.
        scale: what is 1: the greatest value of the "clip", so that frames can be compared, or that
            of each "frame", which shows where in a frame and hides how much.

    Raises:
        PainLabError: for another clip, level or scale.
    """
    for name, value, known in (("level", level, LEVELS), ("scale", scale, SCALES)):
        if value not in known:
            raise PainLabError(f"{name} {value!r}: choose one of {', '.join(known)}.")
    if not 0 <= clip < len(relevance.temporal):
        raise PainLabError(
            f"clip {clip}: this relevance has the clips 0 to {len(relevance.temporal) - 1}."
        )
    values = getattr(relevance, level)[clip].detach().float().cpu().numpy()  # k rows cols
    most = values.max(axis=None if scale == "clip" else (1, 2), keepdims=True)
    return np.divide(values, most, out=np.zeros_like(values), where=most > 0)


def lay_over(
    face: UInt8[np.ndarray, "height width c"], values: Float[np.ndarray, "rows cols"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The face in grey with its map over it, smoothed for the eye.

    Args:
        face: RGB.
        values: from 0 to 1, of patches or sub-patches that cover the face.
    """
    return blend(_grey(face), smooth(values, size=face.shape[:2]))


def lay_on_film(
    frame: UInt8[np.ndarray, "height width c"],
    values: Float[np.ndarray, "rows cols"],
    transform: Float[np.ndarray, "2 3"],
    *,
    size: int,
) -> UInt8[np.ndarray, "height width 3"]:
    """A frame of a film, grey where the model saw it, with the map led back to its place.

    Args:
        frame: of the film.
        values: from 0 to 1, of the aligned face.
        transform: from pixels of the film to those of the aligned face (`AlignedClip.transforms`).
        size: pixels of a side of the aligned face.
    """
    import cv2

    height, width = frame.shape[:2]
    how = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_CONSTANT}
    shares, seen = (
        cv2.warpAffine(picture, transform.astype(np.float64), (width, height), **how)
        for picture in (smooth(values, size=(size, size)), np.ones((size, size), np.float32))
    )
    laid = blend(_grey(frame), shares).astype(np.float32)
    seen = seen[..., None]  # height width 1
    return np.rint(laid * seen + frame * (1 - seen)).astype(np.uint8)


def outline(
    transform: Float[np.ndarray, "2 3"], *, size: int, scale: float = 1.0
) -> Float[np.ndarray, "4 2"]:
    """The corners, in the film's pixels times ``scale``, of what the aligned face shows."""
    from painlab.alignment.warp import invert, transform_points

    edge = size - 0.5
    corners = np.array([[-0.5, -0.5], [edge, -0.5], [edge, edge], [-0.5, edge]])
    return (transform_points(corners, invert(transform.astype(np.float64))) + 0.5) * scale - 0.5


def smooth(
    values: Float[np.ndarray, "rows cols"], *, size: tuple[int, int]
) -> Float[np.ndarray, "height width"]:
    """The map at every pixel without its squares: for the eye, it knows no more than before.

    The middle of each patch keeps the patch's own value.
    """
    import cv2

    height, width = size
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def blend(
    grey: UInt8[np.ndarray, "height width 3"], values: Float[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Colours of values from 0 to 1 over a grey picture."""
    import cv2

    colours = cv2.applyColorMap(np.rint(values * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    alpha = OPACITY * np.sqrt(values)[..., None]  # height width 1; the root keeps small values
    return np.rint(colours[..., ::-1] * alpha + grey * (1 - alpha)).astype(np.uint8)


def colour_scale(*, width: int = 256, height: int = 12) -> UInt8[np.ndarray, "height width 3"]:
    """The colours from no relevance at the left to the most at the right, over middle grey."""
    values = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))  # height width
    return blend(np.full((height, width, 3), 128, np.uint8), values)


def _grey(picture: UInt8[np.ndarray, "height width c"]) -> UInt8[np.ndarray, "height width 3"]:
    import cv2

    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
