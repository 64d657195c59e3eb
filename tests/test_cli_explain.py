"""`painlab explain` as a user meets it: its streams, its status, what it leaves on the disk."""

import json

import numpy as np
import pytest
from small import film_with_a_gap, small_framework

import painlab as pl
from painlab.video import read_video, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return film_with_a_gap(tmp_path_factory.mktemp("explain"), step=2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Small weights that say that they learned nothing."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    return pl.save_model(small_framework(frames=8), path, trained_on="nothing")


def test_help(run_command):
    status, out, _ = run_command("explain", "--help")
    assert status == 0
    assert "medical device" in out
    for method in ("chefer", "rollout", "integrated-gradients"):
        assert method in out


def test_it_prints_what_it_found_and_writes_both_files(run_command, video, weights, tmp_path):
    figure, film = tmp_path / "out.png", tmp_path / "out.mp4"
    status, out, err = run_command(
        "explain", video, "--weights", weights, "--landmarks", "fitted", "--method", "rollout",
        "--window", 0, "--figure", figure, "-o", film,
    )  # fmt: skip
    assert status == 0, err
    assert "They have not learned pain: these numbers mean nothing." in out
    assert "not a medical device" in out
    assert "none in 4 to 5 (counted from 0, 25 a second)" in out
    assert "Explained: face.mp4, 0.00 to 0.32 s: pain (probability " in out
    assert "by rollout" in out
    assert "relevance (even share = 1)" in out
    assert out.splitlines()[-2:] == [f"written: {figure}", f"written: {film}"]
    assert any("12/12" in line for line in err)  # the progress bars
    assert any("relevance of 8 frames by rollout" in line for line in err)
    assert any("8/8" in line for line in err)
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert len(read_video(film)) == 8
    assert sorted(tmp_path.iterdir()) == [film, figure]


def test_json_and_nothing_else(run_command, video, weights, tmp_path):
    figure = tmp_path / "out.svg"
    status, out, err = run_command(
        "explain", video, "--json", "--quiet", "--weights", weights, "--landmarks", "fitted",
        "--method", "random", "--target", "no pain", "--start", 0.1, "--figure", figure, "--fine",
    )  # fmt: skip
    assert (status, err) == (0, [])
    told = json.loads(out)
    assert (told["target"], told["target_name"], told["method"]) == (0, "no pain", "random")
    assert told["window"]["start"] == pytest.approx(0.08)
    assert "these numbers mean nothing" in told["notice"]
    assert [frame["face"] for frame in told["frames"]] == [True, True, False, False] + [True] * 4
    assert figure.read_text().rstrip().endswith("</svg>")


def wrong_calls(video, folder):
    noise = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)
    write_video(folder / "noise.mp4", noise, fps=25)
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    return {
        "no face": [folder / "noise.mp4"],
        "missing.mp4": [folder / "missing.mp4"],
        "text.mp4": [folder / "text.mp4"],
        "target '7': this model has the classes 0 (no pain), 1 (pain)": [video, "--target", 7],
        "target 'agony'": [video, "--target", "agony"],
        "method 'magic': choose one of chefer": [video, "--method", "magic"],
        "window 9": [video, "--window", 9, "--method", "random"],
        "start 9": [video, "--start", 9, "--method", "random"],
        "ends in .png or .svg": [video, "--figure", folder / "out.gif"],
        "ends in .mp4": [video, "-o", folder / "out.avi"],
        "does not exist": [video, "-o", folder / "no" / "out.mp4"],
        "the video itself": [video, "-o", video],
    }


def test_wrong_calls_are_one_line_and_leave_nothing(run_command, video, weights, tmp_path):
    calls = wrong_calls(video, tmp_path)
    before = sorted(tmp_path.iterdir())
    for words, arguments in calls.items():
        outputs = [] if "-o" in arguments else ["-o", tmp_path / "out.mp4"]
        status, out, err = run_command(
            "explain",
            *arguments,
            *outputs,
            "--landmarks",
            "fitted",
            "--weights",
            weights,
            "--landmarks",
            "fitted",
            "--quiet",
        )
        assert (status, out) == (1, ""), words
        assert len(err) == 1, err
        assert words in err[0]
        assert sorted(tmp_path.iterdir()) == before, words


def test_a_window_is_named_once(run_command, video):
    status, _, err = run_command("explain", video, "--window", 0, "--start", 0)
    assert status == 2
    assert "not allowed with" in err[-1]


@pytest.mark.parametrize(
    "stage", ["painlab.explaining.relevance", "painlab.figures.relevance_film._draw"]
)
def test_stopped_it_leaves_nothing(run_command, video, weights, tmp_path, monkeypatch, stage):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, stop)
    status, out, err = run_command(
        "explain", video, "--quiet", "--weights", weights, "--landmarks", "fitted",
        "--method", "random", "--figure", tmp_path / "out.png", "-o", tmp_path / "out.mp4",
    )  # fmt: skip
    assert (status, out) == (130, "")
    assert err == ["painlab: stopped; nothing was written."]
    assert list(tmp_path.iterdir()) == []
