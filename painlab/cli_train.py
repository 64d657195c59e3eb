"""The command ``painlab train``: one model that learns from all subjects, for ``painlab predict``.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import json
import sys
from pathlib import Path

from painlab.cli_training import (
    TASK_NAMES,
    add_store,
    add_training_options,
    add_ways,
    training_settings,
)

HELP = "train one model on all subjects of a data set, for painlab predict --weights"


def add_train(commands) -> None:
    """Add the command to those of ``painlab``."""
    command = commands.add_parser(
        "train",
        help=HELP,
        description=f"{HELP[0].upper()}{HELP[1:]}. It leaves nobody out, so that nothing tells how "
        "good it is: painlab loso with the same options does. A training that was stopped or "
        "killed goes on where it was when the same command is given again.",
    )
    command.set_defaults(run=_train, stays="what was learned stays beside {weights}")
    add_store(command)
    command.add_argument(
        "weights", metavar="OUT.safetensors", type=Path, help="the weights file to write"
    )
    command.add_argument(
        "--task", choices=TASK_NAMES, default="NP-P4",
        help="no pain against one level, or all five levels: MC (default: NP-P4)",
    )  # fmt: skip
    add_training_options(command)
    command.add_argument(
        "--spatial", metavar="WEIGHTS",
        help="of the TNT that made the features, where there is no start to name it (default: "
        "tnt-ti-synthface)",
    )  # fmt: skip
    command.add_argument(
        "--frames-per-second", metavar="X", type=float,
        help="of the frames that are taken (default: what the strides leave of the films')",
    )  # fmt: skip
    command.add_argument(
        "--leave-out", metavar="FILE", type=Path,
        help="a text file of subjects not to learn from, one name a line",
    )  # fmt: skip
    add_ways(command)


def _train(options) -> None:
    from painlab.cli_video import check_output
    from painlab.framework import FACES
    from painlab.training.everyone import train_on_all

    check_output(options.weights, ".safetensors", source=options.store)
    config, temporal = training_settings(options)
    model = train_on_all(
        options.store, options.weights, task=options.task, config=config, temporal=temporal,
        start=options.start, spatial=options.spatial or FACES, stride=options.stride,
        frames_per_second=options.frames_per_second, leave_out=options.leave_out,
        device=options.device, progress=not options.quiet,
        say=lambda text: None if options.quiet else print(text, file=sys.stderr),
    )  # fmt: skip
    if options.json:
        told = {"weights": str(options.weights), **model.about}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print(f"learned from {model.about['trained_on']}")
    print(f"written: {options.weights}")
