"""The feature store: made once, gone on with, and never mixed."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import painlab as pl
from painlab.datasets.synthpain.curves import frame_rate
from painlab.errors import DataError, PainLabError
from painlab.framework import FACES, model_digest
from painlab.training.clip_faces import aligned_faces
from painlab.training.features import extract_features
from painlab.training.shards import CLIPS_A_SHARD
from painlab.training.store import INDEX, FeatureStore

TINY = pl.FrameworkConfig.tiny().spatial


@pytest.fixture(scope="module")
def tnt():
    torch.manual_seed(0)
    return pl.TNT(TINY).eval()


@pytest.fixture(scope="module")
def data():
    return pl.SynthPain(subjects=2, per_level=1, frames=4, size=64)


@pytest.fixture(scope="module")
def store(tnt, data, tmp_path_factory):
    return extract_features(tnt, data, tmp_path_factory.mktemp("store"), aligner="truth")


def never(*_args, **_kwargs):
    pytest.fail("a clip was made again")


def test_the_features_are_those_of_the_frames(store, tnt, data):
    features = store.load()
    assert features.features.shape == (10, 1, 4, TINY.dim)
    assert features.found.all()
    assert sorted(features.samples, key=str) == sorted(
        (replace(sample, path=None) for sample in data), key=str
    )
    assert store.frames_per_second == (frame_rate(4), frame_rate(4))
    assert features.levels.tolist() == [sample.level for sample in features.samples]
    for sample, one in zip(features.samples, features.features, strict=True):
        images, _ = aligned_faces(
            data, sample, "truth", size=TINY.image_size, device=torch.device("cpu")
        )
        with torch.inference_mode():
            expected = tnt(pl.frames_to_tensor(images))
        torch.testing.assert_close(one[0], expected, atol=0.02, rtol=0.01)  # kept in bfloat16


def test_what_is_there_is_not_made_again(store, tnt, data, monkeypatch):
    before = {path.name: path.read_bytes() for path in store.root.iterdir()}
    monkeypatch.setattr("painlab.training.features.aligned_faces", never)
    again = extract_features(tnt, data, store.root, aligner="truth")
    assert {path.name: path.read_bytes() for path in store.root.iterdir()} == before
    assert len(again) == 10


def test_killed_and_gone_on_with_it_ends_the_same(store, tnt, data, tmp_path, monkeypatch):
    from painlab.training import features as module

    made, real = [], module.aligned_faces

    def until(samples, sample, *rest, **more):
        if len(made) == 7:
            raise KeyboardInterrupt
        made.append(sample.sample_name)
        return real(samples, sample, *rest, **more)

    monkeypatch.setattr(module, "aligned_faces", until)
    with pytest.raises(KeyboardInterrupt):
        extract_features(tnt, data, tmp_path, aligner="truth")
    assert len(FeatureStore(tmp_path)) == 5  # the first subject's
    monkeypatch.setattr(module, "aligned_faces", real)
    extract_features(tnt, data, tmp_path, aligner="truth")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        p.name: p.read_bytes() for p in store.root.iterdir()
    }


def test_views_are_augmented_clips(tnt, data, tmp_path):
    some = pl.SynthPain(subjects=1, per_level=1, frames=2, size=64)
    whole = extract_features(tnt, some, tmp_path / "3", aligner="truth", views=3).load()
    alone = extract_features(tnt, some, tmp_path / "1", aligner="truth").load()
    assert whole.features.shape == (5, 3, 2, TINY.dim)
    assert torch.equal(whole.features[:, :1], alone.features)
    first, second, third = whole.features.unbind(1)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    other = extract_features(tnt, some, tmp_path / "s", aligner="truth", views=2, seed=1).load()
    assert not torch.equal(other.features[:, 1], second)


def test_a_store_made_otherwise_is_refused(store, tnt, data):
    torch.manual_seed(1)
    with pytest.raises(DataError, match=r"made otherwise \(model [0-9a-f]+, not [0-9a-f]+\)"):
        extract_features(pl.TNT(TINY), data, store.root, aligner="truth")
    with pytest.raises(DataError, match="stride 1, not 2"):
        extract_features(tnt, data, store.root, aligner="truth", stride=2)
    with pytest.raises(DataError, match="landmarks"):
        extract_features(tnt, data, store.root, aligner="fitted")


def test_a_damaged_shard_is_named_and_made_anew(tnt, data, tmp_path):
    store = extract_features(tnt, data, tmp_path, aligner="truth")
    shard = min(tmp_path.glob("*.safetensors"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match=f"{shard.name} is damaged"):
        store.load()
    extract_features(tnt, data, tmp_path, aligner="truth")
    assert shard.read_bytes() == whole
    (tmp_path / INDEX).write_text("{")
    with pytest.raises(DataError, match=INDEX):
        FeatureStore(tmp_path)
    with pytest.raises(DataError, match="no features"):
        FeatureStore(tmp_path / "nowhere")


@pytest.fixture
def films(tmp_path):
    """A list of clips, one of them broken, and one in which there is nobody."""
    noise = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), np.uint8)
    rows = ["subject,level,path"]
    for name, level in (("a", 0), ("b", 1), ("broken", 2)):
        pl.write_video(tmp_path / f"{name}.mp4", noise, fps=25)
        rows.append(f"S1,{level},{name}.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    return pl.Manifest(tmp_path / "list.csv")


def test_films_of_a_list_with_a_broken_one(films, tnt, tmp_path):
    aligner, said = pl.FaceAligner(landmarks="fitted", size=TINY.image_size, device="cpu"), []
    with pytest.raises(PainLabError, match=r"1 clip could not be read.*broken"):
        extract_features(tnt, films, tmp_path / "s", aligner=aligner, stride=2, say=said.append)
    features = FeatureStore(tmp_path / "s").load()
    assert features.features.shape == (2, 1, 3, TINY.dim)
    assert not features.found.any()
    assert not features.features.any()
    assert len(said) == 2
    assert all("no frame has a face" in line for line in said)
    told = json.loads((tmp_path / "s" / INDEX).read_text())
    assert told["made_from"]["aligner"] == aligner.description
    sources = [clip.source for clip in FeatureStore(tmp_path / "s").clips]

    pl.write_video(tmp_path / "a.mp4", np.zeros((6, 64, 64, 3), np.uint8), fps=25)
    pl.write_video(tmp_path / "broken.mp4", np.zeros((4, 64, 64, 3), np.uint8), fps=25)
    store = extract_features(
        tnt, pl.Manifest(tmp_path / "list.csv"), tmp_path / "s", aligner=aligner, stride=2
    )
    assert len(store) == 3
    assert store.clips[0].source != sources[0]
    assert store.clips[1].source == sources[1]
    assert [clip.frames for clip in store.clips] == [3, 3, 2]
    assert store.frames_per_second == (12.5, 12.5)  # of 25, every second frame
    assert store.load().features.shape == (3, 1, 3, TINY.dim)


def test_features_that_are_no_numbers_are_refused(data, tmp_path):
    broken = pl.TNT(TINY)
    with torch.no_grad():
        broken.class_token.fill_(float("nan"))
    with pytest.raises(PainLabError, match="not numbers"):
        extract_features(broken, data, tmp_path, aligner="truth")
    assert len(FeatureStore(tmp_path)) == 0
    with pytest.raises(DataError, match="no clip yet"):
        FeatureStore(tmp_path).load()


def test_bad_arguments_are_refused_in_one_line(tnt, data, films, tmp_path):
    for error, words, call in (
        (DataError, "no sample", lambda: extract_features(tnt, [], tmp_path / "x")),
        (DataError, "stride=0", lambda: extract_features(tnt, data, tmp_path / "x", stride=0)),
        (PainLabError, "truth", lambda: extract_features(tnt, films, tmp_path, aligner="truth")),
        (
            PainLabError,
            "224",
            lambda: extract_features(tnt, data, tmp_path, aligner=pl.FaceAligner(device="cpu")),
        ),
        (
            PainLabError,
            "without classes",
            lambda: extract_features(pl.TNT(replace(TINY, classes=2)), data, tmp_path),
        ),
        (
            PainLabError,
            "PainFramework: features come from a TNT",
            lambda: extract_features(pl.PainFramework(pl.FrameworkConfig.tiny()), data, tmp_path),
        ),
    ):
        with pytest.raises(error, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_without_a_model_it_is_the_shipped_one(tmp_path):
    data = pl.SynthPain(subjects=1, per_level=1, frames=1)
    one = data.only(data[:1])
    store = pl.extract_features(None, one, tmp_path / "s", aligner="truth", frames=1)
    assert store.made_from["model"] == model_digest(pl.load_model(FACES))


def test_of_fewer_levels(tnt, data, store, tmp_path):
    """Clips that the store has are not overwritten by those of another task."""
    some = data.only(pl.TASKS["NP-P4"].select(data))
    assert {
        clip.level for clip in extract_features(tnt, some, tmp_path, aligner="truth").clips
    } == {
        0,
        4,
    }
    other = data.only(pl.TASKS["NP-P3"].select(data))
    with pytest.raises(DataError, match="clips of level 4 too"):
        extract_features(tnt, other, tmp_path, aligner="truth")
    extract_features(tnt, data, tmp_path, aligner="truth")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        p.name: p.read_bytes() for p in store.root.iterdir()
    }
    with pytest.raises(PainLabError, match=r"SynthPain\.only"):
        extract_features(tnt, list(data), tmp_path, aligner="truth")


def test_clips_made_ahead_are_the_same(store, films, tnt, data, tmp_path, monkeypatch):
    """As on a GPU: another thread makes the next clip; an error still belongs to its own."""
    from painlab.training import features as module

    ahead = module.in_order
    monkeypatch.setattr(module, "in_order", lambda *given, workers: ahead(*given, workers=1))
    extract_features(tnt, data, tmp_path / "s", aligner="truth")
    assert {p.name: p.read_bytes() for p in (tmp_path / "s").iterdir()} == {
        p.name: p.read_bytes() for p in store.root.iterdir()
    }
    aligner = pl.FaceAligner(landmarks="fitted", size=TINY.image_size, device="cpu")
    with pytest.raises(PainLabError, match=r"1 clip could not be read.*broken"):
        extract_features(tnt, films, tmp_path / "f", aligner=aligner, say=lambda _: None)
    assert len(FeatureStore(tmp_path / "f")) == 2


def test_only_its_own_clips(data):
    with pytest.raises(DataError, match="no clip named"):
        data.only([pl.Sample("S1", 0, None, "nobody")])


@pytest.fixture
def bfloat16(monkeypatch):
    """As if this machine's CPU had it of its own; it can, if slowly."""
    monkeypatch.setattr("painlab.training.recipe.has_bfloat16", lambda device: True)
    monkeypatch.setattr("painlab.training.features.has_bfloat16", lambda device: True)


def test_a_store_tells_of_half_precision(store, tnt, data, tmp_path, bfloat16, monkeypatch):
    half = extract_features(tnt, data, tmp_path, aligner="truth")
    assert half.made_from == {**store.made_from, "precision": "bfloat16"}
    found, expected = half.load().features, store.load().features
    assert not torch.equal(found, expected)
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()
    # both go on as they were begun, and neither takes the other's features
    extract_features(tnt, data, tmp_path, aligner="truth")
    before = (store.root / INDEX).read_bytes()
    extract_features(tnt, data, store.root, aligner="truth")
    assert (store.root / INDEX).read_bytes() == before
    with pytest.raises(DataError, match="precision"):
        extract_features(tnt, data, store.root, aligner="truth", half_precision=True)
    with pytest.raises(DataError, match="precision bfloat16"):
        extract_features(tnt, data, tmp_path, aligner="truth", half_precision=False)
    monkeypatch.undo()
    with pytest.raises(DataError, match="precision bfloat16"):
        extract_features(tnt, data, tmp_path, aligner="truth")  # where it cannot be had
    with pytest.raises(PainLabError, match="cpu does not compute in bfloat16"):
        extract_features(tnt, data, tmp_path / "new", aligner="truth", half_precision=True)
    assert not (tmp_path / "new").exists()


def test_a_model_in_another_type_and_compiled_stays_what_it_is(tnt, data, tmp_path, bfloat16):
    half = copy.deepcopy(tnt).bfloat16()
    half.compile(backend="eager")
    some = data.only(data[:2])
    made = extract_features(half, some, tmp_path / "half", aligner="truth", half_precision=True)
    assert "precision" not in made.made_from
    whole = extract_features(tnt, some, tmp_path / "1", aligner="truth", half_precision=False)
    assert made.made_from["model"] != whole.made_from["model"]
    found, expected = made.load().features, whole.load().features
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


def test_a_shard_holds_few_clips_of_one_subject(tnt, tmp_path):
    data = pl.SynthPain(subjects=1, per_level=3, frames=1, size=32)
    store = extract_features(tnt, data, tmp_path, aligner="truth")
    assert len(store) == 15 > CLIPS_A_SHARD
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert [clip.level for clip in store.clips] == sorted(clip.level for clip in store.clips)
