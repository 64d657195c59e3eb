"""painlab extract, from the command line."""

import json

import pytest
import torch

import painlab as pl
from painlab.cli import main
from painlab.datasets.synthpain.settings import PRESETS
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


def test_faces_that_lie_on_no_disk(weights, tmp_path, capsys):
    """The clips of a task of rendered faces become what the library makes of them."""
    store, out = tmp_path / "store", tmp_path / "out.txt"
    data = pl.SynthPain(subjects=3, per_level=2, frames=4)
    out.write_text(data.subjects[0])
    rendered = ["extract", "synthpain:3x2x4", str(store), "--weights", weights, "--quiet"]
    rendered += ["--landmarks", "truth", "--device", "cpu", "--no-half-precision"]
    assert main([*rendered, "--task", "NP-P4,np-p3", "--task", "NP-P4"]) == 0
    assert "18 clips of 3 subjects" in capsys.readouterr().out
    some = [sample for sample in data if sample.level in (0, 3, 4)]
    whole = pl.extract_features(
        pl.load_model(weights), data.only(some), tmp_path / "whole", aligner="truth",
        frames_at_once=8,
    )  # fmt: skip
    assert whole.root != store
    assert {p.name: p.read_bytes() for p in store.iterdir()} == {
        p.name: p.read_bytes() for p in whole.root.iterdir()
    }
    assert main([*rendered, "--task", "NP-P1"]) == 1
    assert "level 3, 4 too" in capsys.readouterr().err
    assert (
        main([*rendered[:2], str(tmp_path / "less"), *rendered[3:], "--leave-out", str(out)]) == 0
    )
    assert "20 clips of 2 subjects" in capsys.readouterr().out


def test_the_presets_are_those_of_painlab_synth(weights, tmp_path, monkeypatch, capsys):
    from painlab.training import features

    seen = {}

    def look(model, samples, store, **more):
        seen[samples] = more
        raise pl.PainLabError("enough seen")

    monkeypatch.setattr(features, "extract_features", look)
    for name in ("tiny", "small", "full", "2x1x200"):
        assert main(["extract", f"synthpain:{name}", str(tmp_path), "--weights", weights]) == 1
    capsys.readouterr()
    sets = list(seen)
    assert [data.settings for data in sets[:3]] == list(PRESETS.values())
    assert [more["frames"] for more in seen.values()] == [138, 138, 138, 200]


def test_a_task_that_is_none_is_a_wrong_call(tree, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["extract", str(tree), str(tmp_path / "s"), "--task", "NP-P9"])
    assert stop.value.code == 2
    assert "choose from NP-P1, NP-P2" in capsys.readouterr().err


def test_a_task_of_films(tree, weights, tmp_path, capsys):
    again = ["extract", str(tree), str(tmp_path / "s"), "--weights", weights, "--quiet"]
    again += ["--landmarks", "fitted", "--device", "cpu", "--task", "NP-P2"]
    assert main(again) == 0
    assert "4 clips of 2 subjects" in capsys.readouterr().out


def test_errors_are_one_line_and_change_nothing(tree, weights, tmp_path, capsys):
    store = tmp_path / "store"
    for arguments, words in (
        ((tmp_path / "nowhere", store), "nowhere"),
        ((tree, store, "--weights", "nobody"), "nobody"),
        ((tree, store, "--weights", weights, "--stride", "0"), "stride=0"),
        ((tree, store, "--landmarks", "truth"), "are not known"),
        ((tree, tree), "folder of their own"),
        (("synthpain:huge", store), "synthpain:small"),
        (("synthpain:87x4", store), "PEOPLExCLIPSxFRAMES"),
        (("synthpain:0x4x2", store), "subjects must lie in"),
        (("synthpain:2x1x2", store, "--weights", weights, "--half-precision"), "bfloat16"),
    ):
        assert main(["extract", *map(str, arguments), "--device", "cpu", "--quiet"]) == 1
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
        assert not store.exists()
