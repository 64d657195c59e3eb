"""Alignment beside facenet-pytorch's MTCNN called frame by frame, on the same clips in one run.

Both take turns on the same pieces of a clip, so that whatever else the machine does slows both.
Frames a second are those of finding and following the face; the stages after it are timed alone.
Nothing is asserted.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

import painlab as pl
from painlab.alignment.follow import FaceFollower, overlap
from painlab.alignment.warp import similarity_3d, warp_frame

PIECE = 24  # frames: the two are timed by turns


def clock(work):
    """What some work gives, and the seconds it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def compare(frames, aligner, reference) -> dict[str, float]:
    """Frames a second of both, and how well their boxes agree."""
    follower = FaceFollower(aligner.detector)
    ours, theirs, our_time, their_time = [], [], 0.0, 0.0
    for start in range(0, len(frames), PIECE):
        piece = frames[start : start + PIECE]
        faces, seconds = clock(lambda: follower(piece))  # noqa: B023
        our_time += seconds
        ours.append(faces)
        found, seconds = clock(lambda: [reference.detect(frame) for frame in piece])  # noqa: B023
        their_time += seconds
        theirs += [boxes[0] if boxes is not None else np.full(4, np.nan) for boxes, _ in found]
    boxes = np.concatenate([faces.boxes for faces in ours])
    same = np.array(
        [overlap(a[None], np.asarray(b, float))[0] for a, b in zip(boxes, theirs, strict=True)]
    )
    return {
        "painlab": len(frames) / our_time,
        "mtcnn": len(frames) / their_time,
        "found": float(np.isfinite(boxes[:, 0]).mean()),
        "alike": float((same >= 0.8).mean()),
        "overlap": float(np.nanmean(same)),
    }


def stages(frames, aligner) -> dict[str, float]:
    """Milliseconds a frame of each stage of `FaceAligner`."""
    size = aligner.size
    faces, detect = clock(lambda: FaceFollower(aligner.detector)(frames))
    rows = np.flatnonzero(faces.confidence > 0)
    seen, found = [frames[i] for i in rows], faces.pick(rows)
    landmarks, place = clock(lambda: aligner.source(seen, found))
    _, warp = clock(
        lambda: [
            warp_frame(frame, similarity_3d(points, size=size), size=size)
            for frame, points in zip(seen, landmarks, strict=True)
        ]
    )
    times = {"detect": detect, aligner.landmarks_used: place, "warp": warp}
    return {name: 1000 * seconds / len(frames) for name, seconds in times.items()}


def main() -> None:
    """Print the comparison for each clip of a folder; with --record keep it in data/results."""
    import facenet_pytorch

    beside = Path(__file__).parents[3] / "shared" / "media"
    media = Path(os.environ.get("PAINLAB_MEDIA", beside)) / "clips"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=media, help="of clips with faces")
    parser.add_argument("--frames", type=int, help="only the first so many of each clip")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"{options.folder}: no clips to align; name a folder.")
        return
    aligner = pl.FaceAligner(landmarks="embedded")
    device = aligner.detector.networks.device
    reference = facenet_pytorch.MTCNN(device=device)
    print(f"On {device}, {os.cpu_count()} cores.")
    print("clip                     frames     size   painlab   MTCNN   ratio   found  IoU>=0.8")
    figures, begin = {}, time.perf_counter()
    for path in sorted(path for path in options.folder.iterdir() if path.is_file()):
        frames = pl.read_video(path, max_frames=options.frames).frames
        FaceFollower(aligner.detector)(frames[:16])  # warm-up
        reference.detect(frames[0])
        row = compare(frames, aligner, reference)
        parts = stages(frames, aligner)
        figures[path.name] = {**row, "milliseconds": parts}
        size = f"{frames.shape[2]}x{frames.shape[1]}"
        ratio = row["painlab"] / row["mtcnn"]
        print(
            f"{path.name:<22} {len(frames):>8} {size:>8} {row['painlab']:>9.1f} "
            f"{row['mtcnn']:>7.1f} {ratio:>6.1f}x {row['found']:>7.1%} {row['alike']:>9.1%}"
        )
        text = ", ".join(f"{name} {value:.2f}" for name, value in parts.items())
        print(f"{'':<22} milliseconds a frame: {text}", flush=True)
    if options.record:
        from _record import record

        config = {"landmarks": "embedded", "frames": options.frames or "all", "piece": PIECE}
        seconds = time.perf_counter() - begin
        print(
            record("alignment_speed", figures, config=config, seconds=seconds, device=str(device))
        )


if __name__ == "__main__":
    main()
