"""The command line. ``painlab predict`` and ``painlab align`` are here.

Each of the others is in a module of its name: ``painlab loso`` in ``cli_loso``.

Results go to the standard output, everything else to the standard error stream. The exit status
is 0 only on success: 1 for bad input, 2 for a wrong call, 130 for an interruption.
"""

import argparse
import io
import json
import logging
import sys
import warnings
from pathlib import Path
from typing import NoReturn

from painlab import __version__
from painlab.cli_data import add_check_data
from painlab.cli_explain import add_explain
from painlab.cli_extract import add_extract
from painlab.cli_loso import add_loso
from painlab.cli_pretrain import add_pretrain
from painlab.cli_synth import add_synth
from painlab.cli_train import add_train
from painlab.cli_video import add_video_command, check_output, faces_line
from painlab.errors import PainLabError

LIMITS = "For research and teaching. painlab is not a medical device and must not guide care."


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no "×" shows "?"
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    # the commands say themselves which landmarks they used
    logging.getLogger("painlab").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning
            options.run(options)
        if sys.stdout is not None:  # closed by the caller
            sys.stdout.flush()
    except PainLabError as error:
        if options.debug:
            raise
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail(_what_stays(options), status=130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        sys.stdout = None
        return 0
    except Exception as error:
        if options.debug:
            raise
        kind = type(error).__name__
        return _fail(f"unexpected {kind}: {' '.join(str(error).split())} (--debug shows where).")
    return 0


def _fail(message: str, *, status: int = 1) -> int:
    print(f"painlab: {message}", file=sys.stderr)
    return status


def _what_stays(options) -> str:
    """What a command that was stopped has left; those that can go on name it in ``stays``."""
    if not hasattr(options, "stays"):
        return "stopped; nothing was written."
    stays = options.stays.format(**vars(options))
    return f"stopped; {stays}, and the same command goes on from there."


def _say_warning(message, category, *_where, **_more) -> None:
    """A UserWarning is meant for the reader; others are for developers and stay silent."""
    if category is UserWarning:
        print(f"painlab: {message}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A wrong call gets one line, as all bad input does, and not the usage of all options."""
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help tells more).\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="painlab",
        description="Automatic pain estimation from videos with transformers.",
        epilog=LIMITS,
    )
    parser.add_argument("--version", action="version", version=f"painlab {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_predict(commands)
    add_explain(commands)
    _add_align(commands)
    add_check_data(commands)
    add_synth(commands)
    add_pretrain(commands)
    add_extract(commands)
    add_loso(commands)
    add_train(commands)
    for command in commands.choices.values():
        command.epilog = LIMITS
        command.add_argument("--debug", action="store_true", help="show where an error arose")
    return parser


def _add_predict(commands) -> None:
    command = add_video_command(
        commands, "predict", run=_predict, help="class probabilities over time for a face"
    )
    command.add_argument(
        "--weights",
        help="a weights file of a PainFramework; without it pain-synthpain, which learned from "
        "rendered faces and has never seen a person in pain",
    )
    command.add_argument(
        "--hop", type=float, default=1.0, help="seconds between windows (default: 1)"
    )
    command.add_argument(
        "--annotate", metavar="OUT.mp4", type=Path, help="also write the video with the results"
    )


def _add_align(commands) -> None:
    command = add_video_command(
        commands, "align", run=_align, help="find the face in each frame and make it upright"
    )
    command.add_argument(
        "-o", "--output", metavar="OUT.mp4", type=Path, help="write the aligned faces as a video"
    )
    command.add_argument(
        "--data",
        metavar="OUT.safetensors",
        type=Path,
        help="write boxes, landmarks, transforms and poses of all frames",
    )
    command.add_argument("--size", type=int, default=224, help="pixels of a side (default: 224)")


def _predict(options) -> None:
    from painlab.prediction import predict

    check_output(options.annotate, ".mp4", source=options.video)
    prediction = predict(
        options.video,
        model=options.weights,
        landmarks=options.landmarks,
        hop=options.hop,
        device=options.device,
        progress=not options.quiet,
    )
    if options.annotate:
        from painlab.figures.annotate import annotate_video

        annotate_video(prediction, options.annotate, progress=not options.quiet)
    if options.json:
        print(json.dumps(prediction.to_dict(), ensure_ascii=False, indent=2))
        return
    print(prediction.notice)
    print(faces_line(prediction.found, prediction.landmarks_used, prediction.fps))
    print()
    print(prediction.table())
    if options.annotate:
        print(f"\nwritten: {options.annotate}")


def _align(options) -> None:
    from painlab.alignment.files import align_video

    check_output(options.output, ".mp4", source=options.video)
    check_output(options.data, ".safetensors", source=options.video)
    summary = align_video(
        options.video,
        output=options.output,
        data=options.data,
        landmarks=options.landmarks,
        size=options.size,
        device=options.device,
        progress=not options.quiet,
    )
    if options.json:
        print(json.dumps(summary.to_dict(), ensure_ascii=False, indent=2))
        return
    print(faces_line(summary.faces.found, summary.description["landmarks"], summary.fps))
    for path in (options.output, options.data):
        if path:
            print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
