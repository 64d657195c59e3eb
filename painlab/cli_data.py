"""``painlab check-data``: what a data set holds and what is wrong with it, before any work is done.

The epilogue of the help and ``--debug`` are added by ``painlab.cli`` to every command.
"""

import json
from pathlib import Path

from painlab.errors import DataError


def add_check_data(commands) -> None:
    """Add the command to the parsers of ``painlab``."""
    help = "what a data set holds, and everything that is wrong with it"
    command = commands.add_parser(
        "check-data",
        help=help,
        description=f"{help[0].upper()}{help[1:]}. Ends with status 1 if anything is wrong.",
    )
    command.set_defaults(run=_check_data)
    command.add_argument(
        "root",
        metavar="ROOT",
        type=Path,
        help="the folder that holds BioVid's PartA (or SynthPain's), or a CSV file of clips",
    )
    command.add_argument("--json", action="store_true", help="print JSON for programs")
    command.add_argument(
        "--leave-out",
        metavar="FILE",
        type=Path,
        help="a text file of subjects to leave out, one name a line",
    )
    command.add_argument(
        "--decode",
        action="store_true",
        help="decode every picture: finds damage inside clips, ten times slower",
    )
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def _check_data(options) -> None:
    from painlab.datasets.check import check_data

    report = check_data(
        options.root,
        leave_out=options.leave_out,
        decode=options.decode,
        progress=not options.quiet,
    )
    if options.json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        print(report.text())
    if not report.ok:
        things = "1 thing is" if report.wrong == 1 else f"{report.wrong:,} things are"
        raise DataError(f"{options.root}: {things} wrong; the report has them all.")
