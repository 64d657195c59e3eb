"""The TNT that tells pain from single frames: the script that makes it, and the one that comes."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import painlab as pl
from painlab.datasets.synthpain.render import render_clip
from painlab.errors import WeightsError
from painlab.framework import FACES, PAIN_OF_FRAMES, model_digest
from painlab.training.clip_faces import align_by_truth
from painlab.weights import ASSETS, find_weights, read_weights

PATH = Path(__file__).parents[2] / "data" / "make_spatial_pain_model.py"
TINY = replace(pl.FrameworkConfig.tiny().spatial, depth=3)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_spatial_pain_model", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    tnt = pl.TNT(TINY).eval()
    tnt.load_state_dict({name: t.half().float() for name, t in tnt.state_dict().items()})
    return tnt


@pytest.fixture
def setting(script):
    return script.Setting(
        people=6, learned_from=2, per_level=2, frames=6, frozen=2, views=2, epochs=8, batch=8,
        learning_rate=5e-3,
    )  # fmt: skip


@pytest.fixture
def planted(script):
    """Pictures whose upper half is brighter where there is pain."""
    rng = np.random.default_rng(0)
    pain = np.arange(32) % 3 == 0
    images = rng.integers(60, 120, (32, 32, 32, 3), dtype=np.uint8)
    images[pain, :16] += 80
    return script.Pictures(
        torch.from_numpy(images), pain, np.where(pain, 4, 0), ~pain & False,
        np.array(["Anna", "Ben"] * 16),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("intensity", "pain", "calm"),
    [
        ([0, 0, 0, 0.1, 0.4, 0.8, 0.5, 0.3, 0], [4, 5, 6], [1]),
        ([0, 0, 0, 0, 0, 0], [], [2, 3]),  # no pain, or a face that does not respond
        ([0, 0.01, 0.05, 0.04], [], [0]),  # too little to learn from
        ([0.2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0], [2, 3, 4], []),  # the last 0 is after the pain
    ],
)
def test_which_frames_show_pain(script, intensity, pain, calm):
    found = script.frames_of(np.float32(intensity), most=3, seen=0.1)
    assert found[0] == pain
    assert set(found[1]) <= set(np.flatnonzero(np.cumsum(intensity) == 0))
    assert len(found[1]) == len(calm)


def test_the_weakest_pain_is_tested_on(script):
    assert script.frames_of(np.float32([0, 0.01, 0.05, 0.04]), most=2, seen=0.0) == ([2, 3], [0])


def test_both_halves_of_the_network_are_the_network(script, base):
    tnt = pl.TNT(replace(TINY, classes=2)).eval()
    images = torch.rand(3, 3, 32, 32)
    for frozen in (0, 2, 3):
        both = script.last_blocks(tnt, *script.first_blocks(tnt, images, frozen), frozen)
        assert torch.allclose(both, tnt(images), atol=1e-6)


def test_only_the_last_blocks_learn_and_they_do(script, base, planted, setting, tmp_path):
    tnt, loss = script.train(base, planted, setting)
    pain = script.judge(tnt, planted.images)
    assert pain[planted.pain].min() > 0.5 > pain[~planted.pain].max()
    assert loss < 0.5
    path = script.write(tmp_path / "t.safetensors", tnt, base, setting._asdict())
    changed = set(read_weights(path).tensors)
    assert {name.split(".")[0] for name in changed} == {"blocks", "norm", "classifier"}
    assert {name.split(".")[1] for name in changed if name.startswith("blocks")} == {"2"}
    again, same_loss = script.train(base, planted, setting)
    assert loss == same_loss
    for name, tensor in tnt.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_the_script_goes_on_from_its_clips(script, base, setting, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "load_model", lambda _: base)
    told = ["--work", str(tmp_path / "work")]
    for name in ("output", "results"):
        (tmp_path / name).mkdir()
        told += [f"--{name}", str(tmp_path / name)]
    assert script.main(told, setting) == 0
    weights = tmp_path / "output" / f"{PAIN_OF_FRAMES}.safetensors"
    result = tmp_path / "results" / "spatial_pain_model.json"
    before, figures = weights.read_bytes(), json.loads(result.read_text())["figures"]
    assert figures["strong"]["people"] == 4
    assert set(figures["by_level"]) == set("1234")
    kept = sorted((tmp_path / "work" / "aligned").iterdir())
    kept[0].unlink()
    dates = {path: path.stat().st_mtime_ns for path in kept[1:]}
    assert script.main(told, setting) == 0
    assert dates == {path: path.stat().st_mtime_ns for path in kept[1:]}
    assert weights.read_bytes() == before
    capsys.readouterr()
    assert script.main([*told, "--output", str(tmp_path / "nowhere")], setting) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture(scope="module")
def shipped():
    return pl.tnt_of_pain()


def test_the_shipped_one_is_the_one_that_was_measured(script, shipped):
    about = shipped.about
    told = json.loads((PATH.parent / "results" / "spatial_pain_model.json").read_text())
    assert json.loads(about["settings"]) == told["config"]
    assert told["config"] == script.Setting()._asdict() | {"base": FACES}
    assert about["commit"] == told["commit"]
    figures = told["figures"]
    assert figures["strong"]["people"] == 24
    assert figures["strong"]["interval"][0] > 0.5


def test_the_shipped_one_is_its_base_but_for_the_last_blocks(script, shipped):
    below, frozen = pl.load_model(FACES), script.Setting().frozen
    assert shipped.about["base"] == FACES
    assert shipped.about["base_digest"] == model_digest(below)
    assert shipped.config == replace(below.config, classes=2)
    assert not shipped.training
    assert find_weights(PAIN_OF_FRAMES).stat().st_size < 5e6
    ours, theirs = shipped.state_dict(), below.state_dict()
    anew = [f"blocks.{i}." for i in range(frozen, below.config.depth)] + ["norm.", "classifier."]
    for name, tensor in ours.items():
        same = name in theirs and torch.equal(tensor, theirs[name])
        assert same != name.startswith(tuple(anew)), name


def test_the_shipped_one_tells_the_apex_from_rest(script, shipped):
    """Of three lively people that it has not met."""
    data = pl.SynthPain(subjects=60, per_level=1, frames=12)
    of_level_4 = [sample for sample in data if data.key(sample).level == 4]
    lively = [
        sample for sample in of_level_4[script.Setting().learned_from :]
        if data.motion(sample).intensity.max() > 0.4
    ]  # fmt: skip
    for sample in lively[:3]:
        motion = data.motion(sample)
        clip = render_clip(data.subject(sample), motion, level=4, trial=0)
        apex = int(motion.intensity.argmax())
        faces = align_by_truth(clip, size=224)[[0, apex]]
        with torch.inference_mode():
            rest, pain = shipped(pl.frames_to_tensor(faces)).softmax(1)[:, 1]
        assert pain > 0.5
        assert pain > rest + 0.2


class TestWeightsOverOthers:
    @pytest.fixture
    def files(self, base, tmp_path):
        """A base, and a function that lays tensors over it and loads both."""
        below = pl.save_model(base, tmp_path / "base.safetensors")
        above = pl.TNT(replace(TINY, classes=2))
        above.load_state_dict(base.state_dict(), strict=False)

        def load(*names, **about):
            from painlab.weights import write_weights

            tensors = {name: above.state_dict()[name] for name in names}
            about = {"base": str(below), "base_digest": model_digest(base)} | about
            path = tmp_path / "above.safetensors"
            write_weights(path, tensors, config=above.config, about=about)
            return pl.tnt_of_pain(path)

        return above, load

    def test_they_are_one_model(self, files):
        above, load = files
        found = load("classifier.weight", "classifier.bias")
        for name, tensor in above.state_dict().items():
            assert torch.equal(tensor, found.state_dict()[name]), name

    def test_what_does_not_fit_is_refused(self, files, base, tmp_path):
        _, load = files
        classifier = "classifier.weight", "classifier.bias"
        with pytest.raises(WeightsError, match=r"another .*base.* than the one"):
            load(*classifier, base_digest="0123456789abcdef")
        with pytest.raises(WeightsError, match=r"classifier\.bias is missing"):
            load("classifier.weight")
        with pytest.raises(WeightsError, match="no such weights file"):
            load(*classifier, base="nowhere")
        with pytest.raises(WeightsError, match="no whole model"):
            load(*classifier, base=str(tmp_path / "above.safetensors"))
        with pytest.raises(WeightsError, match="TNT without two classes"):
            pl.tnt_of_pain(FACES)
        with pytest.raises(WeightsError, match="TemporalTransformer"):
            pl.tnt_of_pain("pain-synthpain")


def test_all_weights_that_come_lie_over_one_that_comes():
    for path in (ASSETS / "weights").glob("*.safetensors"):
        assert read_weights(path).about.get("base", FACES) == FACES
