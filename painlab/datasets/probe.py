"""What clips hold, without decoding them through: frames, rate, size; whether they are whole."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from painlab._decoding import open_video, rate_of
from painlab.errors import VideoError


@dataclass(frozen=True)
class ClipFacts:
    """What was counted in a clip: pictures, pictures a second, and their size in pixels."""

    frames: int
    fps: float
    width: int
    height: int


def probe_clip(path: Path, *, decode: bool = False) -> ClipFacts:
    """Count the pictures that really lie in a file, and decode the first.

    A header may promise pictures that a broken copy has lost, so they are counted in the file:
    some 3 ms for a clip of 138 frames and 224×224 pixels, where decoding it through takes 30.

    Args:
        path: a video file.
        decode: decode every picture; finds damage in the middle of a clip.

    Raises:
        VideoError: not a video, cut off, or a picture does not decode.
    """
    import av

    packets = decoded = 0
    size = reason = None
    with open_video(path) as (container, stream):
        stream.thread_type = "NONE"  # starting threads costs more than one picture's decoding
        promised, rate = stream.frames, float(rate_of(stream))
        demuxed = container.demux(stream)
        while True:
            try:
                packet = next(demuxed, None)
            except (av.FFmpegError, OSError) as error:
                reason = error.strerror
                break
            if packet is None:
                break
            whole = packet.size and not packet.is_corrupt
            packets += bool(whole)
            if (size and not decode) or (packet.size and not whole):
                continue
            try:
                frames = stream.codec_context.decode(packet if packet.size else None)
            except (av.FFmpegError, OSError, EOFError) as error:
                reason = reason or error.strerror
                continue
            for frame in frames:
                size = size or (frame.width, frame.height)
                decoded += not frame.is_corrupt
    why = f" ({reason})" if reason else ""
    if size is None:
        raise VideoError(f"{path}: no frame can be decoded{why}; the file is damaged or cut off.")
    if packets < promised:
        raise VideoError(f"{path} is cut off: {packets} of its {promised} frames are there{why}.")
    if decode and decoded < packets:
        raise VideoError(f"{path} is damaged: {decoded} of its {packets} frames decode{why}.")
    return ClipFacts(packets, rate, *size)


def probe_clips(
    paths: Sequence[Path], *, decode: bool = False, advance: Callable[[], object] = lambda: None
) -> list[ClipFacts | VideoError]:
    """Probe many clips, some at a time; those that cannot be read give their error.

    Args:
        paths: the video files.
        decode: as for `probe_clip`.
        advance: called after each clip.
    """

    def look(path: Path) -> ClipFacts | VideoError:
        try:
            return probe_clip(path, decode=decode)
        except VideoError as error:
            return error
        except OSError as error:
            return VideoError(f"{path} cannot be read: {error.strerror}.")

    found = []
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))
    try:
        for facts in pool.map(look, paths):
            found.append(facts)
            advance()
    finally:  # an interruption does not wait for the clips still to come
        pool.shutdown(cancel_futures=True)
    return found
