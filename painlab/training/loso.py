"""Leave-one-subject-out runs: plan the folds, train them in groups, gather what they found."""

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from os import PathLike

import numpy as np
import torch
from torch import Tensor

from painlab.config import TemporalConfig, TrainingConfig
from painlab.datasets.subjects import Subjects, choose_subjects
from painlab.datasets.tasks import Task, counted
from painlab.devices import choose_device
from painlab.errors import DataError, PainLabError
from painlab.framework import save_model
from painlab.temporal.transformer import TemporalTransformer
from painlab.training.fold_training import (
    Fold,
    TaskData,
    fold_logits,
    make_folds,
    steps_of_run,
    train_folds,
)
from painlab.training.folds import state_of_fold
from painlab.training.memory import (
    bytes_of_fold,
    choose_folds_at_once,
    even_groups,
    free_memory,
    is_out_of_memory,
)
from painlab.training.provenance import painlab_commit
from painlab.training.results import LosoResult
from painlab.training.runs import LosoRun
from painlab.training.starts import load_start, sizes_for, start_of_run, told_of_start
from painlab.training.store import Features, FeatureStore
from painlab.training.task_data import check_task, task_features, task_named


def train_loso(
    store: FeatureStore | str | PathLike,
    *,
    task: Task | str,
    out: str | PathLike | None = None,
    config: TrainingConfig | None = None,
    temporal: TemporalConfig | None = None,
    start: str | PathLike | None = None,
    subjects: Subjects | None = None,
    stride: int = 1,
    permute: int | None = None,
    folds_at_once: int | None = None,
    keep_models: bool = False,
    checkpoint_seconds: float | int = 60,
    device: str | torch.device | None = None,
    progress: bool = False,
    say: Callable[[str], None] = print,
) -> LosoResult:
    """Train and test a temporal transformer a subject, each without that subject (paper IV).

    All folds are trained together, as many as fit into memory (`painlab.training.folds`). A run
    that was stopped or killed goes on where it was when it is called again, and ends the same.

    Args:
        store: features, of `extract_features`.
        task: one of `TASKS`, or its name.
        out: the run's folder. Without one nothing is kept but what is returned.
        config: of the training; by default Table I.
        temporal: of the models; frames, channels and classes are taken from store and task.
        start: what each fold begins with, and its sizes (fine-tuning): weights of a
            `TemporalTransformer` that learned from features of the same TNT, a file or the name of
            shipped ones; models without any training if None. A start that has learned from the
            people of the store makes the result worthless: no fold leaves them out.
        subjects: only the folds that leave out these: names, or a text file of them.
        stride: how far apart the frames are that are taken of the store's (paper IV-B): a frame's
            feature depends on no other frame, so that one store serves all.
        permute: a seed with which the labels of each subject are shuffled among its clips, to see
            that a model that can learn nothing stays at chance.
        folds_at_once: how many folds are trained together; by default as many as fit.
        keep_models: also keep the trained model of each fold in the folder.
        checkpoint_seconds: from one checkpoint to the next.
        device: a GPU where there is one if None.
        progress: show a bar with the time left on the standard error stream.
        say: told of what the reader should know of the data.

    Returns:
        A `LosoResult`: what was said of each clip by the model that has not seen its subject.

    Raises:
        DataError: where store, task and folder do not fit, or a feature is not a number.
        PainLabError: where the training comes to no number.
        WeightsError: where a checkpoint is damaged or cannot be written, or the start's weights
            cannot be read.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=2, per_level=1, frames=8)
        >>> data = data.only(pl.TASKS["NP-P4"].select(data))
        >>> tnt = pl.TNT(pl.FrameworkConfig.tiny().spatial).eval()  # has learned nothing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = pl.extract_features(tnt, data, f"{folder}/store", aligner="truth", frames=8)
        ...     result = pl.train_loso(
        ...         store, task="NP-P4", config=pl.TrainingConfig.quick(epochs=3),
        ...         temporal=pl.TemporalConfig.quick(),
        ...     )
        >>> result.logits.shape, len(result.by_subject())  # b y
        ((4, 2), 2)
    """
    if keep_models and out is None:
        raise DataError("keep_models=True needs a folder to keep them in: give out.")
    with tempfile.TemporaryDirectory() if out is None else nullcontext(out) as folder:
        run = plan_run(
            store, task=task, out=folder, config=config, temporal=temporal, start=start,
            subjects=subjects, stride=stride, permute=permute, folds_at_once=folds_at_once,
            device=device, say=say,
        )  # fmt: skip
        train_groups(
            run, keep_models=keep_models, device=device, progress=progress,
            checkpoint_seconds=checkpoint_seconds if out is not None else float("inf"),
        )  # fmt: skip
        return gather(run)


def plan_run(
    store: FeatureStore | str | PathLike,
    *,
    task: Task | str,
    out: str | PathLike,
    config: TrainingConfig | None = None,
    temporal: TemporalConfig | None = None,
    start: str | PathLike | None = None,
    subjects: Subjects | None = None,
    stride: int = 1,
    permute: int | None = None,
    folds_at_once: int | None = None,
    device: str | torch.device | None = None,
    say: Callable[[str], None] = print,
) -> LosoRun:
    """The run of a folder, begun where there is none: its settings, and its folds in groups.

    Arguments and errors are those of `train_loso`.
    """
    store = store if isinstance(store, FeatureStore) else FeatureStore(store)
    task, config = task_named(task), config or TrainingConfig.paper()
    features, labels = task_features(store, task, stride=stride, permute=permute)
    folds = make_folds(features.samples)
    check_task(features, labels, store, task, say)
    begun = None if start is None else load_start(start, store)
    temporal = sizes_for(features, task, temporal=temporal, start=begun)
    names = [fold.name for fold in folds]
    if subjects is not None:
        chosen = choose_subjects(subjects, set(names))
        names = [name for name in names if name in chosen]
    if folds_at_once is None:
        where = choose_device(device)
        data = TaskData.of(features, labels)
        each, free = bytes_of_fold(data, temporal, config), free_memory(where)
        folds_at_once = choose_folds_at_once(len(names), free=free, each=each)
    elif folds_at_once < 1:
        raise DataError(f"folds_at_once={folds_at_once}: give a whole number above 0.")
    settings = {
        "store": str(store.root.resolve()),
        "features": store.key,
        "made_from": store.made_from,
        "task": {"name": task.name, "levels": list(task.levels)},
        "training": asdict(config),
        "temporal": asdict(temporal),
        "stride": stride,
        "permute": permute,
        "steps": list(steps_of_run(folds, config)),
    }
    if begun is not None:  # a run without a start has no word of it, as those made before it
        settings["start"] = told_of_start(start, begun)
    run = LosoRun.begin(out, settings, even_groups(names, folds_at_once))
    if config.augmentations and features.features.shape[1] == 1:
        say("the store has one view of each clip: nothing is augmented (painlab extract --views).")
    return run


def train_groups(
    run: LosoRun,
    groups: Iterable[int] | None = None,
    *,
    keep_models: bool = False,
    checkpoint_seconds: float | int = 60,
    device: str | torch.device | None = None,
    progress: bool = False,
    kept: Callable[[], None] | None = None,
) -> None:
    """Train the folds of some groups of a run, or of all, that have no results yet.

    Where memory runs out, a group is halved, and its halves are trained one after the other.
    ``kept`` is called after each checkpoint and each group's results; what it raises ends the work.
    """
    chosen = [run.groups[i] for i in groups] if groups is not None else run.groups
    done = run.results()
    with run.reserved([group for group in chosen if not done.keys() >= set(group)]):
        _train_reserved(
            run, chosen, keep_models=keep_models, checkpoint_seconds=checkpoint_seconds,
            device=device, progress=progress, kept=kept,
        )  # fmt: skip


def _train_reserved(
    run: LosoRun,
    groups: list[list[str]],
    *,
    keep_models: bool,
    checkpoint_seconds: float | int,
    device: str | torch.device | None,
    progress: bool,
    kept: Callable[[], None] | None,
) -> None:
    from tqdm import tqdm

    told = run.settings
    task = Task(told["task"]["name"], tuple(told["task"]["levels"]))
    store = FeatureStore(told["store"])
    done = run.results()
    if keep_models and (without := [n for n in done if not run.model_of(n).exists()]):
        raise DataError(
            f"{run.root}: {counted(len(without), 'fold')} of this run trained without keeping the "
            "models: leave keep_models out, or give another folder."
        )
    if store.key != told["features"]:
        raise DataError(
            f"{store.root} has changed since {run.root} was begun: give the run another folder."
        )
    features, labels = task_features(store, task, stride=told["stride"], permute=told["permute"])
    folds = {fold.name: fold for fold in make_folds(features.samples)}
    where, start = choose_device(device), start_of_run(told, store)
    data = TaskData.of(_moved(features, where), labels)
    todo = [left for group in groups if (left := [n for n in group if n not in done])]
    for group in groups:
        if done.keys() >= set(group):
            run.forget(group)  # a kill may have come between the results and this
    steps = told["steps"][1]
    with tqdm(
        total=steps * sum(map(len, todo)), unit="fold step", desc=task.name, dynamic_ncols=True,
        disable=not progress, unit_scale=True,
    ) as bar:  # fmt: skip
        while todo:
            group = todo.pop(0)
            try:
                _train_group(
                    run, [folds[name] for name in group], data, features, bar, start=start,
                    keep_models=keep_models, checkpoint_seconds=checkpoint_seconds, kept=kept,
                )  # fmt: skip
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(group) == 1:
                    raise PainLabError(
                        f"the memory of {where} does not hold the fold that leaves out {group[0]}: "
                        "take a smaller batch or fewer latents."
                    ) from error
                run.forget(group)
                half = -(-len(group) // 2)
                todo[:0] = [group[:half], group[half:]]
            if where.type == "cuda":
                torch.cuda.empty_cache()


def gather(run: LosoRun) -> LosoResult:
    """What the folds of a run found, and which of them are missing.

    Raises:
        DataError: where no fold is trained yet.
    """
    results = run.results()
    done = [results[name] for name in run.folds if name in results]
    if not done:
        raise DataError(f"{run.root}: no fold of this run is trained yet.")
    # nobody knows it of a fold whose last step was kept before a kill: it took what others took
    known = [fold["seconds"] for fold in done if fold["seconds"] is not None]
    return LosoResult(
        task=run.settings["task"]["name"],
        subjects=tuple(fold["subject"] for fold in done for _ in fold["true"]),
        sample_names=tuple(name for fold in done for name in fold["sample_names"]),
        true=np.concatenate([np.array(fold["true"], np.int64) for fold in done]),
        logits=np.concatenate([np.array(fold["logits"], np.float64) for fold in done]),
        missing=tuple(name for name in run.folds if name not in results),
        about={
            **{k: v for k, v in run.settings.items() if k not in ("store", "task")},
            "painlab": painlab_commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(sum(known) / len(known) * len(done), 3) if known else None,
            "devices": sorted({fold["device"] for fold in done}),
            "losses": {fold["subject"]: fold["losses"] for fold in done},
        },
    )


def _moved(features: Features, device: torch.device) -> Features:
    on = (x.to(device) for x in (features.features, features.found, features.levels))
    return Features(*on, features.samples)


def _train_group(
    run: LosoRun, folds: list[Fold], data: TaskData, features: Features, bar, *,
    start: TemporalTransformer | None, keep_models: bool, checkpoint_seconds: float | int,
    kept: Callable[[], None] | None,
) -> None:  # fmt: skip
    """One group from its checkpoint to its results."""
    told, names = run.settings, [fold.name for fold in folds]
    config, temporal = TrainingConfig(**told["training"]), TemporalConfig(**told["temporal"])
    of_epoch, steps = told["steps"]
    begin, shown, made = time.perf_counter(), bar.n, 0

    def on_step(done: int, losses: Tensor) -> None:
        nonlocal made
        made += 1
        bar.update(shown + done * len(folds) - bar.n)
        if done % of_epoch == 0:
            bar.set_postfix(loss=f"{losses.mean():.3f}", refresh=False)

    try:
        model, history = train_folds(
            data, folds, temporal=temporal, config=config, steps=(of_epoch, steps), start=start,
            checkpoint=run.checkpoint(names), checkpoint_seconds=checkpoint_seconds,
            settings={"run": run.key}, on_step=on_step, kept=kept,
        )  # fmt: skip
    except (RuntimeError, MemoryError):
        bar.update(shown - bar.n)
        raise
    taken = time.perf_counter() - begin
    logits = fold_logits(model, data, folds, at_once=config.batch)
    for fold, of_fold in zip(folds, logits, strict=True):
        for row in fold.test[~of_fold.isfinite().all(1)].tolist():
            raise PainLabError(
                f"the model that never saw {fold.name} says no numbers of "
                f"{features.samples[row].sample_name}: take a lower learning rate, or look at the "
                "features."
            )
    if keep_models:
        for i, name in enumerate(names):
            single = TemporalTransformer(temporal)
            single.load_state_dict({k: v.cpu() for k, v in state_of_fold(model, i).items()})
            save_model(single, run.model_of(name), left_out=name, trained_on=str(told["made_from"]))
    run.put(
        names,
        {
            "about": {
                # where a part was done before, at the pace of what was done now; of each fold
                "seconds": taken * steps / made / len(folds) if made else None,
                "device": str(data.features.device),
            },
            "folds": [
                {
                    "subject": fold.name,
                    "sample_names": [features.samples[i].sample_name for i in fold.test.tolist()],
                    "true": data.labels[fold.test].tolist(),
                    "logits": of_fold.tolist(),
                    "losses": [epoch[i] for epoch in history],
                }
                for i, (fold, of_fold) in enumerate(zip(folds, logits, strict=True))
            ],
        },
    )
    if kept is not None:
        kept()
