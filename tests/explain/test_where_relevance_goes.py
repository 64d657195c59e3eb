"""What of all relevance reaches pixels and features, and what stays on learned parameters."""

import pytest
import torch

import painlab as pl
from painlab.config import TemporalConfig, TNTConfig
from painlab.explain.conservation import shares_below_blocks, shares_below_latents

TNT_SIZES = TNTConfig(
    image_size=32, dim=24, inner_dim=8, depth=2, heads=3, inner_heads=2, classes=3
)
TEMPORAL_SIZES = TemporalConfig(frames=7, dim=12, latents=5, latent_dim=16)


@pytest.fixture
def tnt():
    torch.manual_seed(0)
    return pl.TNT(TNT_SIZES).eval()


@pytest.fixture
def temporal():
    torch.manual_seed(0)
    return pl.TemporalTransformer(TEMPORAL_SIZES).eval()


def images(number):
    return torch.rand(number, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def features(number):
    return torch.randn(number, 7, 12, generator=torch.Generator().manual_seed(2))


def test_in_a_tnt_all_parts_add_up(tnt):
    found = shares_below_blocks(tnt, images(3), target=1)
    assert set(found) == {
        "pixels", "class token", "positions of patches", "positions of sub-patches",
    }  # fmt: skip
    assert torch.allclose(sum(found.values()), torch.ones(3).double(), atol=1e-4)
    assert all(share.abs().min() > 1e-6 for share in found.values())


def test_in_a_tnt_what_is_zero_gets_nothing(tnt):
    with torch.no_grad():
        tnt.sub_patch_position.zero_()
        tnt.patch_position[1:].zero_()
    found = shares_below_blocks(tnt, images(2), target=0)
    for name in ("positions of patches", "positions of sub-patches"):
        assert found[name].abs().max() < 1e-5
    kept = found["pixels"] + found["class token"]
    assert torch.allclose(kept, torch.ones(2).double(), atol=1e-4)


def test_in_time_all_parts_add_up_and_silent_positions_get_nothing(temporal):
    found = shares_below_latents(temporal, features(3), target=1)
    assert torch.allclose(sum(found.values()), torch.ones(3).double(), atol=1e-4)
    assert all(share.abs().min() > 1e-6 for share in found.values())
    with torch.no_grad():
        temporal.cross.norm_context.weight[12:].zero_()
        temporal.cross.norm_context.bias[12:].zero_()
    found = shares_below_latents(temporal, features(3), target=1)
    assert found["positions"].abs().max() < 1e-5
    assert found["latents"].abs().min() > 1e-6


def test_each_picture_and_clip_is_told_by_itself(tnt, temporal):
    for told, model, x in (
        (shares_below_blocks, tnt, images(3)),
        (shares_below_latents, temporal, features(3)),
    ):
        together, alone = told(model, x, target=1), told(model, x[1:2], target=1)
        for name, shares in together.items():
            assert torch.allclose(shares[1:2], alone[name], atol=1e-5)


def test_models_are_left_as_they_were(tnt, temporal):
    for told, model, x in (
        (shares_below_blocks, tnt, images(1)),
        (shares_below_latents, temporal, features(1)),
    ):
        model.train()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with torch.no_grad():
            told(model, x, target=1)
        assert model.training
        assert all(p.requires_grad and p.grad is None for p in model.parameters())
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name])
        model.eval()
        model(x).sum().backward()  # no hook is left that would cut the way back
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
        assert model.classifier.weight.grad.abs().sum() > 0
