"""The command ``painlab extract``: features of every clip of a data set, once.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import json
import sys
from pathlib import Path

HELP = "write the features of all frames of all clips of a data set, to train on"


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
        "root", metavar="ROOT", type=Path,
        help="the folder that holds BioVid's PartA (or SynthPain's), or a CSV file of clips",
    )  # fmt: skip
    command.add_argument("store", metavar="STORE", type=Path, help="the folder to write to")
    command.add_argument(
        "--weights",
        help="of a TNT: a file or a shipped name (default: tnt-ti-synthface, which has learned "
        "rendered faces and has never seen a person in pain)",
    )
    command.add_argument(
        "--landmarks", choices=("auto", "fan", "embedded", "fitted"), default="auto",
        help="that align the faces: auto takes FAN where its weights are on this machine, else "
        "embedded",
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
    command.add_argument("--device", help="cpu, cuda, ...; a GPU where there is one by default")
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")


def _extract(options) -> None:
    from painlab.datasets import BioVid, Manifest
    from painlab.datasets.subjects import choose_subjects
    from painlab.datasets.tasks import counted
    from painlab.devices import choose_device
    from painlab.errors import DataError
    from painlab.framework import FACES, load_model
    from painlab.training.features import extract_features

    if options.store.resolve() == options.root.resolve():
        raise DataError(f"{options.store}: features need a folder of their own.")
    device = choose_device(options.device)
    samples = Manifest(options.root) if options.root.is_file() else BioVid(options.root)
    if options.leave_out:
        out = choose_subjects(options.leave_out, set(samples.subjects))
        samples = [sample for sample in samples if sample.subject not in out]
    model = load_model(options.weights or FACES, device=device)
    store = extract_features(
        model, samples, options.store, aligner=options.landmarks, views=options.views,
        stride=options.stride,
        frames_at_once=8 if device.type == "cpu" else 32, progress=not options.quiet,
        say=lambda text: None if options.quiet else print(text, file=sys.stderr),
    )  # fmt: skip
    if options.json:
        told = {"store": str(options.store), "clips": len(store), "made_from": store.made_from}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    subjects = len({clip.subject for clip in store.clips})
    print(f"{counted(len(store), 'clip')} of {counted(subjects, 'subject')}")
    print(f"written: {options.store}")
