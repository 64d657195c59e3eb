"""``painlab synth`` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from synthpain_trees import SMALL, contents

from painlab.cli import main
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.files import SCRATCH

OPTIONS = [
    f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()
]  # of the tree `whole`


@pytest.fixture
def synth(capsys):
    """Run the command within this process: status, standard output, standard error."""

    def run(*arguments):
        try:
            status = main(["synth", *map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return status, shown.out, shown.err

    return run


def test_help_names_the_presets(synth):
    status, out, _ = synth("--help")
    assert status == 0
    for word in ("tiny", "small (the default)", "full", "--per-level", "medical device"):
        assert word in " ".join(out.split())


def test_it_writes_a_tree(synth, whole, tmp_path):
    root = tmp_path / "new"
    status, out, err = synth(root, *OPTIONS, "--processes", 1)
    assert status == 0
    assert "2 subjects × 5 levels × 1 clip of 6 frames, 48×48, seed 3" in out
    assert "10 of 10 clips made" in out
    assert str(root) in out
    assert "10/10" in err
    assert contents(root) == contents(whole)


def test_quiet_and_json(synth, copy):
    SynthPain(copy)[0].path.unlink()
    status, out, err = synth(copy, "--quiet", "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert told.pop("seconds") > 0
    assert told.pop("bytes") > 1000
    assert told == {"root": str(copy), **SMALL, "clips": 10, "made": 1}


def test_a_tree_goes_on_with_its_own_settings(synth, copy, whole):
    SynthPain(copy)[0].path.unlink()
    assert synth(copy, "--quiet")[0] == 0
    assert contents(copy) == contents(whole)
    status, out, err = synth(copy)
    assert (status, err) == (0, "")
    assert "all 10 clips were there already" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frames", "7"], "frames 6, not 7"),
        (["--preset", "tiny"], "subjects 2, not 4"),
        (["--size", "47"], "size must be even"),
        (["--processes", "0"], "processes"),
    ],
)
def test_what_does_not_fit_is_one_line(synth, copy, whole, arguments, words):
    status, out, err = synth(copy, *arguments)
    assert (status, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    assert contents(copy) == contents(whole)


def test_a_preset_can_be_changed_in_part(synth, tmp_path):
    arguments = ["--preset", "tiny", "--subjects", 1, "--size", 32, "--json", "--quiet"]
    status, out, _ = synth(tmp_path / "new", *arguments)
    told = json.loads(out)
    assert status == 0
    assert [told[name] for name in ("subjects", "per_level", "frames", "seed", "size")] == [
        *(1, 1, 12, 0, 32)
    ]


def test_a_damaged_settings_file(synth, copy):
    (copy / "synthpain.json").write_text("{")
    status, _, err = synth(copy)
    assert status == 1
    assert "damaged" in err
    assert err.count("\n") == 1


# ---------------------------------------------------------------- as a process of its own

LONG = ["--subjects=4", "--per-level=20", "--frames=40", "--size=64"]  # far longer than a test


def start(root: Path, *arguments) -> subprocess.Popen:
    """The command as a user's shell starts it, and wait until its first clip is there."""
    command = [sys.executable, "-m", "painlab", "synth", root, *LONG, "--processes=2", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    while not list(root.rglob("*.mp4")) and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()
    return process


def children(pid: int) -> list[int]:
    """The processes that a process has started; Linux keeps them in a file."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked after yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


linux = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="asks Linux which processes there are"
)


@linux
@pytest.mark.slow
def test_an_interruption_is_one_line_and_leaves_no_process(tmp_path):
    root = tmp_path / "long"
    process = start(root, "--quiet")
    crew = children(process.pid)
    assert len(crew) == 2
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
    out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert err.count("\n") == 1
    assert "the finished clips stay" in err
    assert all(gone(pid) for pid in crew)
    assert not (root / SCRATCH).exists()
    assert not list(root.rglob("*.part"))


@linux
@pytest.mark.slow
def test_workers_end_with_a_killed_parent(tmp_path):
    process = start(tmp_path / "long", "--quiet")
    crew = children(process.pid)
    assert len(crew) == 2
    process.kill()
    process.communicate()
    while not all(gone(pid) for pid in crew):  # the test's own time limit ends a vain wait
        time.sleep(0.05)
