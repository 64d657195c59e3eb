"""The options of a training, which ``painlab loso`` and ``painlab train`` share."""

from pathlib import Path

TASK_NAMES = ("NP-P1", "NP-P2", "NP-P3", "NP-P4", "MC")


def add_store(command) -> None:
    """Add the features that are learned from."""
    command.add_argument(
        "store", metavar="STORE", type=Path, help="features: a folder that painlab extract wrote"
    )


def add_ways(command) -> None:
    """Add where it is computed, and what is printed."""
    command.add_argument("--device", help="cpu, cuda, ...; a GPU where there is one by default")
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")


def add_training_options(command) -> None:
    """Add them to the command."""
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
        "--stride", metavar="N", type=int, default=1,
        help="take every Nth of the store's frames (default: 1)",
    )  # fmt: skip
    command.add_argument(
        "--start", metavar="WEIGHTS",
        help="fine-tune: begin with weights that have learned from features of the same TNT, a "
        "file or pain-synthpain (default: nothing learned)",
    )  # fmt: skip


def training_settings(options):
    """The configurations of a training: Table I's and a model's, but for what the options change.

    The model's is None where there is a start, which brings its own.
    """
    from dataclasses import replace

    from painlab.config import FrameworkConfig, TemporalConfig, TrainingConfig
    from painlab.errors import DataError

    if options.quick and options.paper_size:
        raise DataError("--quick and --paper-size are two sizes: give one of them.")
    if options.start and options.paper_size:
        raise DataError("--start brings its own sizes: leave --paper-size out.")
    config, temporal = TrainingConfig.paper(), TemporalConfig()
    if options.quick:
        config, temporal = TrainingConfig.quick(), TemporalConfig.quick()
    elif options.paper_size:
        temporal = FrameworkConfig.paper().temporal
    given = ("epochs", "learning_rate", "batch", "seed")
    changed = {k: getattr(options, k) for k in given if getattr(options, k) is not None}
    if changed.get("epochs", config.epochs) <= config.warm_up_epochs:
        changed["warm_up_epochs"] = changed["epochs"] // 10
    return replace(config, **changed), None if options.start else temporal
