"""The command ``painlab extract``: features of every clip of a data set, once.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import argparse
import json
import re
import sys
from pathlib import Path

HELP = "write the features of all frames of all clips of a data set, to train on"
RENDERED = "synthpain:"  # begins the name of clips that lie on no disk


def add_extract(commands) -> None:
    """Add the command to those of ``painlab``."""
    command = commands.add_parser(
        "extract",
        help=HELP,
        description=f"{HELP[0].upper()}{HELP[1:]}. A run that was stopped or killed goes on where "
        "it was when the same command is given again. Features that were made by another model, "
        "aligner or stride are refused, not mixed; a clip whose file has changed is made anew.",
    )
    command.set_defaults(run=_extract, stays="the finished clips stay in {store}")
    command.add_argument(
        "data", metavar="DATA",
        help="the folder that holds BioVid's PartA (or SynthPain's), or a CSV file of clips; or "
        "rendered faces that are drawn now and lie on no disk: synthpain:tiny, synthpain:small or "
        "synthpain:full (the presets of painlab synth), or with three numbers of your own "
        "synthpain:PEOPLExCLIPSxFRAMES, where CLIPS are those of each of the five levels for each "
        "of the PEOPLE: synthpain:87x4x35 are 87 × 5 × 4 clips of 35 frames",
    )  # fmt: skip
    command.add_argument("store", metavar="STORE", type=Path, help="the folder to write to")
    command.add_argument(
        "--weights",
        help="of a TNT: a file or a shipped name (default: tnt-ti-synthface, which has learned "
        "rendered faces and has never seen a person in pain)",
    )
    command.add_argument(
        "--landmarks", choices=("auto", "fan", "embedded", "fitted", "truth"), default="auto",
        help="that align the faces: auto takes FAN where its weights are on this machine, else "
        "embedded; truth those of the head that was drawn, with synthpain:... only",
    )  # fmt: skip
    command.add_argument(
        "--task", metavar="TASK", type=_levels, action="extend",
        help="only the clips of a task: NP-P1, NP-P2, NP-P3, NP-P4 or MC; several as NP-P1,NP-P4 "
        "(default: the clips of all levels)",
    )  # fmt: skip
    command.add_argument(
        "--views", metavar="N", type=int, default=1,
        help="look at each clip N times: as it is, then under other augmentations (default: 1)",
    )  # fmt: skip
    command.add_argument(
        "--stride", metavar="N", type=int, default=1,
        help="take every Nth frame; 1, 2, 3, 4 leave 138, 69, 46, 35 of 138 (default: 1)",
    )  # fmt: skip
    command.add_argument(
        "--leave-out", metavar="FILE", type=Path,
        help="a text file of subjects to leave out, one name a line",
    )  # fmt: skip
    command.add_argument(
        "--half-precision", action=argparse.BooleanOptionalAction,
        help="matrix products in bfloat16 or in float32 (default: as the store was begun; a new "
        "one in bfloat16 where the device has it, which no CPU counts as)",
    )  # fmt: skip
    command.add_argument("--device", help="cpu, cuda, ...; a GPU where there is one by default")
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")


def _levels(tasks: str) -> list[int]:
    """The levels of some tasks, of ``--task NP-P1,NP-P4``."""
    from painlab.datasets.tasks import TASKS

    names = [name.strip().upper() for name in tasks.split(",")]
    for name in names:
        if name not in TASKS:
            raise argparse.ArgumentTypeError(f"no task {name!r}: choose from {', '.join(TASKS)}")
    return [level for name in names for level in TASKS[name].levels]


def _extract(options) -> None:
    from painlab.datasets.tasks import counted
    from painlab.devices import choose_device
    from painlab.errors import DataError
    from painlab.framework import FACES, load_model
    from painlab.training.features import FRAMES, extract_features

    rendered = options.data.startswith(RENDERED)
    if not rendered and options.store.resolve() == Path(options.data).resolve():
        raise DataError(f"{options.store}: features need a folder of their own.")
    if options.landmarks == "truth" and not rendered:
        raise DataError(
            f"--landmarks truth: those of {options.data} are not known, as only those of "
            f"{RENDERED}... are; choose others."
        )
    device = choose_device(options.device)
    samples = _chosen(options, rendered_clips(options.data) if rendered else _there(options.data))
    model = load_model(options.weights or FACES, device=device)
    store = extract_features(
        model, samples, options.store, aligner=options.landmarks, views=options.views,
        stride=options.stride,
        frames=max(FRAMES, samples.settings.frames) if rendered else FRAMES,
        half_precision=options.half_precision,
        frames_at_once=8 if device.type == "cpu" else None, progress=not options.quiet,
        say=lambda text: None if options.quiet else print(text, file=sys.stderr),
    )  # fmt: skip
    if options.json:
        told = {"store": str(options.store), "clips": len(store), "made_from": store.made_from}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    subjects = len({clip.subject for clip in store.clips})
    print(f"{counted(len(store), 'clip')} of {counted(subjects, 'subject')}")
    print(f"written: {options.store}")


def _there(data: str):
    """The clips of a folder or of a table."""
    from painlab.datasets import BioVid, Manifest

    return Manifest(data) if Path(data).is_file() else BioVid(data)


def rendered_clips(data: str):
    """The clips that ``synthpain:...`` names.

    Raises:
        DataError: where it names none.
    """
    from painlab.datasets.synthpain.dataset import PRESETS, SynthPain
    from painlab.errors import DataError

    what = data.removeprefix(RENDERED)
    if what in PRESETS:
        settings = PRESETS[what]
        numbers = settings.subjects, settings.per_level, settings.frames
    elif found := re.fullmatch(r"(\d{1,9})x(\d{1,9})x(\d{1,9})", what):
        numbers = map(int, found.groups())
    else:
        names = ", ".join(RENDERED + name for name in PRESETS)
        raise DataError(
            f"{data}: give {names}, or {RENDERED}PEOPLExCLIPSxFRAMES such as {RENDERED}87x4x35."
        )
    return SynthPain(**dict(zip(("subjects", "per_level", "frames"), numbers, strict=True)))


def _chosen(options, samples):
    """Without the subjects that are left out, and of the asked tasks only."""
    from painlab.datasets.subjects import choose_subjects
    from painlab.datasets.synthpain.dataset import SynthPain

    kept = list(samples)
    if options.leave_out:
        out = choose_subjects(options.leave_out, set(samples.subjects))
        kept = [sample for sample in kept if sample.subject not in out]
    if options.task:
        kept = [sample for sample in kept if sample.level in options.task]
    return samples.only(kept) if isinstance(samples, SynthPain) else kept
