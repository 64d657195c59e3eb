"""Are SynthPain's pictures faces to a detector, and how far off are the embedded landmarks?

Draws frames of every subject at every level, spread over their clips, and looks for a face in each
by itself with painlab's MTCNN at its default thresholds; facenet-pytorch's own `MTCNN()` looks at a
subset. Where a face is found, the landmarks of `landmarks="embedded"` are compared with the true
68, by the head's yaw. What is done is kept below _build, subject by subject, so that a run that was
stopped goes on from there. Nothing is asserted.
"""

import argparse
import hashlib
import json
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _record import ROOT, record

from painlab.alignment.aligner import FaceAligner
from painlab.alignment.pose import head_angles
from painlab.datasets.synthpain import render
from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.render import render_clip
from painlab.datasets.synthpain.subjects import draw_subject

YAW = (0, 5, 10, 20, 90)  # degrees that the motion turns the head by: edges of the bins
REFERENCE_EVERY = 8  # of the subjects, the one that facenet-pytorch's own MTCNN looks at too
GROUPS = {
    "jaw": range(17), "brows": range(17, 27), "nose": range(27, 36), "eyes": range(36, 48),
    "mouth": range(48, 68),
}  # fmt: skip
LEVELS, TRIAL = range(5), 0


def main() -> None:
    """Print shares and errors; with --record keep them in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=87)
    parser.add_argument("--frames", type=int, default=6, help="of each clip, spread over it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--record", action="store_true")
    options = vars(parser.parse_args())
    keep = options.pop("record")

    from facenet_pytorch import MTCNN

    aligner = FaceAligner(landmarks="embedded", device="cpu")
    reference = MTCNN(device="cpu")
    folder = ROOT / "_build" / "synthpain_faces" / digest_of_code()
    rows, seconds = [], 0.0
    for index in range(options["subjects"]):
        found, took = kept(
            folder, index, options, lambda i=index: look(i, options, aligner, reference)
        )
        rows += found
        seconds += took
        if index % 10 == 9:
            print(f"{index + 1} subjects, {seconds:.0f} s", flush=True)
    figures = summarise(rows)
    show(figures)
    if keep:
        config = {**options, "levels": len(LEVELS), "yaw_bins": YAW, "detector": "MTCNN, 0.7"}
        print(record("synthpain_faces", figures, config=config, seconds=seconds))


def digest_of_code() -> str:
    """Changes with anything that decides how a picture looks or where a face is found."""
    package = Path(render.__file__).parents[2]
    told = hashlib.sha256()
    folders = (package / "datasets" / "synthpain", package / "alignment")
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    for path in (*files, *sorted((package / "assets").glob("*.safetensors"))):
        told.update(path.read_bytes())
    told.update(Path(__file__).read_bytes())
    return told.hexdigest()[:16]


def kept(folder: Path, index: int, options: dict, work) -> tuple[list[dict], float]:
    """What was found of a subject, and the seconds it took, from the folder if it is there."""
    settings = "-".join(str(options[name]) for name in ("seed", "frames", "size"))
    path = folder / f"{settings}-{index:03d}.json"
    if not path.exists():
        start = perf_counter()
        told = {"rows": work(), "seconds": perf_counter() - start}
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(told))
        part.replace(path)
    told = json.loads(path.read_text())
    return told["rows"], told["seconds"]


def look(index: int, options: dict, aligner, reference) -> list[dict]:
    """One row a frame of a subject."""
    subject = draw_subject(options["seed"], index)
    rows = []
    for level in LEVELS:
        motion = draw_motion(subject, level=level, trial=TRIAL, frames=options["frames"])
        clip = render_clip(subject, motion, level=level, trial=TRIAL, size=options["size"])
        frames = clip.frames.numpy()
        # every frame by itself: following a face would find it where a search does not
        aligned = [aligner(frame[None]) for frame in frames]
        angles = head_angles(clip.landmarks)
        for i, frame in enumerate(frames):
            row = {"subject": index, "level": level, "frame": i}
            row["yaw"] = abs(float(motion.pose[i, 0]))
            row["intensity"] = float(motion.intensity[i])
            # a face found elsewhere is no face: its box has to hold the true nose
            true = clip.landmarks[i].astype(np.float64)
            true[:, :2] -= 0.5  # pixel indices, as the aligner counts, not pixels' edges
            row["found"] = bool(aligned[i].found[0]) and holds(aligned[i].boxes[0], true[30])
            if row["found"]:
                row |= errors(aligned[i], true)
                row["angles"] = (aligned[i].angles[0] - angles[i]).tolist()
            if index % REFERENCE_EVERY == 0:
                with torch.inference_mode():
                    boxes, _ = reference.detect(frame)
                row["reference"] = boxes is not None and any(holds(b, true[30]) for b in boxes)
            rows.append(row)
    return rows


def holds(box, point) -> bool:
    """Whether a box (left, top, right, bottom) has a point inside."""
    return bool(box[0] < point[0] < box[2] and box[1] < point[1] < box[3])


def errors(aligned, true) -> dict:
    """Mean distances in the picture, as shares of two spans of the true landmarks."""
    apart = np.linalg.norm(aligned.landmarks[0, :, :2] - true[:, :2], axis=1)
    eyes = np.linalg.norm(true[45, :2] - true[36, :2])
    box = np.sqrt(np.prod(np.ptp(true[:, :2], axis=0)))
    groups = {name: float(apart[list(of)].mean() / eyes) for name, of in GROUPS.items()}
    return {"by_eyes": float(apart.mean() / eyes), "by_box": float(apart.mean() / box), **groups}


def summarise(rows: list[dict]) -> dict:
    """Shares found, and errors in each bin of yaw."""
    yaw = np.array([row["yaw"] for row in rows])
    found = np.array([row["found"] for row in rows])
    compared = [row for row in rows if "reference" in row]
    figures = {
        "frames": len(rows),
        "found": float(found.mean()),
        "found_by_level": [
            float(np.mean([row["found"] for row in rows if row["level"] == level]))
            for level in LEVELS
        ],
        "missed": [[r["subject"], r["level"], r["frame"]] for r in rows if not r["found"]],
        "reference_frames": len(compared),
        "found_by_reference": float(np.mean([row["reference"] for row in compared])),
        "found_of_the_same": float(np.mean([row["found"] for row in compared])),
        "error": error_of([row for row in rows if row["found"]]),
        "error_by_yaw": {},
    }
    for low, high in pairwise(YAW):
        here = (yaw >= low) & (yaw < high)
        name = f"{low}-{high}" if high < YAW[-1] else f"{low}+"
        chosen = [row for row, inside in zip(rows, here, strict=True) if inside]
        figures["error_by_yaw"][name] = {
            "frames": len(chosen),
            "found": float(found[here].mean()) if len(chosen) else None,
            **error_of([row for row in chosen if row["found"]]),
        }
    return figures


def error_of(rows: list[dict]) -> dict:
    """Means, and of the normalised mean error the median and the 95th percentile too."""
    if not rows:
        return {}
    table = {name: np.array([row[name] for row in rows]) for name in ("by_eyes", "by_box", *GROUPS)}
    off = np.abs([row["angles"] for row in rows])
    return {
        **{name: float(values.mean()) for name, values in table.items()},
        "median_by_eyes": float(np.median(table["by_eyes"])),
        "percentile_95_by_eyes": float(np.percentile(table["by_eyes"], 95)),
        "degrees_off": dict(zip(("yaw", "pitch", "roll"), off.mean(0).tolist(), strict=True)),
    }


def show(figures: dict) -> None:
    """The figures as a table."""
    print(f"{figures['frames']} frames: a face is found in {figures['found']:.2%}", end="; ")
    levels = ", ".join(f"{share:.2%}" for share in figures["found_by_level"])
    print(f"by level {levels}")
    print(
        f"facenet-pytorch's MTCNN(): {figures['found_by_reference']:.2%} of "
        f"{figures['reference_frames']}, painlab's {figures['found_of_the_same']:.2%} of the same"
    )
    if figures["missed"]:
        print("missed (subject, level, frame):", *figures["missed"][:12])
    names = ("by_eyes", "by_box", *GROUPS)
    print("yaw        frames   found " + "".join(f"{name:>9}" for name in names))
    bins = {"all": {"frames": figures["frames"], "found": figures["found"], **figures["error"]}}
    for name, told in (bins | figures["error_by_yaw"]).items():
        if "by_eyes" in told:
            values = "".join(f"{told[key]:>9.2%}" for key in names)
            print(f"{name:<10} {told['frames']:>6} {told['found']:>7.1%} {values}")


if __name__ == "__main__":
    main()
