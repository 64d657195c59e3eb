"""`make gpu` and `make weights`, with a Python that only writes down what it is asked to run."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = "tests/run_folder.py tests --marker gpu"
MEASURED = ("tnt", "render", "folds", "relevance")
BENCHMARKS = [f"tests/benchmarks/bench_{name}.py --record" for name in MEASURED]
RESULTS = "data/make_results.py --preset full --seconds 540"
FULL = "data/make_weights.py --preset full --seconds 540"
PYTHON = """#!/bin/sh
case "$1" in -c) exit "${SIGHTLESS:-0}";; esac
echo "$@" >> ran
case "$1" in
  data/*)
    echo . >> steps-"$(basename "$1")"
    [ "$(wc -l < steps-"$(basename "$1")")" -lt "${STEPS:-1}" ] && exit 75
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
        for left in (tmp_path / "ran", *tmp_path.glob("steps-*")):
            left.unlink(missing_ok=True)
        command = ["make", *arguments, "RUN=./python", "STAMP=Makefile"]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        )  # fmt: skip
        ran = tmp_path / "ran"
        return done.returncode, ran.read_text().splitlines() if ran.exists() else [], done.stderr

    return run


def test_gpu_runs_everything_and_comes_again_until_all_is_made(make):
    status, ran, _ = make("gpu", STEPS="4")
    assert status == 0
    assert ran == [TESTS, *BENCHMARKS, *[FULL] * 4, *[RESULTS] * 4]


@pytest.mark.parametrize(
    ("step", "ran"),
    [
        ("tests", [TESTS]),
        ("benchmarks", BENCHMARKS),
        ("weights", [FULL]),
        ("results", [RESULTS]),
    ],
)
def test_a_step_alone(make, step, ran):
    assert make("gpu", f"STEP={step}")[:2] == (0, ran)


def test_what_is_named_is_there():
    for command in (FULL, RESULTS, *BENCHMARKS):
        assert (ROOT / command.split()[0]).is_file()


def test_a_step_of_the_weights_alone_is_one(make):
    status, ran, said = make("gpu", "STEP=weights", "STEP_SECONDS=60", STEPS="3")
    assert status != 0
    assert ran == [FULL.replace("540", "60")]
    assert "75" in said


def test_what_fails_ends_it(make):
    status, ran, _ = make("gpu", STEPS="3", LAST="1")
    assert status != 0
    assert ran == [TESTS, *BENCHMARKS, *[FULL] * 3]
    status, ran, _ = make("gpu", FAILS="marker")
    assert status != 0
    assert len(ran) == 1
    status, ran, _ = make("gpu", FAILS="bench_tnt")
    assert status != 0
    assert ran == [TESTS, BENCHMARKS[0]]


def test_wrong_calls(make):
    status, ran, said = make("gpu", "STEP=everything")
    assert (status != 0, ran) == (True, [])
    assert "take tests, benchmarks, weights or results" in said
    status, ran, said = make("gpu", SIGHTLESS="1")
    assert (status != 0, ran) == (True, [])
    assert "torch sees none" in said


@pytest.mark.parametrize("what", ["weights", "results"])
def test_what_is_made(make, what):
    script = f"data/make_{what}.py"
    assert make(what)[:2] == (0, [script])
    assert make(what, "PRESET=full")[:2] == (0, [f"{script} --preset full"])
    assert make(what, LAST="1")[0] != 0
