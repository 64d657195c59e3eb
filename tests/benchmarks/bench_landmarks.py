"""How exact and how steady the embedded landmarks are, beside the fit, MTCNN's eyes and FAN.

Photographs: 34 neutral faces of the London set with hand-placed points. Pupils are the mean of an
eye's six landmarks, in parts of the distance between the true pupils; 14 further points in parts of
the distance between the outer eye corners. The hand-placed lids themselves, read as six landmarks
an eye, are scored too: their mean is not the pupil, as the upper lid hangs nearer to it.

Rendered heads: portraits of people whom no network saw, in parts of the distance of the outer eye
corners in space, by yaw. Where MTCNN finds no face, its five points are the true ones with 3 % of
noise; how often is told.

Steadiness, over the talking clips: how the landmarks' own pupils tremble in the frames, and, by a
measure that knows no landmarks, how the eyes do in the aligned pictures (`_steadiness`). Both in
parts of the distance between the eyes. FAN is there where its weights are cached. Nothing is
asserted.
"""

import argparse
import json
import os
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _hand_placed import LIDS, SAME, lid_mean
from _steadiness import EYES_APART, eye_paths, pupils, shake

import painlab as pl
from painlab.alignment import embedded
from painlab.alignment.fan import FanLandmarks, fan_cached
from painlab.alignment.follow import FaceFollower
from painlab.alignment.landmarks import FittedLandmarks, fit_five_points
from painlab.alignment.mtcnn import Faces
from painlab.alignment.pose import LEFT_EYE, RIGHT_EYE
from painlab.datasets.synthpain.portraits import draw_portraits

BESIDE = Path(__file__).parents[3] / "shared" / "media"
MEDIA = Path(os.environ.get("PAINLAB_MEDIA", BESIDE))
CPU = torch.device("cpu")
SEED = 3001  # people of whom no network learned
YAW = (0, 15, 30, 45, 90)
SIZE = 224


def main() -> None:
    """Print the tables; with --record keep them in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", help="another weights file than the one that is shipped")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=8, help="of each rendered person")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    embedded.WEIGHTS = options.weights or embedded.WEIGHTS
    start = perf_counter()
    aligner = pl.FaceAligner(landmarks="fitted", device="cpu")
    methods = {
        "embedded": embedded.EmbeddedLandmarks(device=CPU),
        "fitted": FittedLandmarks(),
    }
    if fan_cached():
        methods["fan"] = FanLandmarks(device=CPU)
    figures = {"rendered": rendered(aligner, methods, options)}
    if (MEDIA / "london").is_dir():
        figures["photographs"] = photographs(aligner, methods)
        figures["steadiness"], figures["speed"] = clips(aligner, methods)
    else:
        print(f"{MEDIA}: no photographs and clips of real faces; name their folder, PAINLAB_MEDIA.")
    if options.record:
        from _record import record

        config = {"people": options.people, "pictures": options.pictures, "seed": SEED}
        config |= methods["embedded"].describe()  # with a digest of the weights
        print(record("landmarks", figures, config=config, seconds=perf_counter() - start))


def distances(a, b, unit):
    return np.linalg.norm(a - b, axis=-1) / unit[:, None]


def doubt(landmarks, points):
    """What `embedded.agree` compares with its threshold."""
    fitted = fit_five_points(points)
    eyes = fitted[:, LEFT_EYE].mean(1) - fitted[:, RIGHT_EYE].mean(1)
    return distances(embedded.five_of(landmarks), points, np.linalg.norm(eyes, axis=1)).mean(1)


def opening(landmarks, unit):
    """How far apart the lids are; its slope over the true one is 0 where lids are guessed."""
    upper, lower = landmarks[:, [37, 38, 43, 44], :2], landmarks[:, [41, 40, 47, 46], :2]
    return np.linalg.norm(lower - upper, axis=2).mean(1) / unit


def photographs(aligner, methods) -> dict:
    """Errors on the neutral photographs."""
    import cv2

    hand = json.loads((MEDIA / "london" / "points.json").read_text())["points"]
    frames = [cv2.imread(str(MEDIA / "london" / name))[..., ::-1].copy() for name in hand]
    true = np.array(list(hand.values()))  # k 189 2
    faces = [FaceFollower(aligner.detector)(frame[None]) for frame in frames]
    faces = Faces.join(faces)
    between = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
    corners = np.linalg.norm(true[:, SAME[45]] - true[:, SAME[36]], axis=1)
    told = {}
    print("\nphotographs        pupils   their max   14 points   doubt")
    for name, source in methods.items():
        landmarks = source(frames, faces)
        off = distances(pupils(landmarks), true[:, :2], between)
        apart = (landmarks[:, list(SAME), :2] - true[:, list(SAME.values())]) / corners[
            :, None, None
        ]
        errors = np.linalg.norm(apart, axis=2)  # k 14
        points = {
            str(j): {"error": e, "right": x, "down": y}
            for j, e, (x, y) in zip(SAME, errors.mean(0), apart.mean(0), strict=True)
        }
        told[name] = {
            "pupils": off.mean(), "pupils_max": off.max(), "points_14": errors.mean(),
            "points": points, "doubt_max": doubt(landmarks, faces.points).max(),
        }  # fmt: skip
        row = f"{off.mean():>8.2%} {off.max():>11.2%} {errors.mean():>11.2%}"
        print(f"{name:<16} {row} {told[name]['doubt_max']:>7.2f}")
    mtcnn = distances(faces.points[:, :2], true[:, :2], between)
    lids = np.stack([lid_mean(true, *eye) for eye in LIDS], 1)
    hand_placed = distances(lids, true[:, :2], between)
    for name, off in {"mtcnn": mtcnn, "hand_placed_lids": hand_placed}.items():
        told[name] = {"pupils": off.mean(), "pupils_max": off.max()}
        print(f"{name:<16} {off.mean():>8.2%} {off.max():>11.2%}")
    return plain(told)


def rendered(aligner, methods, options) -> dict:
    """Errors on rendered people, by yaw."""
    frames, true, yaw, points, found = [], [], [], [], []
    rng = np.random.default_rng(SEED)
    for who in range(options.people):
        drawn = draw_portraits(who, seed=SEED, count=options.pictures, size=SIZE, crop="loose")
        for image, landmarks, angles in zip(
            drawn.images.numpy(), drawn.landmarks.numpy(), drawn.angles.numpy(), strict=True
        ):
            faces = FaceFollower(aligner.detector)(image[None])
            box, nose = faces.boxes[0], landmarks[30, :2]
            inside = (box[:2] < nose) & (nose < box[2:])
            own = embedded.five_of(landmarks[None])[0]
            noise = 0.03 * np.linalg.norm(own[1] - own[0])
            found.append(bool(inside.all()))
            points.append(faces.points[0] if found[-1] else own + rng.normal(0, noise, (5, 2)))
            frames.append(image)
            true.append(landmarks)
            yaw.append(abs(angles[0]))
    true, yaw, points = np.stack(true), np.array(yaw), np.stack(points)
    faces = faces_at(points)
    unit = np.linalg.norm(true[:, 45] - true[:, 36], axis=1)
    told = {"pictures": len(frames), "found": np.mean(found)}
    print(f"rendered: MTCNN finds {told['found']:.1%} of {len(frames)} faces")
    print(
        "yaw         " + "".join(f"{f'{a}-{b}':>9}" for a, b in pairwise(YAW)) + "     to 45    z"
    )
    for name, source in methods.items():
        landmarks = source(frames, faces)
        errors = distances(landmarks[..., :2], true[..., :2], unit).mean(1)
        deep = landmarks[..., 2] - true[..., 2]  # z has an origin of its own: the eyes
        deep -= deep[:, 36:48].mean(1, keepdims=True)
        depth = (np.abs(deep) / unit[:, None]).mean(1)
        bins = {f"{a}-{b}": errors[(yaw >= a) & (yaw < b)].mean() for a, b in pairwise(YAW)}
        near = yaw < 45
        told[name] = {
            "opening_slope": np.polyfit(opening(true, unit), opening(landmarks, unit), 1)[0],
            "by_yaw": bins, "to_45": errors[near].mean(), "depth_to_45": depth[near].mean(),
            "doubt_max": doubt(landmarks, points).max(),
        }  # fmt: skip
        row = "".join(f"{value:>9.2%}" for value in bins.values())
        row += f" {told[name]['to_45']:>9.2%} {told[name]['depth_to_45']:>7.2%}"
        print(
            f"{name:<12}{row} {told[name]['opening_slope']:>7.2f} {told[name]['doubt_max']:>7.2f}"
        )
    told["kept_the_fit"] = methods["embedded"].fallbacks
    return plain(told)


def clips(aligner, methods) -> tuple[dict, dict]:
    """Tremble over the talkers, and over the expressive woman apart; milliseconds a face."""
    tremble = {name: {} for name in methods}
    frames = faces = None
    for path in sorted((MEDIA / "clips").iterdir()):
        frames = pl.read_video(path, max_frames=150).frames
        faces = FaceFollower(aligner.detector)(frames)
        if not (faces.confidence > 0).all():
            print(f"{path.name}: left out, it has frames without a face.")
            continue
        for name, source in methods.items():
            landmarks = source(list(frames), faces)
            unit = np.linalg.norm(np.diff(pupils(landmarks), axis=1), axis=-1).mean()
            tremble[name][path.name] = {
                "landmarks": shake(pupils(landmarks)) / unit,
                "pictures": shake(eye_paths(frames, landmarks)) / EYES_APART,
                "doubt_max": doubt(landmarks, faces.points).max(),
            }
    talkers = [name for name in tremble["fitted"] if name.endswith(".mpg")]
    print("\ntremble over the talkers   of the landmarks   of the aligned pictures")
    for name, rows in tremble.items():
        mean = {k: np.mean([rows[clip][k] for clip in talkers]) for k in ("landmarks", "pictures")}
        rows["talkers"] = mean
        print(f"{name:<26} {mean['landmarks']:>16.3%} {mean['pictures']:>25.3%}")
    source = methods["embedded"]
    print(f"{source.fallbacks} of {source.placed} faces of this run kept the fit")
    told = {**tremble, "placed": source.placed, "kept_the_fit": source.fallbacks}
    return plain(told), speed(source, list(frames[:8]), faces.pick(slice(0, 8)))


def speed(source, frames, faces) -> dict:
    """Milliseconds a face in a block of 8, and how that compares with the network's pass alone."""
    images = torch.rand(len(frames), 3, *[source.network.config.image_size] * 2)
    images = images.contiguous(memory_format=torch.channels_last)
    whole, plain_pass = [], []
    with torch.inference_mode():
        for _ in range(6):
            start = perf_counter()
            source(frames, faces)
            middle = perf_counter()
            source.network(images)
            whole.append(middle - start)
            plain_pass.append(perf_counter() - middle)
    told = {
        "milliseconds": 1000 * min(whole[1:]) / len(frames),
        "milliseconds_of_a_pass": 1000 * min(plain_pass[1:]) / len(frames),
        "threads": torch.get_num_threads(),
    }
    ratio = told["milliseconds"] / told["milliseconds_of_a_pass"]
    print(f"{told['milliseconds']:.1f} ms a face on {told['threads']} threads, {ratio:.2f} passes")
    return told


def faces_at(points):
    """Faces of which only the five points are known."""
    return Faces.none(len(points))._replace(points=points, confidence=np.ones(len(points)))


def plain(told):
    """Numbers of numpy as JSON knows them."""
    if isinstance(told, dict):
        return {name: plain(value) for name, value in told.items()}
    return round(float(told), 6) if isinstance(told, np.floating) else told


if __name__ == "__main__":
    main()
