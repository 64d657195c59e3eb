"""The command ``painlab loso``: leave one subject out, on features that ``extract`` wrote.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import json
import sys
from pathlib import Path

HELP = "train and test a model a subject, each without that subject (the paper's Table II)"
TASK_NAMES = ("NP-P1", "NP-P2", "NP-P3", "NP-P4", "MC")


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
    command.add_argument(
        "store", metavar="STORE", type=Path, help="features: a folder that painlab extract wrote"
    )
    command.add_argument(
        "--task", choices=(*TASK_NAMES, "all"), default="all",
        help="no pain against one level (NP-P1 to NP-P4), all five levels (MC), or all five "
        "tasks (the default)",
    )  # fmt: skip
    command.add_argument(
        "--out", metavar="FOLDER", type=Path,
        help="of the runs, one folder a task (default: STORE-loso)",
    )  # fmt: skip
    command.add_argument(
        "--quick", action="store_true",
        help="a smaller model and fewer, larger steps, for a CPU (not the paper's Table I)",
    )  # fmt: skip
    command.add_argument(
        "--paper-size", action="store_true",
        help="the temporal module that has the paper's totals, for those with much time",
    )  # fmt: skip
    command.add_argument("--epochs", metavar="N", type=int, help="(default: 200, Table I)")
    command.add_argument("--learning-rate", metavar="X", type=float, help="(default: 1e-4)")
    command.add_argument("--batch", metavar="N", type=int, help="clips of a step (default: 32)")
    command.add_argument("--seed", metavar="N", type=int, help="of all that is random (default: 0)")
    command.add_argument(
        "--subjects", metavar="FILE", type=Path,
        help="only the folds that leave out these: a text file, one name a line",
    )  # fmt: skip
    command.add_argument(
        "--folds-at-once", metavar="N", type=int, help="(default: as many as fit into memory)"
    )
    command.add_argument(
        "--permute", metavar="SEED", type=int,
        help="shuffle each subject's labels: what can learn nothing must stay at chance",
    )  # fmt: skip
    command.add_argument(
        "--keep-models", action="store_true", help="also keep the trained model of each fold"
    )
    command.add_argument("--device", help="cpu, cuda, ...; a GPU where there is one by default")
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")


def _loso(options) -> None:
    from painlab.training.loso import train_loso
    from painlab.training.store import FeatureStore
    from painlab.training.tables import as_text, table_ii

    store = FeatureStore(options.store)
    if options.out is None:
        options.out = options.store.with_name(options.store.resolve().name + "-loso")
    config, temporal = _settings(options)
    results = []
    for task in TASK_NAMES if options.task == "all" else (options.task,):
        result = train_loso(
            store, task=task, out=options.out / task, config=config, temporal=temporal,
            subjects=options.subjects, permute=options.permute,
            folds_at_once=options.folds_at_once, keep_models=options.keep_models,
            device=options.device, progress=not options.quiet,
            say=lambda text: None if options.quiet else print(text, file=sys.stderr),
        )  # fmt: skip
        result.save(options.out / task / "result.json")
        results.append(result)
        if not options.json:
            print(result.report() + "\n", flush=True)
    if options.json:
        told = [
            {
                "task": r.task, "clips": len(r.true), "metrics": r.metrics(),
                "intervals": r.intervals(), "chance": r.chance(), "by_subject": r.by_subject(),
                "confusion": r.confusion().tolist(), "missing": list(r.missing),
                "file": str(options.out / r.task / "result.json"),
            }
            for r in results
        ]  # fmt: skip
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print(as_text(table_ii(results)))
    print(f"\nwritten: {options.out}")


def _settings(options):
    """What Table I says, but for what the options change."""
    from dataclasses import replace

    from painlab.config import FrameworkConfig, TemporalConfig, TrainingConfig
    from painlab.errors import DataError

    if options.quick and options.paper_size:
        raise DataError("--quick and --paper-size are two sizes: give one of them.")
    config, temporal = TrainingConfig.paper(), TemporalConfig()
    if options.quick:
        config, temporal = TrainingConfig.quick(), TemporalConfig.quick()
    elif options.paper_size:
        temporal = FrameworkConfig.paper().temporal
    given = ("epochs", "learning_rate", "batch", "seed")
    changed = {k: getattr(options, k) for k in given if getattr(options, k) is not None}
    if changed.get("epochs", config.epochs) <= config.warm_up_epochs:
        changed["warm_up_epochs"] = changed["epochs"] // 10
    return replace(config, **changed), temporal
