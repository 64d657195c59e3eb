"""The command ``painlab synth``: SynthPain onto a disk.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

HELP = "write SynthPain, rendered faces in pain whose truth is known, as BioVid's tree"
SETTINGS = {
    "subjects": "people",
    "per_level": "clips of each of the five levels for each subject",
    "frames": "frames a clip",
    "size": "pixels of a side, even",
    "seed": "another one gives other people",
}


def add_synth(commands) -> None:
    """Add the command to those of ``painlab``."""
    command = commands.add_parser(
        "synth",
        help=HELP,
        description=f"{HELP[0].upper()}{HELP[1:]}. A run that was stopped or killed goes on where "
        "it was when the same command is given again, and ends with the same bytes.",
    )
    command.set_defaults(run=_synth, stays="the finished clips stay in {root}")
    command.add_argument("root", metavar="ROOT", type=Path, help="the folder to write to")
    command.add_argument(
        "--preset",
        choices=("tiny", "small", "full"),
        help="tiny: 4 subjects × 5 levels × 1 clip of 12 frames; small (the default): 12 × 5 × 6 "
        "of 35; full: 87 × 5 × 20 of 138, as large as BioVid's part A",
    )
    for name, what in SETTINGS.items():
        option = "--" + name.replace("_", "-")
        command.add_argument(option, metavar="N", type=int, help=f"{what} (else the preset's)")
    command.add_argument(
        "--processes", metavar="N", type=int, help="that work side by side (default: one a core)"
    )
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument("--quiet", action="store_true", help="no progress bar and no estimates")


def _synth(options) -> None:
    from painlab.datasets.synthpain.estimate import spoken_size, spoken_time
    from painlab.datasets.synthpain.writer import write_tree

    settings = _settings(options)
    done = write_tree(
        options.root, settings, processes=options.processes, progress=not options.quiet
    )
    if options.json:
        told = {"root": str(options.root), **asdict(settings), **done._asdict()}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    print(f"SynthPain: {settings}")
    if done.made:
        how = f"{spoken_size(done.bytes)} in {spoken_time(done.seconds)}"
        print(f"{done.made:,} of {done.clips:,} clips made: {how}")
    else:
        print(f"all {done.clips:,} clips were there already")
    print(f"written: {options.root}")


def _settings(options):
    """A folder that was begun goes on as it was begun; otherwise the preset, else small."""
    from painlab.datasets.synthpain.files import SETTINGS_FILE
    from painlab.datasets.synthpain.settings import PRESETS, read_settings

    given = {name: getattr(options, name) for name in SETTINGS}
    given = {name: value for name, value in given.items() if value is not None}
    if options.preset is None and (options.root / SETTINGS_FILE).exists():
        settings, _ = read_settings(options.root)
    else:
        settings = PRESETS[options.preset or "small"]
    return replace(settings, **given)
