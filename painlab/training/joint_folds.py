"""Leave one subject out with both parts trained, fold after fold, and what it costs."""

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from painlab.config import FrameworkConfig, TrainingConfig
from painlab.datasets.splits import check_split, leave_one_subject_out
from painlab.datasets.tasks import Sample, Task, counted
from painlab.errors import DataError
from painlab.framework import PainFramework, count_flops
from painlab.spatial.tnt import TNT
from painlab.temporal.transformer import TemporalTransformer
from painlab.training.joint import (
    FRAMES_AT_ONCE,
    Load,
    class_logits,
    in_words,
    require_whole,
    settings_of,
    train_jointly,
)
from painlab.training.json_files import write_json
from painlab.training.shards import plain_name
from painlab.typing import Float, Int

HELD_OUT = "held_out.json"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a fold's framework says of the clips of the subject that it has not seen."""

    subject: str
    sample_names: tuple[str, ...]
    true: Int[np.ndarray, "b"]  # the class, from 0
    logits: Float[np.ndarray, "b y"]

    @property
    def right(self) -> int:
        """How many clips have their highest logit at their class."""
        return int((self.logits.argmax(1) == self.true).sum())


def train_fold_jointly(
    out: str | PathLike,
    framework: PainFramework,
    train: Sequence[Sample],
    test: Sequence[Sample],
    *,
    task: Task,
    load: Load,
    config: TrainingConfig | None = None,
    **how,
) -> HeldOut:
    """Train on some people and judge the clips of another; what was done is not done again.

    The fold's logits are kept in ``held_out.json`` in ``out``, beside its weights.

    Args:
        out: the folder of this fold.
        framework: what it starts from.
        train: the clips to learn from.
        test: the clips of one subject.
        task, load, config: as for `train_jointly`, and so is all else.
        how: further arguments of `train_jointly`.

    Raises:
        DataError: a subject on both sides, clips to test on that are not of one subject, or a
            folder that holds another fold.
        PainLabError, WeightsError: as `train_jointly`.
    """
    path, config = Path(out) / HELD_OUT, config or TrainingConfig()
    train, test = list(train), list(test)
    if len({sample.subject for sample in test}) != 1:
        raise DataError(f"{out}: a fold holds out the clips of one subject.")
    check_split(train, test)
    true = [task.label(sample) for sample in test]
    names = [sample.sample_name for sample in test]
    told = {"subject": test[0].subject, "sample_names": names, "true": true}
    told["settings"] = settings_of(framework, train, task, config, load)
    if path.is_file():
        return _read_held_out(path, told)
    trained = train_jointly(out, framework, train, task=task, load=load, config=config, **how)
    logits = class_logits(
        trained, test, load=load, frames_at_once=how.get("frames_at_once", FRAMES_AT_ONCE)
    )
    write_json(path, {**told, "logits": logits.tolist()})
    return _read_held_out(path, told)


def _read_held_out(path: Path, asked: dict) -> HeldOut:
    """A fold that was finished, if it is the one that was asked for."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        differ = [key for key in asked if found[key] != json.loads(json.dumps(asked[key]))]
        logits = np.array(found["logits"], np.float32)  # b y
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it.") from error
    if differ:
        raise DataError(
            f"{path} tells of another fold ({', '.join(differ)} differ): give another folder."
        )
    return HeldOut(
        found["subject"], tuple(found["sample_names"]), np.array(found["true"], np.int64), logits
    )


def train_folds_jointly(
    out: str | PathLike,
    framework: PainFramework,
    samples: Sequence[Sample],
    *,
    task: Task,
    load: Load,
    subjects: Collection[str] | None = None,
    say: Callable[[str], None] = print,
    **how,
) -> list[HeldOut]:
    """Leave one subject out, both parts trained: fold after fold, each in a folder of its own.

    Every fold starts from the same weights. A run that was killed goes on in the fold that it was
    in. Processes on several devices may each take some subjects, and write to the same folder.

    Args:
        out: the folder of all folds.
        framework: what each fold starts from.
        samples: a data set; the clips of other levels than the task's are left out.
        task: what is learned.
        load: as for `train_jointly`.
        subjects: whose folds are trained; all by default.
        say: told what `train_jointly` tells of each fold, what it came to, and the time left.
        how: further arguments of `train_jointly`.

    Raises:
        DataError: as `leave_one_subject_out`; a subject that has no clips.
        PainLabError, WeightsError: as `train_jointly`.
    """
    splits = list(leave_one_subject_out(task.select(samples)))
    wanted = None if subjects is None else set(subjects)
    unknown = sorted((wanted or set()) - {test[0].subject for _, test in splits})
    if unknown:
        raise DataError(f"no clip of {task.name} is of the subject {', '.join(unknown)}.")
    if wanted is not None:
        splits = [split for split in splits if split[1][0].subject in wanted]
    results, taken = [], []
    for number, (train, test) in enumerate(splits, 1):
        subject, start = test[0].subject, time.perf_counter()
        folder = Path(out) / f"fold-{plain_name(subject)}"
        before = f"fold {number} of {len(splits)}, without {subject}: "
        finished = (folder / HELD_OUT).is_file()
        result = train_fold_jointly(
            folder, framework, train, test, task=task, load=load,
            say=lambda line, before=before: say(before + line), **how,
        )  # fmt: skip
        results.append(result)
        told = f"{before}{result.right} of {counted(len(test), 'clip')} right"
        if not finished:
            taken.append(time.perf_counter() - start)
            left = sum(taken) / len(taken) * (len(splits) - number)
            told += f", {in_words(left)} left for all folds"
        say(told)
    return results


def count_joint_flops(
    framework: FrameworkConfig | None = None,
    training: TrainingConfig | None = None,
    *,
    subjects: int = 87,
    clips_of_subject: int = 40,
    recompute: bool = False,
) -> int:
    """Floating-point operations of leaving each subject out once, with both parts trained.

    What `count_flops` counts of a clip, three times for each time that it is learned from: forward,
    and backward one matrix product for each of the two factors of a product. The held-out clips
    are judged once.

    Args:
        framework: of the model; clips have as many frames as it takes.
        training: how often each clip is seen.
        subjects: how many folds there are; BioVid's 87.
        clips_of_subject: 40 in a task of two levels, 100 in one of five.
        recompute: what the TNT does is done once more (`PainFramework.encode`).

    Example:
        >>> f"{count_joint_flops():.1e}"
        '6.9e+19'
    """
    framework, training = framework or FrameworkConfig(), training or TrainingConfig()
    require_whole(subjects=subjects, clips_of_subject=clips_of_subject)
    size, frames = framework.spatial.image_size, framework.temporal.frames
    with torch.device("meta"):  # shapes without numbers: nothing is computed
        a_frame = count_flops(TNT(framework.spatial), torch.empty(1, 3, size, size))
        tokens = torch.empty(1, frames, framework.temporal.dim)
        over_time = count_flops(TemporalTransformer(framework.temporal), tokens)
    spatial = frames * a_frame
    learned = 3 * (spatial + over_time) + (spatial if recompute else 0)
    of_fold = training.epochs * (subjects - 1) * learned + spatial + over_time
    return subjects * clips_of_subject * of_fold
