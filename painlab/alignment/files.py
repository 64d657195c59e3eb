"""From a video file to a video of aligned faces, and to a file of places and poses."""

from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from painlab.alignment.aligner import AlignedClip, FaceAligner
from painlab.errors import AlignmentError, PainLabError
from painlab.typing import Bool
from painlab.video import VideoWriter, stream_video, video_info


@dataclass(frozen=True, eq=False)
class AlignedVideo:
    """Where the face was in a video, and how it was aligned; the pictures are not kept."""

    path: Path
    fps: float
    faces: AlignedClip
    description: dict[str, str | int]  # of the aligner
    seconds: dict[str, float]

    def to_dict(self) -> dict:
        """Plain values for JSON: one entry a frame, None where there is no face."""
        angles = self.faces.angles
        frames = [
            {
                "box": [round(float(x), 2) for x in self.faces.boxes[i]],
                "confidence": round(float(self.faces.confidence[i]), 4),
                "yaw_pitch_roll": [round(float(x), 2) for x in angles[i]],
            }
            if found
            else None
            for i, found in enumerate(self.faces.found)
        ]
        return {
            "video": str(self.path),
            "frames_per_second": self.fps,
            "aligner": self.description,
            "frames_with_face": int(self.faces.found.sum()),
            "frames": frames,
            "seconds": {stage: round(s, 4) for stage, s in self.seconds.items()},
        }


def runs_without_face(found: Bool[np.ndarray, "k"]) -> tuple[tuple[int, int], ...]:
    """Runs of frames without a face: the first frame, and the one after the last.

    Example:
        >>> runs_without_face(np.array([True, False, False, True, False]))
        ((1, 3), (4, 5))
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([1], found, [1])).astype(np.int8)))
    return tuple((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def align_video(
    path: str | Path,
    *,
    output: str | Path | None = None,
    data: str | Path | None = None,
    landmarks: str = "auto",
    size: int = 224,
    device: str | None = None,
    progress: bool = False,
) -> AlignedVideo:
    """Align the face in a video file, at the video's own frame rate.

    Args:
        path: the video.
        output: an .mp4 file for the aligned faces (black where there is none).
        data: a .safetensors file for boxes, confidence, landmarks, transforms, angles and found.
        landmarks: "auto", "fan", "embedded" or "fitted", as for `FaceAligner`.
        size: pixels of a side of the aligned faces.
        device: of the networks; a GPU where there is one if None.
        progress: show a progress bar on the standard error stream.

    Raises:
        VideoError: where the video cannot be read or written.
        PainLabError: where no frame has a face.

    Outputs appear whole, after the last frame, or not at all.
    """
    aligner = FaceAligner(landmarks=landmarks, size=size, device=device)
    fps = video_info(path).fps
    seconds = {"decode": 0.0}
    chunks = with_progress(stream_video(path), path, show=progress)
    writer = VideoWriter(output, fps=fps) if output else None
    parts = []
    with closing(chunks), writer or nullcontext():
        for part in aligner.stream(timed(chunks, seconds, "decode")):
            if writer:
                writer.write(part.frames)
            parts.append(without_frames(part))
        faces = AlignedClip.join(parts)
        require_a_face(faces, path)
        aligned = AlignedVideo(
            path=Path(path),
            fps=fps,
            faces=faces,
            description=aligner.description,
            seconds={**seconds, **aligner.seconds},
        )
        if data:  # while the video can still be given up: both outputs, or none
            _write_data(aligned, Path(data))
    return aligned


def require_a_face(faces: AlignedClip, path: str | Path) -> None:
    """Refuse a video in which nobody is seen."""
    if not faces.found.any():
        raise PainLabError(f"{path}: no face was found in any of {len(faces)} frames looked at.")


def without_frames(clip: AlignedClip) -> AlignedClip:
    """The same clip without its pictures, which are nearly all of its memory."""
    return replace(clip, frames=np.empty((len(clip), 0, 0, 3), np.uint8))


def timed(items: Iterable, seconds: dict[str, float], stage: str) -> Iterator:
    """The same items, with the time that each takes to come added to ``seconds[stage]``."""
    items = iter(items)
    while True:
        start = perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        finally:
            seconds[stage] += perf_counter() - start
        yield item


def with_progress(
    chunks: Iterator, path: str | Path, *, show: bool, fps: float | None = None
) -> Iterator:
    """The same chunks, with a bar of frames on the standard error stream."""
    if not show:
        yield from chunks
        return
    from tqdm import tqdm

    info = video_info(path)
    total = round(info.duration * fps) if fps and info.duration else info.frames
    with tqdm(total=total, unit="frame", desc=Path(path).name, dynamic_ncols=True) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))


def _write_data(aligned: AlignedVideo, path: Path) -> None:
    """All arrays of the clip but the pictures, as safetensors with the aligner's description."""
    from safetensors.numpy import save_file

    faces = aligned.faces
    arrays = {
        "boxes": faces.boxes,
        "confidence": faces.confidence,
        "landmarks": faces.landmarks,
        "transforms": faces.transforms,
        "angles": faces.angles.astype(np.float32),
        "found": faces.found,
    }
    metadata = {key: str(value) for key, value in aligned.description.items()}
    metadata |= {"video": aligned.path.name, "fps": repr(aligned.fps)}
    part = path.with_name(path.name + ".part")
    try:
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, part, metadata=metadata)
        part.replace(path)
    except Exception as error:
        part.unlink(missing_ok=True)
        raise AlignmentError(f"{path} cannot be written ({type(error).__name__}).") from error
