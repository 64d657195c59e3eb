"""From frames to an H.264 file: the writing half of ``painlab.video``, which makes it public."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from einops import rearrange

from painlab._decoding import exact_rate, usable_rate
from painlab.errors import VideoError
from painlab.typing import UInt8


class VideoWriter:
    """Writes RGB frames to an H.264 .mp4 file, which appears only when it is complete.

    Use it in a ``with`` statement. Frames go to ``<name>.part`` beside the target, which is
    renamed at the end, or deleted if anything fails. H.264 in its common form (yuv420p) needs
    even sizes: an odd width or height is padded by repeating the last column or row.

    Args:
        path: The file to write; an existing one is replaced at the end.
        fps: Frames a second.
        crf: x264's quality, 0 (lossless but for the colour conversion) to 51 (worst).
        reproducible: The same frames give the same bytes, in any process and on any number of
            cores: one thread encodes, and the file is some 5 % larger.

    Raises:
        VideoError: bad arguments, a folder that does not exist, frames of another size than the
            first, no frame at all, or a disk that refuses the data.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        fps: float | int,
        crf: int = 18,
        reproducible: bool = False,
    ):
        self.path = Path(path)
        self._part = self.path.with_name(self.path.name + ".part")
        self._container = self._stream = self._shape = None
        if not usable_rate(fps):
            raise VideoError(f"{path}: fps must be a number above 0 and up to 1000, not {fps!r}.")
        if not 0 <= crf <= 51:
            raise VideoError(f"{path}: crf must lie between 0 and 51, not {crf!r}.")
        self._rate, self._crf, self._reproducible = exact_rate(fps), crf, reproducible

    def __enter__(self) -> "VideoWriter":
        import av

        if not self.path.parent.is_dir() or self.path.is_dir():
            raise VideoError(f"{self.path} cannot be written: give a file in an existing folder.")
        try:
            self._container = av.open(
                f"file:{self._part}", "w", format="mp4", options={"movflags": "faststart"}
            )
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{self.path} cannot be written: {error.strerror}.") from error
        return self

    def write(
        self,
        frames: UInt8[np.ndarray, "k height width c"] | UInt8[np.ndarray, "height width c"],
    ) -> None:
        """Append one frame or an array of frames."""
        import av

        if self._container is None:
            raise VideoError(f"{self.path}: open the VideoWriter in a with statement first.")
        if frames.ndim == 3:
            frames = rearrange(frames, "height width c -> 1 height width c")
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise VideoError(
                f"{self.path}: frames must be uint8 RGB of shape (k, height, width, 3), "
                f"not {frames.dtype} {frames.shape}."
            )
        for image in frames:
            if self._stream is None:
                self._start(*image.shape[:2])
            if image.shape != self._shape:
                raise VideoError(
                    f"{self.path}: a frame of {image.shape[1]}×{image.shape[0]} pixels follows "
                    f"frames of {self._shape[1]}×{self._shape[0]}; write frames of one size."
                )
            height, width, _ = image.shape
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            self._mux(frame.reformat(format="yuv420p", dst_colorspace="itu709"))

    def _start(self, height: int, width: int) -> None:
        self._shape = (height, width, 3)
        options = {"crf": str(self._crf)}
        if self._reproducible:
            # The weights of x264's macroblock tree vary from run to run where it uses AVX-512
            # (seen with the x264 in PyAV 18.1: other bytes each time, with one thread as well).
            options["x264-params"] = "mbtree=0"
        self._stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        if self._reproducible:
            self._stream.codec_context.thread_count = 1
        # Tell players which colours are meant; untagged files look different from one to another.
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # 16 to 235

    def _mux(self, frame) -> None:
        import av

        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{self.path} cannot be written: {error.strerror}.") from error

    def __exit__(self, kind, error, trace) -> None:
        import av

        try:
            if kind is None:
                if self._stream is None:
                    raise VideoError(f"{self.path}: no frame was written, so there is no video.")
                self._mux(None)
            try:
                self._container.close()
            except (av.FFmpegError, OSError) as failure:
                if kind is None:
                    raise VideoError(
                        f"{self.path} cannot be written: {failure.strerror}."
                    ) from failure
            if kind is None:
                self._part.replace(self.path)
        finally:
            self._container = None
            self._part.unlink(missing_ok=True)


def write_video(
    path: str | os.PathLike,
    frames: np.ndarray | Iterable[np.ndarray],
    *,
    fps: float | int,
    reproducible: bool = False,
) -> None:
    """Write frames to an H.264 .mp4 file: one array, or an iterable of frames or of arrays.

    The file appears only when it is complete. H.264 in its common form (yuv420p) needs even sizes:
    an odd width or height is padded by repeating the last column or row.

    Args:
        path: the file to write; an existing one is replaced at the end.
        frames: uint8 RGB (k height width c), or an iterable of such arrays or of single frames, as
            `painlab.video.stream_video` gives them.
        fps: frames a second.
        reproducible: the same frames give the same bytes, in any process and on any number of
            cores: one thread encodes, and the file is some 5 % larger.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "film.mp4"
        ...     write_video(path, np.zeros((10, 48, 64, 3), np.uint8), fps=25)
        ...     path.exists()
        True

    Raises:
        VideoError: bad arguments, a folder that does not exist, frames of another size than the
            first, no frame at all, or a disk that refuses the data.
    """
    with VideoWriter(path, fps=fps, reproducible=reproducible) as writer:
        for part in [frames] if isinstance(frames, np.ndarray) else frames:
            writer.write(part)
