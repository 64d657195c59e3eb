"""data/make_weights.py: made in many short steps, the weights are those of one long one."""

import importlib.util
import json
from functools import cache
from pathlib import Path

import pytest
import torch

import painlab as pl
from painlab.config import TNTConfig
from painlab.training import clock, rendered
from painlab.training.presets import PRESETS
from painlab.weights import read_weights

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("landmarks68-synthface", "tnt-ti-synthface")


@pytest.fixture(scope="module")
def script():
    path = ROOT / "data" / "make_weights.py"
    spec = importlib.util.spec_from_file_location("make_weights", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", autouse=True)
def people():
    """Each is drawn once for all tests here, and has a file of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "GROUP", 1)
        patch.setattr(rendered, "_draw_person", cache(rendered._draw_person))
        yield


def make(script, work, *more) -> int:
    given = ["--preset=tiny", f"--work={work}", "--device=cpu", "--processes=1", *map(str, more)]
    return script.main(given)


@pytest.fixture(scope="module")
def whole(script, people, tmp_path_factory):
    work = tmp_path_factory.mktemp("whole")
    assert make(script, work, "--seconds=1000", f"--output={work / 'weights'}") == 0  # enough
    return work / "weights"


def test_in_steps_it_makes_what_it_makes_at_once(script, whole, tmp_path, capsys):
    output, statuses, portraits = tmp_path / "weights", [], set()
    while not statuses or statuses[-1] == clock.COME_AGAIN:
        statuses.append(make(script, tmp_path / "work", "--seconds=0", f"--output={output}"))
        portraits |= {path.name for path in (tmp_path / "work").rglob("people-*")}
        last = capsys.readouterr().out.splitlines()[-1]
        assert ("come again" in last) == (statuses[-1] == clock.COME_AGAIN)
        assert len(statuses) < 20
    # people 2 and 3; checkpoints 2, and 2 and 1 of both stages; the end
    assert statuses == [clock.COME_AGAIN] * 10 + [0]
    assert portraits == {f"people-{i:05d}-{i:05d}.safetensors" for i in range(3)}
    assert not list((tmp_path / "work").rglob("people-*"))  # no longer needed
    assert {path.name for path in output.iterdir()} == {f"{name}.safetensors" for name in NAMES}
    for name in NAMES:
        one, other = (read_weights(folder / f"{name}.safetensors") for folder in (whole, output))
        assert one.config == other.config
        assert one.about == other.about
        assert one.tensors.keys() == other.tensors.keys()
        for key, tensor in one.tensors.items():
            assert torch.equal(tensor, other.tensors[key]), key


def test_what_was_made_before_is_not_made_again(script, whole, monkeypatch, capsys):
    for name in ("train_landmarks", "pretrain", "draw_pool"):
        monkeypatch.setattr(script, name, lambda *_, **__: pytest.fail("made again"))
    before = [(whole / f"{name}.safetensors").read_bytes() for name in NAMES]
    assert make(script, whole.parent, f"--output={whole}") == 0
    assert capsys.readouterr().out.count("made before; remove") == 2
    assert make(script, whole.parent, f"--output={whole}", "faces") == 0
    assert capsys.readouterr().out.count("made before; remove") == 1
    assert before == [(whole / f"{name}.safetensors").read_bytes() for name in NAMES]


def test_the_weights_tell_of_themselves_and_can_be_loaded(whole):
    landmarks, tnt = (read_weights(whole / f"{name}.safetensors") for name in NAMES)
    for weights, name in ((landmarks, NAMES[0]), (tnt, NAMES[1])):
        assert weights.about["name"] == name
        assert weights.about["licence"] == "CC0-1.0"
        assert weights.about["made_by"] == "data/make_weights.py --preset tiny"
        assert "never seen a person in pain" in weights.about["trained_on"]
        assert all(
            t.dtype == torch.float16 for t in weights.tensors.values() if t.is_floating_point()
        )
    assert json.loads(landmarks.about["settings"])["people"] == 2
    stages = json.loads(tnt.about["settings"])["stages"]
    assert [told["stage"]["name"] for told in stages] == ["low", "full-size"]
    assert pl.load_model(whole / f"{NAMES[1]}.safetensors").config == tnt.config


def test_other_settings_are_refused_in_one_line(script, whole, monkeypatch, capsys):
    changed = {"tiny": script.LandmarkTraining(people=2, pictures=6, steps=13, batch=4)}
    monkeypatch.setattr(script, "LANDMARKS", {**script.LANDMARKS, **changed})
    capsys.readouterr()
    assert make(script, whole.parent, "landmarks") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "belongs to a run with other settings" in line


def test_ctrl_c_is_no_error(script, tmp_path, monkeypatch, capsys):
    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "draw_pool", interrupted)
    assert make(script, tmp_path, "landmarks") == 130
    told = capsys.readouterr()
    assert told.out.startswith("Stopped; the same command goes on")
    assert told.err == ""


def test_wrong_calls(script, capsys):
    for wrong in (["eyes"], ["--preset=huge"], ["--seconds=soon"]):
        with pytest.raises(SystemExit) as refused:
            script.main(wrong)
        assert refused.value.code == 2
    assert script.main(["--device=nowhere"]) == 1
    assert "no such device" in capsys.readouterr().err


def test_its_presets_are_those_of_pretraining(script):
    assert script.LANDMARKS.keys() == PRESETS.keys()
    assert PRESETS["two-cores"].config == PRESETS["full"].config == TNTConfig()
    # what checkpoints of two cores are held against
    assert script.LANDMARKS["two-cores"] == script.LandmarkTraining()
    assert script.LANDMARKS["full"].steps > script.LandmarkTraining().steps


def test_the_clock_stops_before_its_time_is_up(script, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    watch = script.Clock(50)
    for now[0] in (110.0, 120.0, 130.0, 140.0):  # another ten seconds would just do
        watch.kept()
    now[0] = 141.0
    watch.kept()
    now[0] = 147.0
    with pytest.raises(clock.TimeUpError, match="47 s"):
        watch.kept()
    script.Clock(None).kept()
