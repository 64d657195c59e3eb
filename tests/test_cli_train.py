"""``painlab train`` and ``--start`` as a user meets them: streams, status, files."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest

import painlab as pl
from painlab.framework import FACES, PAIN
from painlab.training.results import LosoResult
from painlab.weights import model_digest

sys.path.insert(0, str(Path(__file__).parent / "training"))
from planted import MADE_FROM, planted_store

FAST = ["--epochs=2", "--batch=16", "--device=cpu", "--quiet"]


@pytest.fixture
def call(run_command):
    return partial(run_command, "train")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Features that claim to be of the TNT that comes with painlab."""
    root = tmp_path_factory.mktemp("cli") / "features"
    made_from = MADE_FROM | {"model": model_digest(pl.load_model(FACES))}
    return planted_store(root, people=3, per_level=2, frames=20, dim=192, made_from=made_from).root


def test_help(call):
    status, out, _ = call("--help")
    assert status == 0
    words = ("STORE", "OUT.safetensors", "--start", "--leave-out", "--quick", "medical device")
    assert [word for word in words if word not in out] == []
    assert call()[0] == 2


def test_a_model_of_everyone(call, store, tmp_path):
    out = tmp_path / "mine.safetensors"
    status, text, err = call(store, out, "--quick", "--task=MC", "--frames-per-second=5", *FAST)
    assert (status, err) == (0, [])
    assert text.splitlines() == [
        "learned from 18 clips of 3 subjects (task MC)", f"written: {out}",
    ]  # fmt: skip
    about = pl.framework_of_pain(out).about
    assert (about["spatial"], about["frames_per_second"]) == (FACES, "5")
    assert pl.load_model(out).config.latent_dim == 32


def test_fine_tuned(call, store, tmp_path):
    out, names = tmp_path / "mine.safetensors", tmp_path / "names.txt"
    names.write_text("person00\n")
    given = [store, out, "--start", PAIN, "--leave-out", names, *FAST, "--json"]
    status, text, err = call(*given)
    assert (status, err) == (0, [])
    told = json.loads(text)
    assert told["weights"] == str(out)
    assert told["trained_on"].startswith(
        "8 clips of 2 subjects (task NP-P4), and before that, as pain-synthpain, from rendered"
    )
    assert pl.load_model(out).config == pl.load_model(PAIN).config


def test_folds_begin_with_a_start(run_command, store, tmp_path):
    out = tmp_path / "runs"
    given = ["loso", store, "--task=NP-P4", "--out", out, *FAST]
    assert run_command(*given, "--start", PAIN)[0] == 0
    about = LosoResult.load(out / "NP-P4" / "result.json").about
    assert about["start"]["weights"] == PAIN
    assert about["temporal"]["frames"] == 35
    status, _, err = run_command(*given)
    assert (status, len(err)) == (1, 1)
    assert "differs in its start, temporal" in err[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--start", PAIN, "--paper-size"], "brings its own sizes"),
        (["--start", "nowhere"], "no such weights file"),
        (["--spatial", PAIN, "--quick"], "made by another TNT"),
        (["--epochs=0"], "TrainingConfig(epochs=0)"),
    ],
)
def test_wrong_options_are_told_in_one_line(call, store, tmp_path, given, words):
    status, text, err = call(store, tmp_path / "o.safetensors", "--quiet", *given)
    assert (status, text, len(err)) == (1, "", 1)
    assert words in err[0]
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_name_is_told_before_any_work(call, store, tmp_path):
    status, _, err = call(store, tmp_path / "o.pt", *FAST)
    assert (status, len(err)) == (1, 1)
    assert "ends in .safetensors" in err[0]
