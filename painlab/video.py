"""Reading, writing and sampling video frames, through PyAV.

Frames are RGB, uint8, upright: the rotation that phones write beside the pictures is applied.
Grey and 10-bit video come out as 8-bit RGB, transparent video is laid over black, and odd sizes
are kept. Pixels are taken as stored: those of a stream with non-square pixels are not stretched.
"""

import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from painlab._decoding import (
    ToRGB,
    check_file,
    decode,
    exact_rate,
    length_of,
    open_video,
    rate_of,
    resample,
    usable_rate,
)
from painlab._encoding import VideoWriter, write_video
from painlab.errors import ShapeError, VideoError
from painlab.typing import Float, UInt8

__all__ = [
    "Clip",
    "VideoInfo",
    "VideoWriter",
    "frames_to_tensor",
    "read_video",
    "stream_video",
    "video_info",
    "write_video",
]


@dataclass(frozen=True, eq=False, repr=False)
class Clip:
    """The frames of a video in memory: uint8 RGB, their rate, and the file they came from.

    Example:
        >>> clip = Clip(np.zeros((50, 48, 64, 3), np.uint8), 25.0, Path("film.mp4"))
        >>> clip
        Clip(film.mp4: 50 frames, 64×48, 25 fps)
    """

    frames: UInt8[np.ndarray, "k height width c"]
    fps: float
    path: Path

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        _, height, width, _ = self.frames.shape
        return f"Clip({self.path.name}: {len(self)} frames, {width}×{height}, {self.fps:g} fps)"


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of its video: for progress bars and checks, before anything is read.

    ``frames`` and ``duration`` (seconds) are the container's claims, None where it makes none;
    ``fps`` is the average rate; ``width`` and ``height`` are those of the upright picture.
    """

    path: Path
    fps: float
    width: int
    height: int
    frames: int | None
    duration: float | None


def video_info(path: str | os.PathLike) -> VideoInfo:
    """Look at a video without reading it through: its first frame is decoded, no more.

    Raises:
        VideoError: no such file, no video in it, or its first frame does not decode.
    """
    path = Path(path)
    with open_video(path) as (container, stream):
        rate, duration = rate_of(stream), length_of(container, stream)
        frames = stream.frames or (duration and round(duration * rate)) or None
    with closing(decode(path)) as pictures:
        height, width, _ = ToRGB()(next(pictures).frame).shape
    return VideoInfo(path, float(rate), width, height, frames, duration)


def stream_video(
    path: str | os.PathLike,
    *,
    chunk: int = 16,
    stride: int = 1,
    max_frames: int | None = None,
    fps: float | int | None = None,
) -> Iterator[UInt8[np.ndarray, "k height width c"]]:
    """The frames of a video in arrays of at most ``chunk``, so that it never lies whole in memory.

    Args:
        path: The video file.
        chunk: Frames in an array; the last array may hold fewer.
        stride: Keep every stride-th frame, from the first on: 138 frames give 138, 69, 46 or 35
            with 1, 2, 3 or 4 (the sampling of the paper's Table III).
        max_frames: Stop after this many kept frames.
        fps: Resample to this rate before ``stride`` counts. For each output time, counted from
            the first frame, the frame shown at that time is taken, which also evens out variable
            frame rates. A clip that has this rate comes out unchanged.

    A file that breaks part way gives the frames that can be read, and a UserWarning with their
    number.

    Raises:
        VideoError: at the call, for a bad argument, a missing or an empty file; at the first
            array, for a file that is no video, has no video stream, or of which no frame decodes.
    """
    path = Path(path)
    for name, value in (("chunk", chunk), ("stride", stride), ("max_frames", max_frames)):
        if name == "max_frames" and value is None:
            continue
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise VideoError(f"{path}: {name} must be a whole number from 1 on, not {value!r}.")
    if fps is not None and not usable_rate(fps):
        raise VideoError(f"{path}: fps must be a number above 0 and up to 1000, not {fps!r}.")
    check_file(path)
    return _chunks(path, chunk, stride, max_frames, fps)


def _chunks(path, chunk, stride, max_frames, fps):
    to_rgb, images, before, image = ToRGB(), [], None, None
    with closing(decode(path)) as pictures:
        timed = pictures if fps is None else resample(pictures, exact_rate(fps))
        stop = None if max_frames is None else (max_frames - 1) * stride + 1
        for picture in islice(timed, 0, stop, stride):
            if picture is not before:  # resampling repeats pictures; convert each once
                before, image = picture, to_rgb(picture.frame)
            images.append(image)
            if len(images) == chunk:
                yield np.stack(images)  # (k height width c)
                images = []
    if images:
        yield np.stack(images)  # (k height width c)


def read_video(
    path: str | os.PathLike,
    *,
    stride: int = 1,
    max_frames: int | None = None,
    fps: float | int | None = None,
) -> Clip:
    """Read a video, or evenly spaced frames of it, into memory.

    A file that breaks part way gives the frames that can be read, and a UserWarning with their
    number.

    Args:
        path: the video file.
        stride: keep every stride-th frame, from the first on: 138 frames give 138, 69, 46 or 35
            with 1, 2, 3 or 4 (the sampling of the paper's Table III).
        max_frames: stop after so many kept frames.
        fps: resample to so many frames a second before ``stride`` counts.

    Returns:
        A `Clip`. Its ``fps`` is the rate of the frames kept: the file's average rate, or ``fps``,
        divided by ``stride``.

    Raises:
        VideoError: for a bad argument, a missing or an empty file, or one that is no video, has no
            video stream, or of which no frame decodes.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_video(f"{folder}/film.mp4", np.zeros((10, 48, 64, 3), np.uint8), fps=25)
        ...     clip = read_video(f"{folder}/film.mp4", stride=2)
        >>> clip.frames.shape, clip.fps  # k height width c
        ((5, 48, 64, 3), 12.5)
    """
    path = Path(path)
    chunks = stream_video(path, stride=stride, max_frames=max_frames, fps=fps)
    with open_video(path) as (container, stream):
        rate, seconds = float(rate_of(stream)), length_of(container, stream)
    # Room for what the file promises, so that the clip is not held twice; empty room costs
    # nothing. 2 GiB bound the promise of a damaged file, and a longer clip makes more room.
    expected = math.ceil((seconds or 0) * float(fps or rate) / stride) + 1
    frames, count = None, 0
    for images in chunks:
        if frames is None:
            room = min(expected, max_frames or expected, 2**31 // images[0].nbytes)
            frames = np.empty((max(room, len(images)), *images.shape[1:]), np.uint8)
        if count + len(images) > len(frames):
            frames = np.concatenate([frames[:count], images, np.empty_like(frames[:count])])
        else:
            frames[count : count + len(images)] = images
        count += len(images)
    frames = frames[:count]  # (k height width c)
    fps = rate if fps is None else float(fps)
    return Clip(frames=frames, fps=fps / stride, path=path)


def channels_first(
    frames: UInt8[np.ndarray, "k height width c"] | UInt8[Tensor, "k height width c"],
    *,
    channels: int | None = None,
) -> UInt8[Tensor, "k c height width"]:
    """Frames as a tensor with its channels first, in the frames' own memory where that can be.

    Raises:
        ShapeError: frames that are not uint8 of shape (k height width c), or have other channels.
    """
    fits = frames.ndim == 4 and channels in (None, frames.shape[-1])
    if not fits or frames.dtype not in (np.uint8, torch.uint8):
        raise ShapeError(
            f"frames must be uint8 of shape (k, height, width, {channels or 'c'}), "
            f"not {frames.dtype} {tuple(frames.shape)}."
        )
    if isinstance(frames, np.ndarray):
        # torch refuses mirrored arrays and warns of read-only ones.
        frames = torch.from_numpy(np.require(frames, requirements=["C", "W"]))
    return rearrange(frames, "k height width c -> k c height width")


def frames_to_tensor(
    frames: UInt8[np.ndarray, "k height width c"] | UInt8[Tensor, "k height width c"],
) -> Float[Tensor, "k c height width"]:
    """Frames as the networks take them: channels first, float32, 0 to 255 mapped to -1 to 1.

    That is a mean and a standard deviation of 0.5, as timm's TNT expects. A torch tensor stays on
    its device.

    Args:
        frames: (k height width c), uint8, RGB; an array or a tensor.

    Returns:
        (k c height width), float32, from -1 to 1.

    Raises:
        ShapeError: frames that are not uint8 of shape (k height width c).

    Example:
        >>> pictures = frames_to_tensor(np.full((2, 48, 64, 3), 255, np.uint8))
        >>> pictures.shape, pictures.max().item()  # k c height width
        (torch.Size([2, 3, 48, 64]), 1.0)
    """
    images = channels_first(frames)
    images = images.to(torch.float32, memory_format=torch.contiguous_format)
    return images.div_(127.5).sub_(1)
