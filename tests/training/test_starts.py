"""Trainings that begin with weights that have learned already, and the one model of everyone."""

import json

import numpy as np
import pytest
import torch
from planted import MADE_FROM, planted_store

import painlab as pl
from painlab.errors import DataError, WeightsError
from painlab.framework import FACES, PAIN
from painlab.training import everyone, loso
from painlab.training.fold_training import first_model
from painlab.training.store import FeatureStore
from painlab.weights import model_digest

QUICK = pl.TrainingConfig.quick(epochs=3, warm_up_epochs=0, batch=8)
STILL = pl.TrainingConfig.quick(epochs=1, warm_up_epochs=0, learning_rate=1e-12)
SMALL = pl.TemporalConfig(frames=6, dim=8, latents=4, latent_dim=8, heads=2, head_dim=4)


@pytest.fixture
def store(tmp_path):
    return planted_store(tmp_path / "store")


@pytest.fixture
def start(tmp_path):
    torch.manual_seed(3)
    path = tmp_path / "start.safetensors"
    return pl.save_model(
        pl.TemporalTransformer(SMALL), path, spatial="planted", spatial_digest="planted",
        trained_on="noise", frames_per_second="6.25",
    )  # fmt: skip


def silent(text):
    pass


def test_a_fold_begins_with_the_start(start):
    begun = pl.load_model(start)
    same = first_model("a", SMALL, seed=0, start=begun).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in begun.state_dict().items())
    five = pl.TemporalConfig(**{**vars(SMALL), "classes": 5})
    more, none = (first_model("a", five, seed=0, start=s).state_dict() for s in (begun, None))
    for name, value in more.items():
        source = none if name.startswith("classifier") else begun.state_dict()
        assert torch.equal(value, source[name]), name


def test_folds_that_hardly_learn_say_what_their_start_says(store, start):
    result = pl.train_loso(store, task="NP-P4", config=STILL, start=start, say=silent)
    features = store.load()
    row = {s.sample_name: i for i, s in enumerate(features.samples)}
    rows = [row[name] for name in result.sample_names]
    with torch.inference_mode():
        said = pl.load_model(start)(features.features[rows, 0], mask=features.found[rows])
    np.testing.assert_allclose(result.logits, said.numpy(), atol=1e-5)
    other = pl.train_loso(store, task="NP-P4", config=STILL, temporal=SMALL, say=silent)
    assert np.abs(other.logits - result.logits).max() > 0.01


def test_a_run_knows_its_start(store, start, tmp_path):
    given = {"task": "NP-P4", "out": tmp_path / "run", "config": QUICK, "say": silent}
    first = pl.train_loso(store, start=start, **given)
    again = pl.train_loso(store, start=start, **given)
    np.testing.assert_array_equal(first.logits, again.logits)
    assert first.about["start"]["weights"] == str(start.resolve())
    with pytest.raises(DataError, match="differs in its start"):
        pl.train_loso(store, temporal=SMALL, **given)
    plain = pl.train_loso(store, temporal=SMALL, **{**given, "out": None})
    assert "start" not in plain.about

    run = loso.plan_run(store, start=start, **{**given, "out": tmp_path / "later"})
    torch.manual_seed(4)
    about = pl.load_model(start).about
    pl.save_model(pl.TemporalTransformer(SMALL), start, **about)
    with pytest.raises(DataError, match="changed since the run was begun"):
        loso.train_groups(run)


def test_what_cannot_be_begun_with_is_refused(store, start, tmp_path):
    def refused(error, words, **given):
        given = {"task": "NP-P4", "config": QUICK, "start": start, "say": silent} | given
        with pytest.raises(error, match=words):
            pl.train_loso(store, **given)
        with pytest.raises(error, match=words):
            pl.train_on_all(store, tmp_path / "out.safetensors", **given)

    refused(DataError, "brings its own sizes", temporal=SMALL)
    refused(WeightsError, "no such weights file", start="nowhere")
    refused(WeightsError, "holds a TNT that names no TNT", start=FACES)
    nameless = pl.save_model(pl.TemporalTransformer(SMALL), tmp_path / "nameless.safetensors")
    refused(WeightsError, "names no TNT", start=nameless)
    refused(DataError, "made by another TNT", start=PAIN)
    short = pl.TemporalConfig(**{**vars(SMALL), "frames": 2, "latents": 1})
    path = tmp_path / "short.safetensors"
    pl.save_model(pl.TemporalTransformer(short), path, **pl.load_model(start).about)
    refused(DataError, "take a stride of 3", start=path)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_model_of_everyone_learns_the_signal(store, start, tmp_path):
    path = tmp_path / "all.safetensors"
    config = pl.TrainingConfig.quick(batch=8)
    model = pl.train_on_all(store, path, task="NP-P4", config=config, start=start, say=silent)
    features = store.load()
    keep = features.levels != 1
    with torch.inference_mode():
        said = model(features.features[keep, 0]).argmax(1)
    assert ((said == 1) == (features.levels[keep] == 4)).float().mean() > 0.9
    loaded = pl.load_model(path)
    assert model_digest(loaded) == model_digest(model)
    assert loaded.about["trained_on"] == (
        "24 clips of 4 subjects (task NP-P4), and before that, as start, from noise"
    )
    assert loaded.about["frames_per_second"] == "6.25"
    assert (loaded.about["spatial"], loaded.about["spatial_digest"]) == ("planted", "planted")
    assert json.loads(loaded.about["aligner"]) == {"landmarks": "none"}
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "all.safetensors", "start.safetensors",
    ]  # fmt: skip


def test_people_left_out_are_not_learned_from(store, start, tmp_path):
    given = {"task": "NP-P4", "config": QUICK, "start": start, "say": silent}
    two = planted_store(tmp_path / "two", people=2)
    alone = pl.train_on_all(two, tmp_path / "two.safetensors", **given)
    path = tmp_path / "some.safetensors"
    some = pl.train_on_all(store, path, leave_out=["PERSON02", "person03"], **given)
    for name, value in alone.state_dict().items():
        assert torch.equal(some.state_dict()[name], value), name
    assert some.about["trained_on"].startswith("12 clips of 2 subjects")
    with pytest.raises(DataError, match="takes two classes"):
        pl.train_on_all(store, path, leave_out=[f"person0{i}" for i in range(4)], **given)
    with pytest.raises(DataError, match="nobody"):
        pl.train_on_all(store, path, leave_out=["nobody"], **given)


def test_predict_takes_what_was_trained(tmp_path):
    made_from = MADE_FROM | {"model": model_digest(pl.load_model(FACES)), "stride": 2}
    store = planted_store(tmp_path / "store", dim=192, made_from=made_from)
    path = tmp_path / "all.safetensors"
    task = pl.Task("three", (0, 1, 4))
    pl.train_on_all(
        FeatureStore(store.root), path, task=task, config=QUICK, stride=2, say=silent,
        temporal=pl.TemporalConfig.quick(latents=2), about={"licence": "CC0-1.0"},
    )  # fmt: skip
    framework = pl.framework_of_pain(path)
    assert framework(torch.zeros(1, 3, 3, 224, 224)).shape == (1, 3)
    about = framework.about
    assert (about["spatial"], about["frames_per_second"]) == (FACES, "6.25")  # 25 / 2 / 2
    assert json.loads(about["classes"]) == ["NP", "P1", "P4"]
    assert about["licence"] == "CC0-1.0"
    tuned = pl.train_on_all(
        store, path, task="NP-P4", config=QUICK, start=PAIN, frames_per_second=5, say=silent
    )
    assert tuned.config == pl.load_model(PAIN).config
    assert tuned.about["frames_per_second"] == "5"
    assert "classes" not in pl.load_model(path).about


def test_the_rate_of_the_films_goes_with_the_model(start, tmp_path):
    heard = []

    def rate(store, **given):
        heard.clear()
        path = tmp_path / "all.safetensors"
        made = pl.train_on_all(
            store, path, task="NP-P4", config=QUICK, start=start, say=heard.append, **given
        )
        return made.about["frames_per_second"]

    store = planted_store(tmp_path / "one", people=2, fps=(12.5,))
    assert store.frames_per_second == (12.5, 12.5)
    assert FeatureStore(store.root).frames_per_second == (12.5, 12.5)
    assert (rate(store, stride=2), heard) == ("6.25", [])
    assert rate(store) == "12.5"
    assert "made for 6.25 frames a second" in heard[0]
    assert (rate(store, frames_per_second=7), heard) == ("7", [])
    mixed = planted_store(tmp_path / "mixed", people=2, fps=(6.0, 12.0))
    assert rate(mixed) == "9"
    assert "from 6 to 12 frames a second" in heard[0]
    assert (rate(mixed, leave_out=["person01"], stride=1), len(heard)) == ("6", 1)  # the other's
    unknown = planted_store(tmp_path / "unknown", people=2, fps=(6.0, None))
    assert unknown.frames_per_second is None
    assert rate(unknown) == "6.25"
    assert "does not tell" in heard[0]
    assert (rate(unknown, leave_out=["person01"], frames_per_second=None), len(heard)) == ("6", 1)


def test_another_tnt_is_refused(store, tmp_path):
    with pytest.raises(DataError, match="made by another TNT"):
        pl.train_on_all(
            store, tmp_path / "all.safetensors", task="NP-P4", temporal=SMALL, say=silent
        )
    one = planted_store(tmp_path / "one", levels=(4,))
    for train in (pl.train_loso, pl.train_on_all):
        to = {} if train is pl.train_loso else {"path": tmp_path / "all.safetensors"}
        with pytest.raises(DataError, match="has no clip of NP: NP-P4 takes two classes"):
            train(one, task="NP-P4", say=silent, **to)


def test_a_killed_training_ends_the_same(store, start, tmp_path, monkeypatch):
    given = {"task": "NP-P4", "config": QUICK, "start": start, "say": silent}
    whole = pl.train_on_all(store, tmp_path / "whole.safetensors", **given)
    real = everyone.train_folds

    def killed(*args, **more):
        def stop():
            raise KeyboardInterrupt

        return real(*args, **more, kept=stop)

    path = tmp_path / "killed.safetensors"
    monkeypatch.setattr(everyone, "train_folds", killed)
    for _ in range(2):  # each gets one step further
        with pytest.raises(KeyboardInterrupt):
            pl.train_on_all(store, path, checkpoint_seconds=0, **given)
    assert not path.exists()
    assert path.with_name("killed.safetensors.checkpoint").exists()
    monkeypatch.setattr(everyone, "train_folds", real)
    went_on = pl.train_on_all(store, path, **given)
    for name, value in whole.state_dict().items():
        assert torch.equal(went_on.state_dict()[name], value), name
    assert not path.with_name("killed.safetensors.checkpoint").exists()
