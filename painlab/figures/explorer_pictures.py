"""Pictures that hundreds of panels can afford: numbers as colours, in a few hundred bytes each."""

import base64
import io
from functools import lru_cache

import numpy as np

from painlab.errors import PainLabError
from painlab.typing import Float, UInt8

OPACITY = 0.85  # of the greatest value of a heat map, as in the maps of relevance
LEVELS = 16  # shades: four bits a place


def heat_map(values: Float[np.ndarray, "rows cols"]) -> UInt8[np.ndarray, "rows cols 4"]:
    """Numbers from 0 to 1 as colours to lie over a grey face: the more, the less of it shows.

    The colours are those of the maps of relevance, in 16 shades.

    Raises:
        PainLabError: for numbers outside 0 to 1.

    Example:
        >>> heat_map(np.array([[0.0, 1.0]]))[..., 3].tolist()
        [[0, 216]]
    """
    if not ((values >= 0) & (values <= 1)).all():
        raise PainLabError(
            f"A heat map has values from {values.min():.3g} to {values.max():.3g}: scale them to "
            "0 to 1."
        )
    colours = _shades("inferno").copy()
    colours[:, 3] = np.linspace(0, 255 * OPACITY, LEVELS)
    return colours[np.rint(values * (LEVELS - 1)).astype(int)]  # rows cols 4


def value_map(
    values: Float[np.ndarray, "rows cols"], *, low: float, high: float
) -> UInt8[np.ndarray, "rows cols 3"]:
    """Numbers as colours from dark blue to yellow ("cividis"), in 16 shades.

    Args:
        values: the numbers; what lies below ``low`` or above ``high`` is drawn as these.
        low: what is drawn darkest.
        high: what is drawn brightest.

    Raises:
        PainLabError: if ``high`` is not above ``low``.

    Example:
        >>> value_map(np.zeros((4, 6)), low=-1.0, high=1.0).shape
        (4, 6, 3)
    """
    if not high > low:
        raise PainLabError(f"A map from low={low} to high={high} has no shades between them.")
    shares = np.clip((values - low) / (high - low), 0, 1)
    return _shades("cividis")[np.rint(shares * (LEVELS - 1)).astype(int), :3]  # rows cols 3


@lru_cache
def _shades(name: str) -> UInt8[np.ndarray, "_ 4"]:
    import matplotlib

    return matplotlib.colormaps[name](np.linspace(0, 1, LEVELS), bytes=True)


def picture_url(image: np.ndarray, *, smooth: bool) -> str:
    """The picture as a data URL: WebP if smooth, otherwise the smallest PNG that keeps it."""
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if (
        array.dtype != np.uint8
        or 0 in array.shape
        or (array.ndim != 2 and (array.ndim != 3 or array.shape[-1] not in (3, 4)))
    ):
        raise PainLabError(
            f"A picture of an explorer is a {array.dtype} array of shape {array.shape}: give uint8 "
            "of (height width) or (height width c)."
        )
    return _picture_url(array.tobytes(), array.shape, smooth)


@lru_cache(maxsize=64)  # the face below a map stays the same over hundreds of panels
def _picture_url(pixels: bytes, shape: tuple[int, ...], smooth: bool) -> str:
    from PIL import Image

    array = np.frombuffer(pixels, np.uint8).reshape(shape)
    buffer = io.BytesIO()
    if smooth:
        Image.fromarray(array).save(buffer, "WEBP", quality=85)
    else:
        _save_png(array, buffer)
    kind = "webp" if smooth else "png"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _save_png(array: np.ndarray, buffer: io.BytesIO) -> None:
    """With a palette where there are few colours: a small map then takes some 300 bytes."""
    from PIL import Image

    if array.ndim == 3:
        channels = array.shape[-1]
        numbers = array.astype(np.uint32) @ (256 ** np.arange(channels, dtype=np.uint32))
        colours, first, places = np.unique(numbers, return_index=True, return_inverse=True)
        if len(colours) <= 256:
            palette = array.reshape(-1, channels)[first]
            indexed = Image.fromarray(places.reshape(array.shape[:2]).astype(np.uint8), "P")
            indexed.putpalette(palette[:, :3].tobytes())
            opacity = {"transparency": palette[:, 3].tobytes()} if channels == 4 else {}
            bits = next(bits for bits in (1, 2, 4, 8) if len(colours) <= 2**bits)
            indexed.save(buffer, "PNG", optimize=True, bits=bits, **opacity)
            return
    Image.fromarray(array).save(buffer, "PNG", optimize=True)
