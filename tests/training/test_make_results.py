"""data/make_results.py: from nothing to a table, in steps that stop where nothing is lost."""

import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "data" / "make_results.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_results", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(script, tmp_path_factory):
    """One task of the tiny preset, in steps that are over at once; how many there were."""
    work, steps = tmp_path_factory.mktemp("results"), 1
    while (status := run(script, work, "--seconds", "0")) == 75:
        steps += 1
        assert steps < 60
    assert status == 0
    return work, steps


def run(script, work, *more):
    given = ["--preset", "tiny", "--work", str(work), "--task", "NP-P4", "--only", "table-ii"]
    return script.main([*given, "--device", "cpu", *more])


def result(work) -> dict:
    return json.loads((work / "loso_tiny.json").read_text())


def test_steps_that_are_over_at_once_come_to_the_end(script, made, tmp_path):
    work, steps = made
    assert steps > 3
    assert run(script, tmp_path) == 0  # the same at one go
    ours, other = (
        result(folder)["figures"]["loso"]["pre-trained"]["stride 1"]["NP-P4"]
        for folder in (work, tmp_path)
    )
    for told in (ours, other):
        told.pop("seconds")
    assert ours == other
    assert ours["by_subject"]
    assert ours["clips"] == 8


def test_what_is_there_keeps_its_date(script, made):
    work, _ = made
    before = (work / "loso_tiny.json").read_bytes()
    assert run(script, work) == 0
    assert (work / "loso_tiny.json").read_bytes() == before
    assert result(work)["figures"]["oracle"]["NP-P4"] >= 0
    assert result(work)["figures"]["seconds of features"]["pre-trained"] > 0


def test_the_answer_to_every_clip_is_kept(made):
    figures = result(made[0])["figures"]
    told, answers = figures["loso"]["pre-trained"]["stride 1"]["NP-P4"], figures["answers"]["NP-P4"]
    assert len(answers) == told["clips"]
    assert all(abs(sum(chances) - 1) < 1e-3 for chances in answers.values())
    right = sum((of[1] > of[0]) == ("-PA4-" in name) for name, of in answers.items())
    assert right == pytest.approx(told["metrics"]["accuracy"] * len(answers))


def test_every_preset_can_be_planned(script):
    assert set(script.PLANS) == {"tiny", "small", "full"}
    full = script.PLANS["full"]
    assert (full.data.subjects, full.data.per_level, full.data.frames) == (87, 20, 138)
    assert (full.training.epochs, full.training.learning_rate) == (200, 1e-4)
    assert full.training.augmentations == ()  # its clips have one view
