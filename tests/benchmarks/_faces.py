"""The pictures that bench_faces measures with; what has been drawn is kept below _build."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from _record import ROOT

from painlab.alignment import pose, warp
from painlab.alignment.aligner import FaceAligner
from painlab.datasets.synthpain import render
from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.portraits import draw_portraits
from painlab.datasets.synthpain.render import render_clip
from painlab.datasets.synthpain.subjects import draw_subject
from painlab.training import clip_faces
from painlab.training.embeddings import frozen_features

KEPT = ROOT / "_build" / "faces"
SIZE = 224
SEED_OF_STRANGERS = 4001  # 2001 and 1001 are learned from, 0 is SynthPain's
LEVELS, TRIAL = range(5), 0


class Pictures(NamedTuple):
    """Pictures (b, 224, 224, 3), who is in each, and what the faces do (of clips' frames only)."""

    images: np.ndarray
    person: np.ndarray
    actions: np.ndarray
    key: str  # changes with anything that decides the pictures

    def chosen(self, rows: np.ndarray, name: str) -> "Pictures":
        """Some of them; the name says which."""
        return Pictures(
            self.images[rows], self.person[rows], self.actions[rows], f"{self.key}-{name}"
        )


def strangers(people: int, pictures: int, *, say: Callable = print) -> Pictures:
    """Aligned portraits of rendered people that nothing has learned from."""
    folder = KEPT / digest_of_drawing() / f"strangers-{pictures}"
    drawn = [
        kept(folder / f"{i:03d}.npz", lambda i=i: _portraits(i, pictures), i, say)
        for i in range(people)
    ]
    return joined(drawn, f"strangers-{people}-{pictures}-{digest_of_drawing()}")


def _portraits(identity: int, count: int) -> dict[str, np.ndarray]:
    told = draw_portraits(identity, seed=SEED_OF_STRANGERS, count=count, size=SIZE, crop="aligned")
    return {
        "images": told.images.numpy(),
        "person": told.identity.numpy(),
        "actions": told.actions.numpy(),
    }


def clip_frames(
    people: range, frames: int, *, landmarks: str = "truth", say: Callable = print
) -> Pictures:
    """Aligned frames of SynthPain's clips, one clip a level of each person, spread over the clip.

    `landmarks` is "truth", or what `FaceAligner` takes: then frames without a face are left out.
    """
    aligner = None if landmarks == "truth" else FaceAligner(landmarks=landmarks, device="cpu")
    name = "truth" if aligner is None else short(str(sorted(aligner.description.items())))
    folder = KEPT / digest_of_drawing() / f"frames-{frames}-{name}"
    drawn = [
        kept(folder / f"{i:03d}.npz", lambda i=i: _frames(i, frames, aligner), i, say)
        for i in people
    ]
    asked = f"frames-{people.start}-{people.stop}-{frames}-{name}"
    return joined(drawn, f"{asked}-{digest_of_drawing()}")


def _frames(index: int, count: int, aligner: FaceAligner | None) -> dict[str, np.ndarray]:
    subject = draw_subject(0, index)
    images, actions = [], []
    for level in LEVELS:
        motion = draw_motion(subject, level=level, trial=TRIAL, frames=count)
        clip = render_clip(subject, motion, level=level, trial=TRIAL, size=SIZE)
        if aligner is None:
            images.extend(clip_faces.align_by_truth(clip, size=SIZE).numpy())
            actions.append(motion.actions)
        else:
            # each by itself: these frames are too far apart for a face to be followed
            for frame, row in zip(clip.frames.numpy(), motion.actions, strict=True):
                aligned = aligner(frame[None])
                if aligned.found[0]:
                    images.append(aligned.frames[0])
                    actions.append(row[None])
    actions = np.concatenate(actions)
    return {
        "images": np.stack(images),
        "person": np.full(len(actions), index),
        "actions": actions,
    }


def photographs(*, landmarks: str, say: Callable = print) -> tuple[Pictures, Pictures]:
    """The neutral and the smiling photographs of the London set, aligned.

    Raises:
        SystemExit: where the folder of real faces is not there.
    """
    media = Path(os.environ.get("PAINLAB_MEDIA", ROOT.parent / "shared" / "media"))
    if not (media / "london").is_dir():
        raise SystemExit("There is no folder of real faces: name it in PAINLAB_MEDIA.")
    aligner = FaceAligner(landmarks=landmarks, device="cpu")
    sets = []
    for kind in ("neutral", "smiling"):
        paths = sorted((media / "london").glob(f"*_{kind}.jpg"))
        code = [Path(module.__file__).read_bytes() for module in (pose, warp)]
        told = short(str(sorted(aligner.description.items())), *code, *map(Path.read_bytes, paths))
        drawn = kept(
            KEPT / "photographs" / f"{kind}-{told}.npz",
            lambda p=paths: _aligned(p, aligner),
            0,
            say,
        )
        sets.append(joined([drawn], f"{kind}-{told}"))
    return sets[0], sets[1]


def _aligned(paths: list[Path], aligner: FaceAligner) -> dict[str, np.ndarray]:
    import cv2

    images, person = [], []
    for path in paths:
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        aligned = aligner(picture[None])
        if not aligned.found[0]:
            raise SystemExit(f"{path.name}: no face was found.")
        images.append(aligned.frames[0])
        person.append(int(path.name.partition("_")[0]))
    return {
        "images": np.stack(images),
        "person": np.array(person),
        "actions": np.zeros((len(person), 0), np.float32),
    }


def kept(path: Path, work: Callable[[], dict], number: int, say: Callable) -> dict:
    """Arrays from the file, made and written first where there is none."""
    if not path.exists():
        made = work()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **made)
        part.replace(path)
        if number % 10 == 9:
            say(f"{path.parent.name}: {number + 1} people drawn")
    with np.load(path) as file:
        return dict(file)


def joined(parts: list[dict], key: str) -> Pictures:
    """Pictures of several people in one."""
    arrays = (np.concatenate([p[name] for p in parts]) for name in ("images", "person", "actions"))
    return Pictures(*arrays, key)


def kept_features(pictures: Pictures, model: torch.nn.Module) -> np.ndarray:
    """Features from the file of these pictures and weights, made first where there is none."""
    package = Path(render.__file__).parents[2]
    files = [*sorted((package / "spatial").glob("*.py")), package / "layers.py"]
    tensors = [t.detach().cpu().numpy().tobytes() for t in model.state_dict().values()]
    told = short(pictures.key, str(model.config), *(p.read_bytes() for p in files), *tensors)
    path = KEPT / "features" / f"{told}.npz"
    made = kept(
        path, lambda: {"features": frozen_features(model, pictures.images)}, 0, lambda _: None
    )
    return made["features"]


def digest_of_drawing() -> str:
    """Changes with anything that decides how a rendered picture looks or how it is cropped."""
    package = Path(render.__file__).parents[2]
    files = [
        *sorted((package / "datasets" / "synthpain").glob("*.py")),
        *sorted((package / "assets").glob("*.safetensors")),
        *(Path(module.__file__) for module in (pose, warp, clip_faces)),
    ]
    return short(*(path.read_bytes() for path in files))


def short(*parts: str | bytes) -> str:
    """Sixteen digits that change with any of the parts."""
    told = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        told.update(len(part).to_bytes(8, "little") + part)
    return told.hexdigest()[:16]
