"""The command ``painlab loso``: leave one subject out, on features that ``extract`` wrote.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import argparse
import json
import sys
from pathlib import Path

from painlab.cli_extract import rendered_clips
from painlab.cli_jobs import JOBS_STAY, add_job_options, cluster_of, refuse_beside_jobs
from painlab.cli_training import (
    TASK_NAMES,
    add_store,
    add_training_options,
    add_ways,
    training_settings,
)

HELP = "train and test a model a subject, each without that subject (the paper's Table II)"


def add_loso(commands) -> None:
    """Add the command to those of ``painlab``."""
    command = commands.add_parser(
        "loso",
        help=HELP,
        description=f"{HELP[0].upper()}{HELP[1:]}. All folds are trained together, as many as fit "
        "into memory. A run that was stopped or killed goes on where it was when the same command "
        "is given again, and ends with the same numbers.",
    )
    command.set_defaults(run=_loso, stays="what was trained stays in {out}")
    add_store(command)
    command.add_argument(
        "--task", choices=(*TASK_NAMES, "all"), default="all",
        help="no pain against one level (NP-P1 to NP-P4), all five levels (MC), or all five "
        "tasks (the default)",
    )  # fmt: skip
    command.add_argument(
        "--out", metavar="FOLDER", type=Path,
        help="of the runs, one folder a task (default: STORE-loso)",
    )  # fmt: skip
    add_training_options(command)
    command.add_argument(
        "--subjects", metavar="FILE", type=Path,
        help="only the folds that leave out these: a text file, one name a line (a run keeps the "
        "folds that it was begun with)",
    )  # fmt: skip
    command.add_argument(
        "--folds-at-once", metavar="N", type=int, help="(default: as many as fit into memory)"
    )
    command.add_argument(
        "--permute", metavar="SEED", type=int,
        help="shuffle each subject's labels: what can learn nothing must stay at chance",
    )  # fmt: skip
    command.add_argument(
        "--oracle", metavar="synthpain:...",
        help="where the store is of rendered faces, which ones (as painlab extract was told): also "
        "tell how far two classifiers come that are given the true movements",
    )  # fmt: skip
    command.add_argument(
        "--keep-models", action="store_true", help="also keep the trained model of each fold"
    )
    command.add_argument("--checkpoint-seconds", type=float, default=60.0, help=argparse.SUPPRESS)
    add_job_options(command)
    add_ways(command)


def _loso(options) -> None:
    from painlab.errors import PainLabError
    from painlab.training.cluster import MissingFoldsError
    from painlab.training.store import FeatureStore

    store = FeatureStore(options.store)
    drawn = _drawn(options, store) if options.oracle else None
    if options.out is None:
        options.out = options.store.with_name(options.store.resolve().name + "-loso")
    results, missing = [], []
    for task, train in _tasks(options, store):
        try:
            result = train()
        except MissingFoldsError as error:
            missing.append(str(error))
            result = error.result
        if result is None:
            continue
        result.save(options.out / task / "result.json")
        results.append(result)
        if not options.json:
            print(result.report() + "\n", flush=True)
    _print_all(options, results, None if drawn is None else _oracle(drawn, results))
    if missing:
        raise PainLabError(" ".join(missing))


def _tasks(options, store):
    """The tasks, each with what trains it when it is called."""
    from functools import partial

    from painlab.datasets.tasks import TASKS
    from painlab.training.cluster import submit_groups
    from painlab.training.loso import plan_run, train_loso
    from painlab.training.sending import folds_of_a_job, send_groups

    def say(text: str) -> None:
        if not options.quiet:
            print(text, file=sys.stderr, flush=True)

    cluster = cluster_of(options)
    config, temporal = training_settings(options)
    given = {
        "config": config, "temporal": temporal, "start": options.start,
        "subjects": options.subjects, "stride": options.stride, "permute": options.permute,
        "say": say,
    }  # fmt: skip
    names = TASK_NAMES if options.task == "all" else (options.task,)
    if cluster is None:
        refuse_beside_jobs(options, names)
        for task in names:
            yield task, partial(
                train_loso, store, task=task, out=options.out / task,
                folds_at_once=options.folds_at_once, keep_models=options.keep_models,
                checkpoint_seconds=options.checkpoint_seconds, device=options.device,
                progress=not options.quiet, **given,
            )  # fmt: skip
        return
    runs = [
        plan_run(
            store, task=task, out=options.out / task, **given,
            folds_at_once=folds_of_a_job(
                store, TASKS[task], jobs=cluster.jobs, subjects=options.subjects
            )
            if options.folds_at_once is None
            else options.folds_at_once,
        )
        for task in names
    ]  # fmt: skip
    options.stays = JOBS_STAY
    how = {"device": options.device, "keep_models": options.keep_models, "say": say}
    if cluster.executor == "slurm":  # has a queue: the jobs of all tasks can wait in it
        for run in runs:
            send_groups(run, cluster, **how)
    for task, run in zip(names, runs, strict=True):
        yield task, partial(submit_groups, run, cluster, **how)


def _drawn(options, store):
    """The rendered clips that the store's features are of."""
    from painlab.errors import DataError

    data = rendered_clips(options.oracle)
    names = {(sample.subject, sample.sample_name) for sample in data}
    held = {(clip.subject, clip.sample_name) for clip in store.clips}
    frames = -(-data.settings.frames // store.made_from.get("stride", 1))
    if not names >= held or {clip.frames for clip in store.clips} != {frames}:
        raise DataError(f"--oracle {options.oracle}: {data!r} are not the clips of {store.root}.")
    return data


def _oracle(data, results) -> dict[str, float]:
    """How far the true action curves take two classifiers, by task."""
    from painlab.datasets.synthpain.oracle import oracle_of
    from painlab.datasets.tasks import TASKS

    return {result.task: oracle_of(data, task=TASKS[result.task]) for result in results}


def _print_all(options, results, oracle: dict[str, float] | None) -> None:
    from painlab.training.tables import as_text, table_ii

    if options.json:
        told = [_as_json(r, options.out / r.task / "result.json") for r in results]
        for result in told:
            result["oracle"] = (oracle or {}).get(result["task"])
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if results:
        print(as_text(table_ii(results, oracle=oracle)))
        print(f"\nwritten: {options.out}")


def _as_json(result, path: Path) -> dict:
    people = len(set(result.subjects))
    return {
        "task": result.task,
        "clips": len(result.true),
        "subjects": people,
        "metrics": result.metrics(),
        "intervals": result.intervals() if people > 1 else None,
        "chance": result.chance(),
        "by_subject": result.by_subject(),
        "confusion": result.confusion().tolist(),
        "missing": list(result.missing),
        "file": str(path),
    }
