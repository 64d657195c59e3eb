"""From a file to upright pictures with their times: the part of ``painlab.video`` that meets PyAV.

Nothing here is public. ``painlab.video`` turns what these functions give into arrays and clips.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from einops import rearrange

from painlab.errors import VideoError
from painlab.typing import UInt8

#: What is assumed of a file that does not tell its frame rate (BioVid's rate).
FALLBACK_RATE = Fraction(25)

#: Matroska and FLV round times to the millisecond, so two times this close are the same time.
ROUNDING = Fraction(1, 1000)

# In these containers the length stands in the header, so a file that ends early can be told from
# a short one. In the others (MPEG, raw streams) libav estimates it from what is there.
_LENGTH_IN_HEADER = ("mov", "matroska", "avi", "flv", "asf")


class Picture(NamedTuple):
    """A decoded frame and the seconds during which it is shown."""

    start: Fraction
    end: Fraction
    frame: Any  # av.VideoFrame


def check_file(path: Path) -> None:
    """Refuse what cannot be a video before libav is asked: no file, a folder, an empty file."""
    if not path.exists():
        raise VideoError(f"{path} does not exist; give the path of a video file.")
    if not path.is_file():
        raise VideoError(f"{path} is no file but a folder or device; give the path of a video.")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes); copy or record the video again.")


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """The opened container and its first video stream; cover pictures of music do not count."""
    import av

    check_file(path)
    try:
        # "file:" keeps a colon in the name from being read as a protocol.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise VideoError(
            f"{path} cannot be opened as a video ({_reason(error)}): it is damaged, cut off before "
            "its index, or another kind of file; give a whole video such as .mp4, .avi or .mkv."
        ) from error
    with container:
        streams = [
            stream
            for stream in container.streams.video
            if not stream.disposition & stream.disposition.attached_pic
        ]
        # libav draws any .txt file as a film of a text terminal ("tty").
        if not streams or container.format.name == "tty":
            raise VideoError(f"{path} holds no video stream; give a file that has pictures.")
        if streams[0].codec_context is None:
            raise VideoError(
                f"{path} is damaged, or in a video format that this build of PyAV cannot decode; "
                "convert it to H.264 in .mp4."
            )
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


def rate_of(stream: Any) -> Fraction:
    """Frames a second of a stream, on average where the rate varies."""
    return stream.average_rate or stream.guessed_rate or stream.base_rate or FALLBACK_RATE


def length_of(container: Any, stream: Any) -> float | None:
    """Seconds that the container says the video lasts, or None where it says nothing."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def decode(path: Path) -> Iterator[Picture]:
    """Every readable picture of the file's first video stream, in the order of showing.

    What is damaged is skipped. Where that happens, or where a file ends before the length in its
    header, one UserWarning tells how many pictures came out.

    Raises:
        VideoError: the file cannot be opened, has no video stream, or no picture of it decodes.
    """
    import av

    count, damaged, last, heard = 0, None, None, Fraction(0)
    with open_video(path) as (container, stream):
        decoder, rate = _decoder(stream), rate_of(stream)
        tick, seconds = stream.time_base, (container.duration or 0) / 1_000_000
        packets = container.demux()
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                if packet.pts is not None:
                    # How far the file reaches: sound counts, it may outlast the pictures.
                    heard = max(heard, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream_index != stream.index:
                    continue
                if packet.is_corrupt:
                    damaged = "a packet is incomplete"
                    continue
                frames = decoder.decode(packet if packet.size else None)
            except EOFError:
                break
            except (av.FFmpegError, OSError) as error:
                damaged = _reason(error)
                if packet is None:
                    break
                continue
            for frame in frames:
                if frame.is_corrupt:  # holes in it were filled in by guessing
                    damaged = "a frame is incomplete"
                    continue
                start = last.end if last and frame.pts is None else (frame.pts or 0) * tick
                # Broken files may step back in time; showing goes on forward.
                start = max(start, last.start) if last else start
                end = start + (frame.duration * tick if frame.duration else 1 / rate)
                last = Picture(start, end, frame)
                count += 1
                yield last
        if container.format.name.split(",")[0] in _LENGTH_IN_HEADER:
            missing = seconds - float(heard) + (container.start_time or 0) / 1_000_000
            # Grace for how muxers count the last frame's showing and the padding of sound.
            if missing > max(3 / float(rate), 0.3 if container.streams.audio else 0):
                damaged = damaged or f"it ends {missing:.2f} s early"
    if count == 0:
        why = f" ({damaged})" if damaged else ""
        raise VideoError(f"{path}: no frame can be decoded{why}; the file is damaged or cut off.")
    if damaged:
        frames = "1 frame" if count == 1 else f"{count} frames"
        warnings.warn(
            f"{path} is damaged or cut off ({damaged}): {frames} could be read.", stacklevel=3
        )


def resample(pictures: Iterable[Picture], rate: Fraction) -> Iterator[Picture]:
    """For each time 0, 1/rate, 2/rate, ... after the first picture, the picture shown then.

    Pictures repeat or drop out as needed; a clip already at this rate comes out unchanged. At
    least one picture comes out.
    """
    period, origin, due, shown = 1 / rate, None, 0, None
    for picture in pictures:
        if shown is None:
            origin = picture.start
        while shown is not None and origin + due * period + ROUNDING < picture.start:
            yield shown
            due += 1
        shown = picture
    while shown is not None and (due == 0 or origin + due * period + ROUNDING < shown.end):
        yield shown
        due += 1


class ToRGB:
    """Turns decoded frames of one stream into upright RGB arrays of one size.

    Alpha is laid over black. The display matrix of the container (rotation, mirroring) is
    applied. Should the size change within a stream, later frames are scaled to the first.
    """

    def __init__(self):
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()  # kept: it holds libswscale's tables
        self._size = {}

    def __call__(self, frame: Any) -> UInt8[np.ndarray, "height width c"]:
        """The picture of one frame."""
        alpha = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
        size = self._size or {"width": frame.width, "height": frame.height}
        self._size = size
        converted = self._reformatter.reformat(frame, format="rgba" if alpha else "rgb24", **size)
        image = converted.to_ndarray()  # (height width c)
        if alpha:
            cover = image[..., 3:].astype(np.uint16)  # (height width 1)
            image = ((image[..., :3] * cover + 127) // 255).astype(np.uint8)  # (height width 3)
        return _upright(image, frame)


def _upright(image: np.ndarray, frame: Any) -> np.ndarray:
    """Apply the display matrix: stored (x, y) is shown at (a x + c y, b x + d y)."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(matrix, dtype=np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):  # a quarter turn: columns become rows
        image = rearrange(image, "height width c -> width height c")
        a, d = c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _decoder(stream: Any) -> Any:
    """The stream's own decoder, but libvpx for VP8 and VP9 with alpha, which libav's own drops."""
    import av

    library = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    if library in av.codecs_available and stream.metadata.get("alpha_mode") == "1":
        return av.CodecContext.create(library, "r")
    return stream.codec_context


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def exact_rate(fps: float | int) -> Fraction:
    """A frame rate as a fraction: 29.97002997 is 30000/1001, as broadcasters mean it."""
    return Fraction(fps).limit_denominator(1001)


def usable_rate(fps: Any) -> bool:
    """Whether a number can be a frame rate: finite, above 0 and at most 1000."""
    return isinstance(fps, Real) and not isinstance(fps, bool) and 1 / 1001 <= fps <= 1000
