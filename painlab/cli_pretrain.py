"""The command ``painlab pretrain``: the spatial module learns faces.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import json
import os
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from painlab.errors import PainLabError

HELP = "teach the spatial module faces: who they are, and what they do"


def add_pretrain(commands) -> None:
    """Add the command to those of ``painlab``."""
    command = commands.add_parser(
        "pretrain",
        help=HELP,
        description=f"{HELP[0].upper()}{HELP[1:]}. Without --faces it learns from rendered faces: "
        "what it makes has then never seen a person, nor anyone in pain. "
        "A run that was stopped or killed goes on where it was when the same command is given "
        "again, and ends with the same weights. On several accelerators: torchrun --nproc-per-node "
        "N -m painlab pretrain OUT ...",
    )
    command.set_defaults(run=_pretrain, stays="the checkpoints stay in {out}")
    command.add_argument(
        "out", metavar="OUT", type=Path,
        help="the folder for checkpoints and weights; until the end it keeps the rendered pictures "
        "too, some 4 GB with two-cores and 7 GB with full",
    )  # fmt: skip
    command.add_argument(
        "--preset",
        choices=("tiny", "two-cores", "full"),
        help="tiny: seconds, to see that it works; two-cores: about two hours; full: for an "
        "accelerator (default: full where there is one, else two-cores)",
    )
    _add_faces(command)
    command.add_argument(
        "--people", metavar="N", type=_from(2), help="rendered people (else the preset's)"
    )
    command.add_argument(
        "--pictures", metavar="N", type=_from(1),
        help="rendered pictures of each that are in memory together (else the preset's)",
    )  # fmt: skip
    command.add_argument(
        "--renew", metavar="STEPS", type=_from(0),
        help="steps after which other pictures of them are rendered, 0 for never (else the "
        "preset's)",
    )  # fmt: skip
    command.add_argument(
        "--seed", metavar="N", type=_from(0), default=0,
        help="another one renders other people and shows them in another order (default: 0)",
    )  # fmt: skip
    command.add_argument(
        "--every", metavar="STEPS", type=_from(1),
        help="steps between checkpoints (else the preset's)",
    )  # fmt: skip
    command.add_argument("--device", help="cpu, cuda, ...; a GPU where there is one by default")
    command.add_argument(
        "--processes", metavar="N", type=_from(1),
        help="that render, or align, side by side (default: one a core)",
    )  # fmt: skip
    command.add_argument(
        "--workers", metavar="N", type=_from(0),
        help="threads that prepare pictures ahead (default: 1 on a CPU, 8 beside a GPU)",
    )  # fmt: skip
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument("--quiet", action="store_true", help="no word on how far it is")


def _add_faces(command) -> None:
    command.add_argument(
        "--faces", metavar="ROOT", type=Path,
        help="learn identities from pictures: VGGFace2, or a folder with a folder for each person",
    )  # fmt: skip
    command.add_argument(
        "--align", metavar="FOLDER", type=Path,
        help="align the faces of ROOT into this folder first, or go on with that, and learn from "
        "there",
    )  # fmt: skip
    command.add_argument(
        "--landmarks", choices=("auto", "fan", "embedded", "fitted"), default="auto",
        help="of --align: auto takes FAN where its weights are on this machine, else embedded",
    )  # fmt: skip
    command.add_argument(
        "--partial", action="store_true",
        help="go on where people of identity_meta.csv have no pictures",
    )  # fmt: skip


def _from(lowest: int):
    def whole(text: str) -> int:
        if int(text) < lowest:
            raise ValueError
        return int(text)

    whole.__name__ = f"whole number from {lowest} on"  # as argparse speaks of it
    return whole


def _pretrain(options) -> None:
    from painlab.devices import choose_device
    from painlab.training.parallel import Processes, device_of_process

    if options.align and not options.faces:
        raise PainLabError("--align needs --faces ROOT, the pictures to align.")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # a broken picture is told in one line
    device = device_of_process(choose_device(options.device))
    _check_out(options.out)
    processes = Processes.of_torchrun(device)
    try:
        told = _run(options, device, processes)
    except KeyboardInterrupt:
        if processes.first:
            raise
        raise SystemExit(130) from None  # one of them tells
    finally:
        processes.end()
    if not processes.first:
        return
    if options.json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for stage in told["stages"]:
        last = stage["history"][-1]
        print(
            f"{stage['name']}: {last['step']:,} steps at {stage['image_size']} pixels, identity "
            f"loss {last['identity']:.3f} ({last['accuracy']:.1%} right), actions loss "
            f"{last['actions']:.3f}: {stage['weights']}"
        )
    print(f"written: {told['weights']}")


def _run(options, device, processes) -> dict:
    """Align where asked, learn, and tell what came of it."""
    from painlab.datasets.faces import FaceFolder
    from painlab.devices import count_cores
    from painlab.training.kept import KeptPortraits
    from painlab.training.presets import preset_named, pretraining_stages
    from painlab.training.pretrain import RESULT, pretrain, stage_history

    def say(text: str) -> None:
        if processes.first and not options.quiet:
            print(text, file=sys.stderr, flush=True)

    name = options.preset or ("full" if device.type == "cuda" else "two-cores")
    preset = _changed(preset_named(name), options)
    side_by_side = options.processes or max(1, count_cores() // processes.count)
    folder = None
    if options.faces:
        root = options.faces
        if options.align:
            root = _align(options, device, processes, side_by_side, preset.config.image_size, say)
        folder = FaceFolder(root, size=preset.config.image_size, partial=options.partial, say=say)
    portraits = options.out / "portraits"  # a run that goes on need not draw them again
    stages = pretraining_stages(
        preset, folder=folder, seed=options.seed, processes=side_by_side,
        share=(processes.number, processes.count), say=say,
        keep=KeptPortraits(portraits, say=say),
    )  # fmt: skip
    workers = (8 if device.type == "cuda" else 1) if options.workers is None else options.workers
    pretrain(
        options.out, stages, config=preset.config, device=device, every=preset.every,
        workers=workers, about=_about(name, preset, folder), say=say, processes=processes,
    )  # fmt: skip
    if processes.first:
        shutil.rmtree(portraits, ignore_errors=True)
    told = [
        {
            "name": stage.name,
            "image_size": stage.image_size,
            "history": stage_history(options.out, number, stage),
            "weights": str(options.out / f"{number}-{stage.name}.safetensors"),
        }
        for number, (stage, _) in enumerate(stages, 1)
        if processes.first
    ]
    return {"preset": name, "weights": str(options.out / RESULT), "stages": told}


def _changed(preset, options):
    """The preset with what the call names."""
    given = {name: getattr(options, name) for name in ("people", "pictures", "renew", "every")}
    given = {name: value for name, value in given.items() if value is not None}
    if "renew" in given:
        given["renew"] = given["renew"] or None
    return replace(preset, **given)


def _align(options, device, processes, side_by_side: int, size: int, say) -> Path:
    """The folder of aligned faces; the first process makes it, the others wait."""
    from painlab.datasets.aligned_faces import BROKEN, WITHOUT_FACE, align_faces

    if processes.first:
        done = align_faces(
            options.faces, options.align, landmarks=options.landmarks, size=size,
            device=str(device), processes=side_by_side, partial=options.partial,
            progress=not options.quiet, say=say,
        )  # fmt: skip
        say(
            f"aligned: {done.aligned:,} pictures, {done.there:,} there already; "
            f"{done.without_face:,} without a face ({WITHOUT_FACE}), {done.broken:,} broken "
            f"({BROKEN})."
        )
    processes.wait()
    return options.align


def _about(name: str, preset, folder) -> dict[str, str]:
    """What the weights tell of themselves."""
    from painlab.training.provenance import painlab_commit
    from painlab.training.rendered import LEARNED_FROM, RENDERED

    learned, licence = LEARNED_FROM, "CC0-1.0"
    if folder is not None:
        learned = (
            f"identities: {len(folder):,} pictures of {folder.identities:,} people, SHA-256 "
            f"{folder.index.digest}; facial actions: {RENDERED}"
        )
        licence = "as the pictures that it learned from allow"
    kind = "synthface" if folder is None else "faces"
    return {
        "name": f"tnt-{'tiny' if name == 'tiny' else 'ti'}-{kind}",
        "licence": licence,
        "trained_on": learned,
        "made_by": f"painlab pretrain --preset {name}",
        "commit": painlab_commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _check_out(out: Path) -> None:
    """Refuse a folder that cannot be written to before hours are spent."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        trial = out / f"trial-{os.getpid()}.part"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise PainLabError(f"{out}: the folder cannot be written to ({error.strerror}).") from error
