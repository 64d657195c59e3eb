"""Runs what lies in a folder of tests that `make test` leaves out: benchmarks, soak, accelerator.

Files named test_*.py go to pytest, other .py files are run as programs. Says what it ran; exit
status 0 if all went well or there was nothing to run.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTHING_COLLECTED = 5  # pytest's exit status when no test matched


def programs(folder: Path) -> list[Path]:
    """The .py files of a folder that are programs of their own."""
    found = sorted(folder.glob("*.py")) if folder.is_dir() else []
    return [f for f in found if not f.name.startswith(("test_", "_", "conftest"))]


def main() -> int:
    """Run everything, also after a failure, and give 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="below the top of the checkout")
    parser.add_argument("--marker", help="only pytest's tests with this marker")
    options = parser.parse_args()
    folder = ROOT / options.folder
    ran = failed = 0

    if not options.marker:
        for program in programs(folder):
            print(f"--- {program.relative_to(ROOT)}", flush=True)
            failed += (
                subprocess.run([sys.executable, program], cwd=ROOT, check=False).returncode != 0
            )
            ran += 1
    if folder.is_dir() and any(folder.rglob("test_*.py")):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-s",
            "-q",
            "-o",
            "addopts=",
            str(options.folder),
        ]
        if options.marker:
            command += ["-m", options.marker]
            command += ["--ignore=tests/benchmarks", "--ignore=tests/soak"]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        ran += status != NOTHING_COLLECTED
        failed += status not in (0, NOTHING_COLLECTED)
    what = f"{options.folder}" + (f" with the marker {options.marker}" if options.marker else "")
    print(f"{what}: ran {ran}, failed {failed}." if ran else f"{what}: nothing to run yet.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
