"""The command ``painlab explain``: what a model's answer rests on, in one window of a video."""

import json
import sys
from pathlib import Path

from painlab.cli_video import add_video_command, check_output, faces_line

HELP = "the frames and the places in the face that speak for a class"


def add_explain(commands) -> None:
    """Add the command to those of ``painlab``."""
    from painlab.explain import METHODS

    command = add_video_command(commands, "explain", run=_explain, help=HELP)
    command.description = (
        f"{HELP[0].upper()}{HELP[1:]}, in one window of the video: without --window and --start "
        "the one in which the model finds the class likeliest. Relevance tells what the model "
        "looked at, not what a person felt."
    )
    command.add_argument(
        "--weights",
        help="a weights file of a PainFramework; without it pain-synthpain, which learned from "
        "rendered faces and has never seen a person in pain",
    )
    command.add_argument(
        "--target", metavar="CLASS",
        help="the class to explain, its name or its number from 0 (default: the last, the "
        "strongest pain)",
    )  # fmt: skip
    command.add_argument(
        "--method", metavar="METHOD", default="chefer",
        help=f"{', '.join(METHODS)} (default: chefer, the paper's)",
    )  # fmt: skip
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--window", metavar="N", type=int,
        help="the window to explain, from 0, in the order of painlab predict",
    )  # fmt: skip
    which.add_argument(
        "--start", metavar="SECONDS", type=float, help="explain the window that begins here"
    )
    command.add_argument(
        "--hop", metavar="SECONDS", type=float, default=1.0,
        help="between the windows to choose from (default: 1)",
    )  # fmt: skip
    command.add_argument(
        "--fine", action="store_true",
        help="show the maps of the sub-patches, 4 × 4 in each patch, in place of those of patches",
    )  # fmt: skip
    command.add_argument(
        "--figure", metavar="OUT.png", type=Path,
        help="write faces, maps and the curve over time as a picture, .png or .svg",
    )  # fmt: skip
    command.add_argument(
        "-o", "--output", metavar="OUT.mp4", type=Path,
        help="write the window's frames with the relevance laid over the face",
    )  # fmt: skip


def _explain(options) -> None:
    from painlab.explaining import explain_video
    from painlab.figures.relevance_files import FORMATS, require_matplotlib, write_explanation

    check_output(options.figure, *FORMATS, source=options.video)
    check_output(options.output, ".mp4", source=options.video)
    if options.figure:
        require_matplotlib()
    explanation = explain_video(
        options.video,
        target=options.target,
        method=options.method,
        window=options.window,
        start=options.start,
        model=options.weights,
        landmarks=options.landmarks,
        hop=options.hop,
        device=options.device,
        progress=not options.quiet,
        say=lambda text: None if options.quiet else print(text, file=sys.stderr),
    )
    write_explanation(
        explanation,
        figure=options.figure,
        film=options.output,
        level="fine" if options.fine else "spatial",
        progress=not options.quiet,
    )
    if options.json:
        print(json.dumps(explanation.to_dict(), ensure_ascii=False))
        return
    prediction = explanation.prediction
    print(explanation.notice)
    print(faces_line(prediction.found, prediction.landmarks_used, prediction.fps))
    print()
    print(explanation.table())
    written = [path for path in (options.figure, options.output) if path]
    if written:
        print()
    for path in written:
        print(f"written: {path}")
