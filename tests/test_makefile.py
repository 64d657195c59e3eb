"""`make gpu` and `make weights`, with a Python that only writes down what it is asked to run."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FULL = "data/make_weights.py --preset full --seconds 540"
PYTHON = """#!/bin/sh
case "$1" in -c) exit "${SIGHTLESS:-0}";; esac
echo "$@" >> ran
case "$1" in
  data/*)
    echo . >> steps
    [ "$(wc -l < steps)" -lt "${STEPS:-1}" ] && exit 75
    exit "${LAST:-0}";;
  *) case "$*" in *"${FAILS:-nothing}"*) exit 1;; esac;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


@pytest.fixture
def make(tmp_path):
    """Runs make in a folder with its Makefile; gives the status, what was run, what was said."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def run(*arguments, **environment):
        for name in ("ran", "steps"):
            (tmp_path / name).unlink(missing_ok=True)
        command = ["make", *arguments, "RUN=./python", "STAMP=Makefile"]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        )  # fmt: skip
        ran = tmp_path / "ran"
        return done.returncode, ran.read_text().splitlines() if ran.exists() else [], done.stderr

    return run


def test_gpu_runs_everything_and_comes_again_until_the_weights_are_made(make):
    status, ran, _ = make("gpu", STEPS="4")
    assert status == 0
    assert ran[:2] == [
        "tests/run_folder.py tests --marker gpu",
        "tests/run_folder.py tests/benchmarks",
    ]
    assert ran[2:] == [FULL] * 4


@pytest.mark.parametrize(
    ("step", "ran"),
    [
        ("tests", "tests/run_folder.py tests --marker gpu"),
        ("benchmarks", "tests/run_folder.py tests/benchmarks"),
        ("weights", FULL),
    ],
)
def test_a_step_alone(make, step, ran):
    assert make("gpu", f"STEP={step}")[:2] == (0, [ran])


def test_a_step_of_the_weights_alone_is_one(make):
    status, ran, said = make("gpu", "STEP=weights", "STEP_SECONDS=60", STEPS="3")
    assert status != 0
    assert ran == [FULL.replace("540", "60")]
    assert "75" in said


def test_what_fails_ends_it(make):
    status, ran, _ = make("gpu", STEPS="3", LAST="1")
    assert status != 0
    assert len(ran) == 2 + 3
    status, ran, _ = make("gpu", FAILS="marker")
    assert status != 0
    assert len(ran) == 1
    status, ran, _ = make("gpu", FAILS="benchmarks")
    assert status != 0
    assert len(ran) == 2


def test_wrong_calls(make):
    status, ran, said = make("gpu", "STEP=everything")
    assert (status != 0, ran) == (True, [])
    assert "take tests, benchmarks or weights" in said
    status, ran, said = make("gpu", SIGHTLESS="1")
    assert (status != 0, ran) == (True, [])
    assert "torch sees none" in said


def test_weights(make):
    assert make("weights")[:2] == (0, ["data/make_weights.py --preset two-cores"])
    assert make("weights", "PRESET=full")[:2] == (0, ["data/make_weights.py --preset full"])
    assert make("weights", LAST="1")[0] != 0
