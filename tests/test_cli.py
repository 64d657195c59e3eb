"""The command line as a user meets it: its two streams, its status, what it leaves on the disk."""

import json
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.numpy import load_file
from small import film_with_a_gap, small_framework

import painlab as pl
from painlab.cli import main
from painlab.video import write_video


class Done(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def painlab(capsys):
    """Run the command within this process; nothing it prints may be a traceback."""

    def run(*arguments) -> Done:
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse's own way out
            status = stop.code
        done = Done(status, *capsys.readouterr())
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict",),
        ("predict", "film.mp4", "--landmarks", "foo"),
        ("predict", "film.mp4", "--hop", "abc"),
        ("synth", "folder", "--preset", "huge"),
        ("train", "store"),
        ("frobnicate",),
        (),
    ],
)
def test_a_wrong_call_gets_one_line(painlab, arguments):
    done = painlab(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("painlab")
    assert "--help" in done.stderr


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return film_with_a_gap(tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    return pl.save_model(small_framework(frames=8), path)


@pytest.mark.parametrize("command", [[], ["predict"], ["align"]])
def test_help(painlab, command):
    done = painlab(*command, "--help")
    assert done.returncode == 0
    assert "medical device" in done.stdout


def test_a_wrong_call_is_status_2(painlab):
    assert painlab().returncode == 2
    assert painlab("guess").returncode == 2
    assert painlab("predict").returncode == 2


def test_predict_prints_a_table(painlab, video):
    done = painlab("predict", video)
    assert done.returncode == 0, done.stderr
    assert "learned from rendered faces" in done.stdout
    assert "never seen a person in pain" in done.stdout
    assert "not a medical device" in done.stdout
    assert "none in 1 (counted from 0, 6.25 a second)" in done.stdout
    assert "2 of 3" in done.stdout
    assert "3/3" in done.stderr  # the progress bar


def test_predict_prints_json_and_nothing_else(painlab, video, weights):
    done = painlab("predict", video, "--json", "--weights", weights, "--quiet", "--hop", "0.04")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["frames"] == 12
    assert len(told["windows"]) == 5
    assert told["trained"] is None
    for window in told["windows"]:
        assert sum(window["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_predict_annotates(painlab, video, weights, tmp_path):
    out = tmp_path / "out.mp4"
    done = painlab("predict", video, "--weights", weights, "--annotate", out, "--quiet")
    assert done.returncode == 0, done.stderr
    assert len(pl.read_video(out)) == 12


def test_align_writes_video_and_data(painlab, video, tmp_path):
    out, data = tmp_path / "faces.mp4", tmp_path / "faces.safetensors"
    done = painlab("align", video, "-o", out, "--data", data, "--size", 96, "--quiet")
    assert done.returncode == 0, done.stderr
    assert pl.read_video(out).frames.shape == (12, 96, 96, 3)
    arrays = load_file(data)
    assert arrays["landmarks"].shape == (12, 68, 3)
    assert arrays["found"].tolist() == [True] * 4 + [False] * 2 + [True] * 6
    told = json.loads(painlab("align", video, "--json", "--quiet").stdout)
    assert [frame is None for frame in told["frames"]] == (~arrays["found"]).tolist()
    assert told["aligner"]["size"] == 224


def damaged(video, folder):
    """Inputs that are not what they should be, by name."""
    whole = video.read_bytes()
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(folder / "noise.mp4", noise, fps=25)
    (folder / "folder.mp4").mkdir()
    return {
        "missing.mp4": "missing.mp4",
        "text.mp4": "text.mp4",
        "empty.mp4": "empty.mp4",
        "noise.mp4": "no face",
        "folder.mp4": "folder.mp4",
    }


@pytest.mark.parametrize("command", ["predict", "align"])
def test_bad_videos_are_one_line_and_status_1(painlab, command, video, weights, tmp_path):
    more = ["--weights", weights] if command == "predict" else ["-o", tmp_path / "out.mp4"]
    for name, words in damaged(video, tmp_path).items():
        done = painlab(command, tmp_path / name, "--quiet", *more)
        assert done.returncode == 1, name
        assert done.stdout == ""
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert words in done.stderr
    done = painlab(command, tmp_path / "half.mp4", "--quiet", *more)
    assert done.returncode in (0, 1)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not list(tmp_path.glob("*.part"))


def test_bad_weights_are_one_line_and_status_1(painlab, video, weights, tmp_path):
    import torch

    whole = weights.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    torch.save({"x": torch.zeros(1)}, tmp_path / "pickled.safetensors")
    small = pl.FrameworkConfig.tiny().spatial
    pl.save_model(pl.TNT(small), tmp_path / "part.safetensors")
    for name, words in {
        "cut.safetensors": "damaged",
        "pickled.safetensors": "pickle",
        "part.safetensors": "TNT",
        "nowhere.safetensors": "no such",
    }.items():
        done = painlab("predict", video, "--quiet", "--weights", tmp_path / name)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert words in done.stderr
        assert name in done.stderr


def test_both_outputs_or_none(painlab, video, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.numpy.save_file", fail)
    out, data = tmp_path / "faces.mp4", tmp_path / "faces.safetensors"
    done = painlab("align", video, "-o", out, "--data", data, "--quiet")
    assert done.returncode == 1
    assert "faces.safetensors" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_outputs_are_checked_before_the_work(painlab, video, tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    for arguments, words in (
        (["--annotate", tmp_path / "out.txt"], ".mp4"),
        (["--annotate", tmp_path / "no" / "out.mp4"], "does not exist"),
        (["--annotate", video], "the video itself"),
        (["--annotate", tmp_path / "folder.mp4"], "no file can be written"),
    ):
        done = painlab("predict", video, *arguments)
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert words in done.stderr


def process(*arguments):
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "painlab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_as_a_process(video, weights, tmp_path):
    """Status and streams reach the shell; --debug shows where an error arose."""
    done = process("predict", video, "--weights", weights, "--json", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["frames"] == 12
    done = process("predict", tmp_path / "x.mp4")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    done = process("predict", tmp_path / "x.mp4", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_unexpected_error_is_one_line_too(painlab, video, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("painlab.prediction.predict", fail)
    done = painlab("predict", video)
    assert done.returncode == 1
    assert (
        done.stderr == "painlab: unexpected ZeroDivisionError: two lines (--debug shows where).\n"
    )


def test_an_interruption_is_status_130(painlab, video, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("painlab.prediction.predict", stop)
    assert painlab("predict", video).returncode == 130
