"""``painlab loso`` as a user meets it: streams, status, files."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

import painlab as pl
from painlab.datasets.synthpain.oracle import oracle_of
from painlab.training import loso
from painlab.training.results import LosoResult
from painlab.training.store import FeatureStore, StoredClip

sys.path.insert(0, str(Path(__file__).parent / "training"))
from planted import planted_store

TASKS = ["NP-P1", "NP-P2", "NP-P3", "NP-P4", "MC"]
FAST = ["--quick", "--epochs=2", "--batch=16", "--device=cpu"]


@pytest.fixture
def call(run_command):
    return partial(run_command, "loso")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli") / "features"
    return planted_store(root, people=3, per_level=2, levels=(0, 1, 2, 3, 4), frames=20).root


def test_help(call):
    status, out, _ = call("--help")
    assert status == 0
    words = (
        "STORE", "--task", "--out", "--quick", "--paper-size", "--epochs", "--learning-rate",
        "--batch", "--seed", "--subjects", "--folds-at-once", "--permute", "--keep-models",
        "--device", "--json", "--quiet", "medical device",
    )  # fmt: skip
    assert [word for word in words if word not in out] == []
    assert "checkpoint" not in out
    assert call()[0] == 2
    status, _, err = call("x", "--task=NP-P9")
    assert status == 2
    assert "invalid choice: 'NP-P9'" in err[-1]
    assert call("x", "--epochs=many")[0] == 2


def test_all_tasks(call, store, tmp_path):
    out = tmp_path / "runs"
    status, text, err = call(store, *FAST, "--out", out)
    assert status == 0
    assert sorted(p.name for p in out.iterdir()) == sorted(TASKS)
    lines = text.splitlines()
    assert [line.split(":")[0] for line in lines if "each left out once" in line] == TASKS
    assert next(line for line in lines if line.startswith("%")).split() == ["%", *TASKS]
    told = [line.split() for line in lines if line.startswith("paper, Acc.")]
    assert told == [["paper,", "Acc.", "65.95", "66.87", "69.22", "73.28", "31.52"]]
    assert lines[-1] == f"written: {out}"
    assert any("fold step" in line and "MC" in line for line in err)  # the bar

    status, again, err = call(store, *FAST, "--out", out, "--quiet")  # all is there already
    assert (status, again, err) == (0, text, [])


def test_json_and_the_files_beside_the_store(call, store):
    status, text, err = call(store, "--task=NP-P4", *FAST, "--json", "--quiet")
    assert (status, err) == (0, [])
    (told,) = json.loads(text)
    out = store.with_name("features-loso") / "NP-P4"
    assert told["file"] == str(out / "result.json")
    result = LosoResult.load(told["file"])
    assert told["metrics"] == result.metrics()
    assert told["confusion"] == result.confusion().tolist()
    assert told["by_subject"] == result.by_subject()
    assert (told["task"], told["clips"], told["chance"]) == ("NP-P4", 12, 0.5)
    assert told["missing"] == []
    assert result.about["training"]["epochs"] == 2
    assert result.about["training"]["batch"] == 16
    assert result.about["temporal"]["latent_dim"] == 32


def test_options_reach_the_run(call, store, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("person01\nperson02\n")
    out = tmp_path / "runs"
    status, text, _ = call(
        store, "--task=MC", *FAST, "--out", out, "--subjects", names, "--folds-at-once=1",
        "--learning-rate=0.002", "--seed=5", "--permute=0", "--keep-models", "--quiet",
    )  # fmt: skip
    assert status == 0
    assert "MC: 20 clips of 2 subjects" in text
    files = {p.name for p in (out / "MC").iterdir()}
    assert {"folds-000-000.json", "folds-001-001.json", "model-000.safetensors"} <= files
    about = LosoResult.load(out / "MC" / "result.json").about
    assert (about["training"]["learning_rate"], about["training"]["seed"]) == (0.002, 5)
    assert about["permute"] == 0


def test_one_subject_left_out(call, store, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("person01\n")
    given = [store, "--task=NP-P4", *FAST, "--out", tmp_path / "o", "--subjects", names, "--quiet"]
    assert call(*given)[0] == 0
    status, text, err = call(*given, "--json")
    assert (status, err) == (0, [])
    assert json.loads(text)[0]["intervals"] is None


def test_the_oracle_of_other_clips_is_refused(call, store, tmp_path):
    given = [store, "--task=NP-P4", *FAST, "--out", tmp_path / "o", "--quiet"]
    status, _, err = call(*given, "--oracle=synthpain:tiny")
    assert (status, len(err)) == (1, 1)
    assert "are not the clips of" in err[0]
    assert call(*given, "--oracle=synthpain:huge")[0] == 1


def test_the_oracle_stands_below(call, tmp_path):
    data = pl.SynthPain(subjects=4, per_level=1, frames=12)
    store = FeatureStore.begin(tmp_path / "s", {"model": "none"})
    for who in data.subjects:
        clips = [
            StoredClip(who, s.level, s.sample_name, "x", 12)
            for s in data
            if s.subject == who and s.level in (0, 4)
        ]
        store.put(
            f"{who}.safetensors", clips, features=torch.randn(2, 1, 12, 8),
            found=torch.ones(2, 12, dtype=torch.bool),
        )  # fmt: skip
    given = [tmp_path / "s", "--task=NP-P4", *FAST, "--oracle=synthpain:tiny", "--quiet"]
    status, text, _ = call(*given)
    assert status == 0
    (row,) = [line.split() for line in text.splitlines() if line.startswith("oracle")]
    expected = oracle_of(data, task=pl.TASKS["NP-P4"])
    assert row == ["oracle,", "Acc.", f"{100 * expected:.2f}"]
    (told,) = json.loads(call(*given, "--json")[1])
    assert told["oracle"] == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--quick", "--paper-size"], "two sizes: give one"),
        (["--epochs=0"], "TrainingConfig(epochs=0)"),
        (["--batch=-1"], "TrainingConfig(batch=-1)"),
        (["--learning-rate=nan"], "TrainingConfig(learning_rate=nan)"),
        (["--seed=-1"], "TrainingConfig(seed=-1)"),
        (["--folds-at-once=0"], "folds_at_once=0: give a whole number above 0"),
        (["--device=abacus"], "device abacus: PyTorch has no such device"),
        (["--subjects=nowhere.txt"], "nowhere.txt"),
    ],
)
def test_wrong_options_are_told_in_one_line(call, store, tmp_path, given, words):
    status, text, err = call(store, "--task=NP-P4", "--out", tmp_path / "o", *given)
    assert (status, text, len(err)) == (1, "", 1)
    assert words in err[0]
    assert err[0].startswith("painlab: ")
    assert "unexpected" not in err[0]
    assert not (tmp_path / "o" / "NP-P4" / "run.json").exists()


def test_wrong_folders_are_told_in_one_line(call, store, tmp_path):
    status, text, err = call(tmp_path / "nowhere", *FAST)
    assert (status, text, len(err)) == (1, "", 1)
    assert "holds no features" in err[0]
    (tmp_path / "file").write_text("")
    status, text, err = call(store, *FAST, "--quiet", "--out", tmp_path / "file")
    assert (status, text, len(err)) == (1, "", 1)
    assert "cannot be written" in err[0]


def test_another_run_in_the_folder_is_told_in_one_line(call, store, tmp_path):
    given = [store, "--task=NP-P4", *FAST, "--out", tmp_path, "--quiet"]
    assert call(*given)[0] == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "NP-P4").iterdir()}
    status, text, err = call(*given, "--seed=1")
    assert (status, text, len(err)) == (1, "", 1)
    assert "differs in its training: give another folder" in err[0]
    assert before == {p.name: p.read_bytes() for p in (tmp_path / "NP-P4").iterdir()}


def test_an_interruption_says_what_stays(call, store, tmp_path, monkeypatch):
    given = [store, "--task=NP-P4", *FAST, "--folds-at-once=1", "--out", tmp_path, "--quiet"]
    real, trained = loso.train_folds, []

    def interrupted(data, folds, **more):
        trained.append(folds[0].name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return real(data, folds, **more)

    monkeypatch.setattr(loso, "train_folds", interrupted)
    status, text, err = call(*given)
    assert (status, text) == (130, "")
    assert err == [
        f"painlab: stopped; what was trained stays in {tmp_path}, and the same command goes on "
        "from there."
    ]
    assert (tmp_path / "NP-P4" / "folds-000-000.json").exists()
    assert call(*given)[0] == 0
    assert trained == ["person00", "person01", "person01", "person02"]
