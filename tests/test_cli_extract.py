"""painlab extract, from the command line."""

import json

import pytest
import torch

import painlab as pl
from painlab.cli import main
from painlab.training.store import FeatureStore


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree") / "data"
    pl.write_synthpain(root, subjects=2, per_level=1, frames=3, seed=0)
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    model = pl.TNT(pl.FrameworkConfig.tiny().spatial)
    return str(pl.save_model(model, tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


def test_a_tree_becomes_a_store(tree, weights, tmp_path, capsys):
    store = tmp_path / "store"
    again = ["extract", str(tree), str(store), "--weights", weights, "--landmarks", "fitted"]
    again += ["--device", "cpu", "--stride", "2", "--quiet"]
    left_out = tmp_path / "out.txt"
    left_out.write_text(pl.BioVid(tree).subjects[0])
    assert main([*again, "--leave-out", str(left_out)]) == 0
    assert "5 clips of 1 subjects" not in (told := capsys.readouterr().out)
    assert "5 clips of 1 subject" in told
    assert main([*again, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["clips"] == 10
    assert told["made_from"]["stride"] == 2
    features = FeatureStore(store).load()
    assert features.features.shape[:3] == (10, 1, 2)
    assert features.found.any()


def test_errors_are_one_line_and_change_nothing(tree, weights, tmp_path, capsys):
    store = tmp_path / "store"
    for arguments, words in (
        ((tmp_path / "nowhere", store), "nowhere"),
        ((tree, store, "--weights", "nobody"), "nobody"),
        ((tree, store, "--weights", weights, "--stride", "0"), "stride=0"),
    ):
        assert main(["extract", *map(str, arguments), "--device", "cpu", "--quiet"]) == 1
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
        assert not store.exists()
