"""Optimiser and schedule of Table I."""

import math

import pytest

import painlab as pl
from painlab.training.recipe import learning_rate_at, make_optimizer, parameter_groups


def test_decay_spares_biases_norms_tokens_and_positions():
    model = pl.TNT(pl.TNTConfig(image_size=32, dim=24, heads=2, inner_dim=8, depth=1))
    decayed, free = parameter_groups(model, weight_decay=0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    kept = [names[id(p)] for p in decayed["params"]]
    spared = [names[id(p)] for p in free["params"]]
    assert sorted(kept + spared) == sorted(names.values())
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert all(name.endswith("weight") and "norm" not in name for name in kept)
    assert any("token" in name for name in spared)
    assert any("position" in name for name in spared)


def test_frozen_parameters_are_left_out():
    model = pl.TNT(pl.TNTConfig(image_size=32, dim=24, heads=2, inner_dim=8, depth=1))
    for parameter in model.stem.parameters():
        parameter.requires_grad_(False)
    held = {id(p) for group in parameter_groups(model, weight_decay=0.1) for p in group["params"]}
    assert not held & {id(p) for p in model.stem.parameters()}
    assert make_optimizer(model, learning_rate=1e-4, weight_decay=0.1).defaults["lr"] == 1e-4


def test_warm_up_then_cosine():
    rates = [learning_rate_at(s, steps=110, warm_up=10, highest=1.0) for s in range(111)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[85] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.75)))
    assert rates[110] == pytest.approx(0.0, abs=1e-12)
