"""The truth about a clip: what the face did, where it was, and which pixels pain moved."""

import io
import tokenize
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from einops import rearrange, reduce
from torch import Tensor

from painlab.datasets.synthpain.files import publish
from painlab.datasets.synthpain.pain import Motion, draw_motion
from painlab.datasets.synthpain.settings import ClipKey, Settings
from painlab.datasets.synthpain.subjects import draw_subject
from painlab.errors import DataError
from painlab.typing import Bool, Float, UInt8

MOVED_FROM = 2  # grey levels: a pixel that differs by less in all channels has not moved


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """All that is known of one clip, frame by frame; numbers are float32.

    Attributes:
        actions: (k actions) in 0..1, the 52 of `ACTIONS`.
        without_pain: (k actions), the same clip had there been no pain.
        intensity: (k,) in 0..1, the Prkachin and Solomon Pain Intensity of the pain's own actions.
        pose: (k 6), the head's yaw, pitch and roll as of `Motion`, then its shift x, y, z in mm.
        gaze: (k 2), the eyes' turn within the head in degrees, to the image's right and up.
        landmarks: (k 68 3), x and y in pixels of the frame, z in pixels at the face's scale.
        rotation: (k 3 3), of the head in the camera's frame (x right, y down, z away).
        translation: (k 3), of the head in the camera's frame, in mm.
        focal: (k,), of the camera, in pixels.
        moved: (k height width), where the clip and the same clip without pain differ by two grey
            levels or more in any channel, before the video is encoded.
    """

    actions: Float[np.ndarray, "k actions"]
    without_pain: Float[np.ndarray, "k actions"]
    intensity: Float[np.ndarray, "k"]
    pose: Float[np.ndarray, "k 6"]
    gaze: Float[np.ndarray, "k 2"]
    landmarks: Float[np.ndarray, "k 68 3"]
    rotation: Float[np.ndarray, "k 3 3"]
    translation: Float[np.ndarray, "k 3"]
    focal: Float[np.ndarray, "k"]
    moved: Bool[np.ndarray, "k height width"]

    def __repr__(self) -> str:
        frames, height, width = self.moved.shape
        return (
            f"Truth({frames} frames, {width}×{height}, greatest intensity "
            f"{self.intensity.max():.2f}, {self.moved.mean():.1%} of the pixels moved)"
        )


# what lies in the file as it is; `moved` is packed into bits
PLAIN = tuple(field.name for field in fields(Truth) if field.name != "moved")


def make_clip(
    settings: Settings, key: ClipKey, *, device: str | torch.device | None = None
) -> tuple[UInt8[Tensor, "k height width c"], Truth]:
    """Render one clip and tell the truth about it; nothing touches the disk.

    Where the face does the same with pain and without, as at level 0, one rendering suffices.
    """
    from painlab.datasets.synthpain.render import render_clip

    subject = draw_subject(settings.seed, key.subject)
    motion = draw_motion(subject, level=key.level, trial=key.trial, frames=settings.frames)
    how = {"level": key.level, "trial": key.trial, "size": settings.size, "device": device}
    shown = render_clip(subject, motion, **how)
    if np.array_equal(motion.actions, motion.without_pain):
        moved = np.zeros(shown.frames.shape[:3], bool)  # (k height width)
    else:
        calm = render_clip(subject, motion, **how, pain=False)
        moved = moved_pixels(shown.frames, calm.frames).cpu().numpy()
    return shown.frames, _truth(motion, shown, moved)


def moved_pixels(
    shown: UInt8[Tensor, "k height width c"], calm: UInt8[Tensor, "k height width c"]
) -> Bool[Tensor, "k height width"]:
    """Where two renderings differ by two grey levels or more in any channel."""
    apart = (shown.to(torch.int16) - calm.to(torch.int16)).abs()
    return reduce(apart, "k height width c -> k height width", "max") >= MOVED_FROM


def _truth(motion: Motion, shown, moved: np.ndarray) -> Truth:
    return Truth(
        actions=motion.actions,
        without_pain=motion.without_pain,
        intensity=motion.intensity,
        pose=motion.pose,
        gaze=motion.gaze,
        landmarks=shown.landmarks,
        rotation=shown.rotation,
        translation=shown.translation,
        focal=shown.focal,
        moved=moved,
    )


def write_truth(part: Path, target: Path, truth: Truth) -> int:
    """Write ``part``, then give it the place of ``target``; the size in bytes comes back.

    The same truth gives the same bytes. The file is numpy's .npz: the arrays of `Truth` by name,
    but for ``moved``, whose bits are packed as ``moved_bits`` (k, bytes of a frame), with
    ``moved_size`` (height, width).
    """
    _, height, width = truth.moved.shape
    bits = np.packbits(rearrange(truth.moved, "k height width -> k (height width)"), axis=1)
    arrays = {name: getattr(truth, name) for name in PLAIN}
    arrays |= {"moved_bits": bits, "moved_size": np.array([height, width], np.int32)}
    with open(part, "wb") as file:
        np.savez_compressed(file, **arrays)
    return publish(part, target)


# what NumPy, zipfile and zlib say of a file in which a few bytes are wrong
DAMAGE = (
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError,
    RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip


def read_truth(path: Path) -> Truth:
    """Read what `write_truth` wrote; nothing in the file is ever executed.

    Raises:
        DataError: a file that is missing, damaged, or not SynthPain's.
    """
    try:
        # read whole: reading on demand would leave a damaged file open
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        height, width = arrays.pop("moved_size").tolist()
        packed = arrays.pop("moved_bits")
        if packed.shape != (len(arrays["actions"]), -(-height * width // 8)):
            raise ValueError
        bits = np.unpackbits(packed, axis=1, count=height * width)
        moved = rearrange(bits, "k (height width) -> k height width", height=height, width=width)
        return Truth(moved=moved.astype(bool), **{name: arrays[name] for name in PLAIN})
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such truth file.") from None
    except DAMAGE as error:
        raise DataError(
            f"{path} is damaged or no truth file of SynthPain; delete it and run painlab synth "
            "on the folder again."
        ) from error
