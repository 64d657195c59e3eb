"""Checkpoints: a run that goes on ends as one that was never stopped."""

import pytest
import torch
from torch import nn

from painlab.errors import WeightsError
from painlab.training.checkpoint import read_checkpoint, write_checkpoint


def make():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    return model, torch.optim.AdamW(model.parameters(), lr=0.01)


def train(model, optimizer, steps):
    for step in steps:
        torch.manual_seed(step)
        loss = model(torch.randn(16, 4)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_going_on_gives_the_same_weights(tmp_path):
    whole, optimizer = make()
    train(whole, optimizer, range(10))
    first, optimizer = make()
    train(first, optimizer, range(4))
    path = tmp_path / "runs" / "a.safetensors"
    write_checkpoint(
        path, model=first, optimizer=optimizer, step=4, settings={"seed": 1}, history=[{"loss": 2}]
    )
    second, optimizer = make()
    done, history = read_checkpoint(path, model=second, optimizer=optimizer, settings={"seed": 1})
    assert (done, history) == (4, [{"loss": 2}])
    train(second, optimizer, range(done, 10))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


def test_averaged_weights_are_kept_too(tmp_path):
    model, optimizer = make()
    averaged, _ = make()
    with torch.no_grad():
        averaged[0].weight.fill_(3.0)
    train(model, optimizer, range(1))
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, model=model, optimizer=optimizer, step=1, settings={}, averaged=averaged)
    other, optimizer = make()
    mean, _ = make()
    read_checkpoint(path, model=other, optimizer=optimizer, settings={}, averaged=mean)
    assert (mean[0].weight == 3).all()
    assert torch.equal(other[0].weight, model[0].weight)


def test_without_a_file_the_run_begins(tmp_path):
    model, optimizer = make()
    there = tmp_path / "none.safetensors"
    assert read_checkpoint(there, model=model, optimizer=optimizer, settings={}) == (0, [])


def test_other_settings_are_refused_by_name(tmp_path):
    model, optimizer = make()
    path = tmp_path / "a.safetensors"
    write_checkpoint(
        path, model=model, optimizer=optimizer, step=0, settings={"seed": 1, "batch": 8}
    )
    with pytest.raises(WeightsError, match=r"other settings \(batch, seed\)"):
        read_checkpoint(path, model=model, optimizer=optimizer, settings={"seed": 2, "batch": 9})


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, damage):
    model, optimizer = make()
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, model=model, optimizer=optimizer, step=0, settings={})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"not a checkpoint")
    with pytest.raises(WeightsError, match="cannot be read") as error:
        read_checkpoint(path, model=model, optimizer=optimizer, settings={})
    assert "\n" not in str(error.value)


def test_a_changed_bit_is_noticed(tmp_path):
    model, optimizer = make()
    train(model, optimizer, range(2))
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, model=model, optimizer=optimizer, step=2, settings={})
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(WeightsError, match=r"numbers do not add up.*remove it"):
        read_checkpoint(path, model=model, optimizer=optimizer, settings={})
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
