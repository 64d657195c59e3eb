"""One temporal transformer that learns from every subject of a store, to be used on others."""

import json
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path

import torch

from painlab.config import TemporalConfig, TrainingConfig
from painlab.datasets.subjects import Subjects, choose_subjects
from painlab.datasets.tasks import TASKS, Sample, Task, counted
from painlab.devices import choose_device
from painlab.errors import DataError
from painlab.framework import FACES, load_model, save_model
from painlab.temporal.transformer import TemporalTransformer
from painlab.training.fold_training import Fold, TaskData, steps_of_run, train_folds
from painlab.training.folds import state_of_fold
from painlab.training.starts import load_start, place_of, sizes_for, told_of_start
from painlab.training.store import Features, FeatureStore, StoredClip, range_of_rates
from painlab.training.task_data import check_classes, task_features, task_named
from painlab.weights import model_digest

BIOVID_FPS = 25.0
ALIKE = 1.02  # rates that no one could tell apart


def train_on_all(
    store: FeatureStore | str | PathLike,
    path: str | PathLike,
    *,
    task: Task | str,
    start: str | PathLike | None = None,
    spatial: str | PathLike = FACES,
    config: TrainingConfig | None = None,
    temporal: TemporalConfig | None = None,
    leave_out: Subjects | None = None,
    stride: int = 1,
    frames_per_second: float | int | None = None,
    about: Mapping[str, str] | None = None,
    checkpoint_seconds: float | int = 60,
    device: str | torch.device | None = None,
    progress: bool = False,
    say: Callable[[str], None] = print,
) -> TemporalTransformer:
    """Train a temporal transformer on all subjects of a store; `predict` takes the file it writes.

    It leaves nobody out, so that nothing tells how good it is: `train_loso` with the same settings
    does. A training that was stopped or killed goes on where it was when it is called again.

    Args:
        store: features, of `extract_features`.
        path: the weights file to write.
        task: one of `TASKS`, or its name.
        start: what it begins with, and its sizes (fine-tuning), as for `train_loso`: a file, or
            the name of shipped weights such as "pain-synthpain"; an untrained model if None.
        spatial: weights of the TNT that made the features, where there is no start to name them.
        config: of the training; by default Table I.
        temporal: of an untrained model; frames, channels and classes are those of store and task.
        leave_out: subjects not to learn from: names, or a text file with one name a line.
        stride: how far apart the frames are that are taken of the store's.
        frames_per_second: of the frames that are taken; if None what the stride leaves of those
            that the store has noted. `predict` brings a video to this rate.
        about: further text to keep in the file, such as ``{"licence": "CC0"}``.
        checkpoint_seconds: from one checkpoint, beside the file, to the next.
        device: a GPU where there is one if None.
        progress: show a bar with the time left on the standard error stream.
        say: told of what the reader should know of the data.

    Returns:
        The model, in evaluation mode, on the CPU.

    Raises:
        DataError: where store, task and start do not fit, or a feature is not a number.
        PainLabError: where the training comes to no number.
        WeightsError: where weights or a checkpoint cannot be read or written.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=2, per_level=1, frames=8)
        >>> data = data.only(pl.TASKS["NP-P4"].select(data))
        >>> tnt = pl.TNT(pl.FrameworkConfig.tiny().spatial).eval()  # has learned nothing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = pl.extract_features(tnt, data, f"{folder}/store", aligner="truth", frames=8)
        ...     spatial = pl.save_model(tnt, f"{folder}/tnt.safetensors")
        ...     model = pl.train_on_all(
        ...         store, f"{folder}/mine.safetensors", task="NP-P4", spatial=spatial,
        ...         config=pl.TrainingConfig.quick(epochs=3), temporal=pl.TemporalConfig.quick(),
        ...     )
        ...     pl.framework_of_pain(f"{folder}/mine.safetensors").about["trained_on"]
        '4 clips of 2 subjects (task NP-P4)'
    """
    store = store if isinstance(store, FeatureStore) else FeatureStore(store)
    task, config, path = task_named(task), config or TrainingConfig.paper(), Path(path)
    begun = None if start is None else load_start(start, store)
    features, labels = task_features(store, task, stride=stride)
    rows = _rows(features, leave_out)
    check_classes(labels[rows], store, task, say)
    sizes = sizes_for(features, task, temporal=temporal, start=begun)
    told = _spatial_of(store, spatial) if begun is None else _claims_of(begun)
    told |= _learned([features.samples[i] for i in rows], task, start=start, begun=begun)
    if frames_per_second is None:
        used = {(s.subject, s.sample_name) for s in (features.samples[i] for i in rows)}
        clips = [c for c in store.clips if (c.subject, c.sample_name) in used]
        frames_per_second = _rate_of(store, clips, begun, stride, say)
    told["frames_per_second"] = f"{frames_per_second:g}"
    told["aligner"] = json.dumps(store.made_from["aligner"])

    fold = Fold("everyone", torch.tensor(rows), torch.tensor([], dtype=torch.long))
    where = choose_device(device)
    moved = (x.to(where) for x in (features.features, features.found, features.levels))
    model = _train(
        TaskData.of(Features(*moved, features.samples), labels), fold, sizes, config,
        start=begun, progress=progress, checkpoint_seconds=checkpoint_seconds,
        checkpoint=path.with_name(path.name + ".checkpoint"),
        settings={"features": store.key, "task": task.name, "stride": stride, "clips": rows}
        | ({} if begun is None else {"start": told_of_start(start, begun)["digest"]}),
    )  # fmt: skip
    model.about = told | dict(about or {})
    save_model(model, path, **model.about)
    path.with_name(path.name + ".checkpoint").unlink(missing_ok=True)
    return model


def _train(
    data: TaskData, fold: Fold, sizes: TemporalConfig, config: TrainingConfig, *,
    progress: bool, **how,
) -> TemporalTransformer:  # fmt: skip
    """The one model, out of its stack of one."""
    from tqdm import tqdm

    of_epoch, steps = steps_of_run([fold], config)
    with tqdm(total=steps, unit="step", dynamic_ncols=True, disable=not progress) as bar:

        def on_step(done: int, _losses) -> None:
            bar.update(done - bar.n)

        stacked, _ = train_folds(
            data, [fold], temporal=sizes, config=config, steps=(of_epoch, steps),
            on_step=on_step, **how,
        )  # fmt: skip
    model = TemporalTransformer(sizes)
    model.load_state_dict({name: t.cpu() for name, t in state_of_fold(stacked, 0).items()})
    return model.eval()


def _spatial_of(store: FeatureStore, spatial: str | PathLike) -> dict[str, str]:
    """The TNT that made the features, by name, so that `predict` finds it again.

    Raises:
        DataError: where it is another one.
    """
    digest = model_digest(load_model(spatial))
    if digest != store.made_from.get("model"):
        raise DataError(
            f"{store.root}: its features were made by another TNT "
            f"({store.made_from.get('model')}) than {spatial} ({digest}): name its weights."
        )
    return {"spatial": place_of(spatial), "spatial_digest": digest}


def _rate_of(
    store: FeatureStore, clips: Sequence[StoredClip], start: TemporalTransformer | None,
    stride: int, say: Callable[[str], None],
) -> float:  # fmt: skip
    """Frames a second of what is learned from; without a word of them, the start's or BioVid's."""
    wanted = float(start.about.get("frames_per_second", 0)) if start is not None else 0.0
    stride *= store.made_from["stride"]
    known = range_of_rates(clips, stride=stride)
    if known is None:
        rate = wanted or BIOVID_FPS / stride
        say(f"{store.root} does not tell the frames a second of its clips: taken to be {rate:g}.")
        return rate
    low, high = known
    rate = (low + high) / 2
    if high > ALIKE * low:
        say(
            f"the clips of {store.root} have from {low:g} to {high:g} frames a second: {rate:g} is "
            "kept with the model, which is right for none that is far from it."
        )
    elif wanted and not 1 / ALIKE < rate / wanted < ALIKE:
        say(
            f"the start was made for {wanted:g} frames a second, and {store.root} has {rate:g}: so "
            "has what learns on from it."
        )
    return rate


def _claims_of(start: TemporalTransformer) -> dict[str, str]:
    """What holds of a start and of what has learned on from it."""
    kept = ("spatial", "spatial_digest")
    return {name: start.about[name] for name in kept if name in start.about}


def _rows(features: Features, leave_out: Subjects | None) -> list[int]:
    """Which clips are learned from."""
    who = [sample.subject for sample in features.samples]
    out = choose_subjects(leave_out, set(who)) if leave_out is not None else set()
    return [i for i, name in enumerate(who) if name not in out]


def _learned(samples: Sequence[Sample], task: Task, *, start, begun) -> dict[str, str]:
    """What the model has learned from, in words, and the names of its classes."""
    people = counted(len({sample.subject for sample in samples}), "subject")
    words = f"{counted(len(samples), 'clip')} of {people} (task {task.name})"
    if begun is not None:
        before = begun.about.get("trained_on", "what they do not say").rstrip(".")
        words += f", and before that, as {Path(start).stem}, from {before}"
    told = {"trained_on": words}
    if task not in TASKS.values():  # those of the paper's tasks have names of their own
        told["classes"] = json.dumps(task.class_names)
    return told
