"""What the commands that read one video have in common.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import argparse
import os
from pathlib import Path

from painlab.errors import PainLabError


def add_video_command(commands, name: str, *, run, help: str) -> argparse.ArgumentParser:
    """Add a command on one video, with the arguments that all of these have."""
    command = commands.add_parser(name, help=help, description=f"{help}.")
    command.set_defaults(run=run)
    command.add_argument("video", metavar="VIDEO", type=Path, help="a video file")
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument(
        "--landmarks",
        choices=("auto", "fan", "embedded", "fitted"),
        default="auto",
        help="fan: the paper's network; embedded: a small network that comes with painlab, learned "
        "from rendered faces, and has never seen a person; fitted: an average head on five points; "
        "auto: FAN where its weights are on this machine, else embedded",
    )
    command.add_argument("--device", help="cpu, cuda, ...; a GPU where there is one by default")
    command.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")
    return command


def faces_line(found, landmarks: str, fps: float) -> str:
    """Which landmarks were used, and the frames without a face by name."""
    from painlab.alignment.files import runs_without_face

    line = f"Landmarks: {landmarks}. A face was found in {found.sum()} of {len(found)} frames"
    runs = [f"{a}" if b - a == 1 else f"{a} to {b - 1}" for a, b in runs_without_face(found)]
    if not runs:
        return line + "."
    return f"{line}; none in {', '.join(runs)} (counted from 0, {fps:g} a second)."


def check_output(path: Path | None, *suffixes: str, source: Path) -> None:
    """Refuse an output that would fail, or eat its own source, before the work is done."""
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        names = " or ".join(suffixes)
        raise PainLabError(f"{path}: give the output a name that ends in {names}.")
    if not path.parent.is_dir():
        raise PainLabError(f"{path}: the folder {path.parent} does not exist.")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise PainLabError(f"{path}: no file can be written there.")
    if path.exists() and source.exists() and path.samefile(source):
        raise PainLabError(f"{path} is the video itself; give the output another name.")
