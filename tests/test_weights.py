import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import painlab as pl
from painlab.errors import WeightsError
from painlab.weights import ASSETS, digest, read_weights

MODELS = {
    "framework": lambda: pl.PainFramework(pl.FrameworkConfig.tiny()),
    "spatial": lambda: pl.TNT(pl.FrameworkConfig.tiny().spatial),
    "temporal": lambda: pl.TemporalTransformer(pl.FrameworkConfig.tiny().temporal),
}


@pytest.fixture
def saved(tmp_path):
    return pl.save_model(MODELS["spatial"](), tmp_path / "tnt.safetensors", licence="CC0")


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_comes_back_as_it_was(tmp_path, kind):
    model = MODELS[kind]()
    path = pl.save_model(model, tmp_path / "m.safetensors", trained_on="nothing")
    again = pl.load_model(path)
    assert type(again) is type(model)
    assert again.config == model.config
    assert not again.training
    assert again.about["trained_on"] == "nothing"
    for (name, a), (_, b) in zip(
        model.state_dict().items(), again.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), name
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_file_may_begin_with_any_byte(tmp_path):
    """The first bytes are the length of the header: 0x80 and "PK" are no sign of a pickle there."""
    model, first = MODELS["spatial"](), set()
    for length in range(0, 256, 8):
        path = pl.save_model(model, tmp_path / "m.safetensors", note="x" * length)
        first.add(path.read_bytes()[:1])
        pl.load_model(path)
    assert b"\x80" in first


def test_loading_leaves_the_random_numbers_alone(saved):
    before = torch.get_rng_state()
    pl.load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_is_read_as_float32(tmp_path):
    path = pl.save_model(MODELS["spatial"]().half(), tmp_path / "half.safetensors")
    assert {p.dtype for p in pl.load_model(path).parameters()} == {torch.float32}


def test_the_metadata_is_plain_json(saved):
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["config"])["dim"] == 24
    assert metadata["painlab"] == pl.__version__
    assert metadata["licence"] == "CC0"


def refuse(path, *words):
    with pytest.raises(WeightsError) as caught:
        pl.load_model(path)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_what_cannot_be_loaded_is_refused_in_one_line(tmp_path, saved):
    whole = saved.read_bytes()
    refuse(tmp_path / "nowhere.safetensors", "nowhere.safetensors", "no such")
    refuse("tnt-of-nobody", "tnt-of-nobody")
    refuse("x" * 300, "no such")
    refuse(tmp_path, "folder")
    for size in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        part = tmp_path / "part.safetensors"
        part.write_bytes(whole[:size])
        refuse(part, "part.safetensors", "damaged")


def test_a_pickle_is_never_opened(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    for name, write in (
        ("zip.pth", lambda p: torch.save(Harmful(), p)),
        ("old.pth", lambda p: torch.save(Harmful(), p, _use_new_zipfile_serialization=False)),
        ("bare.pkl", lambda p: p.write_bytes(pickle.dumps(Harmful(), protocol=4))),
    ):
        write(tmp_path / name)
        refuse(tmp_path / name, name, "pickle")


def test_foreign_and_altered_files_are_refused(tmp_path, saved):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(2)}, foreign)
    refuse(foreign, "no weights file of painlab")

    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    other = tmp_path / "other.safetensors"

    def alter(tensors, config=None, **changes):
        config = config or json.dumps({**json.loads(metadata["config"]), **changes})
        told = {k: v for k, v in metadata.items() if k != "sha256"} | {"config": config}
        save_file(tensors, other, metadata={**told, "sha256": digest(tensors, told)})

    alter(tensors, dim=48)
    refuse(other, "class_token", "(24,)")
    alter(tensors, depth=3)
    refuse(other, "blocks.2", "missing")
    alter(tensors, depth=1)
    refuse(other, "blocks.1", "no part")
    alter({**tensors, "more": torch.zeros(1)})
    refuse(other, "more")
    alter(tensors, dim=25)
    refuse(other, "configuration", "25")
    alter(tensors, colour="red")
    refuse(other, "colour")
    alter(tensors, "{")
    refuse(other, "configuration")
    save_file(tensors, other, metadata={k: v for k, v in metadata.items() if k != "sha256"})
    refuse(other, "altered")


def test_one_changed_bit_is_noticed(tmp_path, saved):
    whole, other = saved.read_bytes(), tmp_path / "other.safetensors"
    start = 8 + int.from_bytes(whole[:8], "little")
    for place in (start, (start + len(whole)) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        other.write_bytes(changed)
        refuse(other, "other.safetensors", "altered")
    other.write_bytes(whole.replace(b'\\"drop_path\\": 0.1', b'\\"drop_path\\": 0.2'))
    assert other.read_bytes() != whole
    refuse(other, "altered")
    other.write_bytes(whole.replace(b'"licence":"CC0"', b'"licence":"MIT"'))
    assert other.read_bytes() != whole
    refuse(other, "altered")


SHIPPED = sorted((ASSETS / "weights").glob("*.safetensors"))


def test_a_fresh_install_has_all_networks():
    names = ["landmarks68-synthface", "pain-synthpain", "tnt-ti-synthface", "tnt-ti-synthpain"]
    assert [path.stem for path in SHIPPED] == names
    assert pl.load_model("tnt-ti-synthface").config == pl.TNTConfig()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_weights_say_what_they_are(path):
    about = pl.load_model(path.stem).about
    assert about["name"] == path.stem
    assert about["licence"] == "CC0-1.0"
    for text in (about["trained_on"], card(path).lower()):
        assert "rendered" in text
        assert "never seen a person" in text
        assert "pain" in text
    assert (Path(__file__).parents[1] / about["made_by"].split()[0]).is_file()
    assert "steps" in about["settings"] or "epochs" in about["settings"]
    assert len(about["commit"]) >= 7
    assert path.stat().st_size < 13e6
    assert {t.dtype for t in read_weights(path).tensors.values() if t.is_floating_point()} == {
        torch.float16
    }


def card(path):
    name = path.stem.replace("-", "_") + ".md"
    return (Path(__file__).parents[1] / "data" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_weights_that_are_damaged_are_refused(path, tmp_path):
    whole, other = path.read_bytes(), tmp_path / path.name
    other.write_bytes(whole[:-1])
    refuse(other, path.name, "damaged")
    other.write_bytes(whole[:-1] + bytes([whole[-1] ^ 64]))
    refuse(other, path.name, "altered")


def test_nothing_half_written_stays(tmp_path):
    with pytest.raises(WeightsError, match="cannot be written"):
        pl.save_model(MODELS["spatial"](), tmp_path / "no" / "folder.safetensors")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(WeightsError, match="Linear"):
        pl.save_model(torch.nn.Linear(1, 1), tmp_path / "l.safetensors")


@pytest.mark.gpu
def test_loading_onto_a_gpu(saved):
    assert next(pl.load_model(saved, device="cuda").parameters()).is_cuda


def test_the_same_weights_are_the_same_bytes_and_open_to_all(tmp_path):
    model = pl.TNT(pl.TNTConfig(image_size=32, depth=1))
    once = pl.save_model(model, tmp_path / "a.safetensors", licence="CC0", name="x", more="y")
    again = pl.save_model(model, tmp_path / "b.safetensors", more="y", name="x", licence="CC0")
    assert once.read_bytes() == again.read_bytes()
    (tmp_path / "plain").touch()
    assert once.stat().st_mode == (tmp_path / "plain").stat().st_mode
