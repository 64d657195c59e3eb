"""Relevance through whole models: against a second implementation, kept sums, batches, edges."""

import copy

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from second_opinion import explain_clip, explain_image
from torch import nn
from torch.testing import assert_close

import painlab as pl
from painlab.config import FrameworkConfig, TemporalConfig, TNTConfig
from painlab.explain.conservation import sums_between_blocks
from painlab.explain.methods import METHODS
from painlab.explain.propagate import Both, pull_back
from painlab.explain.under_rules import UnderRules

SMALL = TNTConfig(image_size=32, dim=24, inner_dim=8, depth=3, heads=3, inner_heads=2, classes=3)


def seeded(model: nn.Module, *, seed: int = 0, scale: float = 4.0) -> nn.Module:
    """A model whose attention is far from even, which it is with its first weights."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim > 1:
                p.copy_(torch.randn(p.shape, generator=generator) * scale / p.shape[-1] ** 0.5 / 2)
            elif "norm" not in name:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.1)
    return model.eval()


def draw(*shape, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).clamp(-1, 1)


@pytest.fixture(scope="module")
def tnt() -> pl.TNT:
    return seeded(pl.TNT(SMALL))


@pytest.fixture(scope="module")
def framework() -> pl.PainFramework:
    return seeded(pl.PainFramework(FrameworkConfig.tiny()))


# --- a second implementation of the rules, which shares no line with the first


def same_maps(found: pl.Relevance, i: int, k: int, patches, sub_patches, *, share: float, **close):
    """A frame's relevance, dealt out to its patches, and each patch's to its sub-patches."""
    patches = patches / patches.sum() * share
    fine = sub_patches / sub_patches.sum(-1, keepdim=True) * patches[:, None]
    fine = rearrange(
        fine, "(rows cols) (r1 r2) -> (rows r1) (cols r2)", rows=found.spatial.shape[2], r1=4
    )
    assert_close(found.spatial[i, k].flatten().double(), patches, **close)
    assert_close(found.fine[i, k].double(), fine, **close)


@pytest.mark.parametrize("silenced", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_tnt_has_the_maps_of_a_second_implementation(seed, silenced):
    """With the inner path silenced the outer part is a plain ViT, as Chefer et al. have it."""
    model, image = seeded(pl.TNT(SMALL), seed=seed).double(), draw(3, 32, 32, seed=seed).double()
    if silenced:
        with torch.no_grad():
            for block in model.blocks:
                block.to_patch.project.weight.zero_()
                block.to_patch.norm_out.bias.zero_()
    patches, sub_patches = explain_image(model, image, seed)
    assert patches.max() > 1.5 * patches.min()  # a map that tells something
    if silenced:
        assert (sub_patches == 0).all()  # nothing came to them
        sub_patches = torch.ones_like(sub_patches)
    else:
        assert (sub_patches.amax(-1) > 1.5 * sub_patches.amin(-1)).all()
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        found = pl.relevance(model.to(dtype), image[None].to(dtype), target=seed)
        same_maps(found, 0, 0, patches, sub_patches, share=1.0, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("seed", range(2))
def test_a_clip_has_the_maps_of_a_second_implementation(seed):
    model = seeded(pl.PainFramework(FrameworkConfig.tiny()), seed=seed).double()
    clip = draw(5, 3, 32, 32, seed=seed).double()
    frames, maps = explain_clip(model, clip, 1)
    found = pl.relevance(model, clip[None], target=1)
    assert_close(found.temporal[0], frames, rtol=1e-9, atol=0)
    assert frames.max() > 2 * frames.min()
    compared = 0
    for k, (patches, sub_patches) in enumerate(maps):
        if patches.sum() > 0 and (sub_patches.sum(-1) > 0).all():  # else even, which says nothing
            same_maps(
                found, 0, k, patches, sub_patches, share=float(frames[k]), rtol=1e-8, atol=1e-12
            )
            compared += 1
    assert compared >= 3


# --- sums


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize(("stem", "seed"), [("linear", 0), ("conv", 1), ("linear", 2)])
def test_a_tnt_keeps_the_sum_from_block_to_block(stem, seed, dtype, tolerance):
    model = seeded(pl.TNT(TNTConfig(image_size=32, classes=3, stem=stem)), seed=seed).to(dtype)
    images = draw(2, 3, 32, 32).to(dtype)
    sums = sums_between_blocks(model, images, target=seed)
    assert sums.shape == (12, 2)
    assert_close(sums, torch.ones(12, 2).double(), rtol=tolerance, atol=0)


def test_a_temporal_transformer_keeps_the_sum_but_for_its_constants(framework):
    """What does not reach the tokens stays with the latents, which no clip has changed."""
    model = framework.temporal
    at = {}
    latents = model.latents.detach().expand(2, -1, -1).clone().requires_grad_()
    tokens = model.tokenise(draw(2, 8, model.config.dim)).requires_grad_()
    with UnderRules() as way:
        x = model.cross(latents, tokens)
        at["after cross-attention"] = x
        for i, layer in enumerate(model.layers):
            x = layer(x)
            at[f"after layer {i}"] = x
        logits = model.classifier(model.norm(x.mean(dim=1)))
    start = F.one_hot(torch.tensor([0, 1]), logits.shape[1]).float()
    with way.relevance():
        found = torch.autograd.grad(logits, [*at.values(), latents, tokens], start)
    sums = [part.sum((1, 2)) for part in found]
    for name, kept in zip(at, sums, strict=False):
        assert_close(kept, torch.ones(2), rtol=1e-4, atol=0, msg=name)
    on_latents, on_tokens = sums[-2:]
    assert_close(on_latents + on_tokens, torch.ones(2), rtol=1e-4, atol=0)
    assert (on_tokens != 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", METHODS)
def test_the_three_maps_are_one(framework, method, dtype):
    mask = torch.tensor([[True] * 8, [True] * 3 + [False] * 5])
    model = pl.PainFramework(framework.config).to(dtype)
    model.load_state_dict(framework.state_dict())
    found = pl.relevance(model, draw(2, 8, 3, 32, 32).to(dtype), method=method, mask=mask)
    assert found.temporal.dtype == torch.float32
    assert found.fine.min() >= 0
    assert found.spatial.shape == (2, 8, 2, 2)
    assert found.fine.shape == (2, 8, 8, 8)
    tolerance = {"rtol": 1e-5, "atol": 1e-7}
    assert_close(found.spatial.sum((2, 3)), found.temporal, **tolerance)
    assert_close(found.fine.sum((2, 3)), found.temporal, **tolerance)
    assert_close(found.upsample(32).sum((2, 3)), found.temporal, **tolerance)
    assert (found.temporal[~mask] == 0).all()
    assert (found.temporal[1, :3] > 0).any()


def test_a_half_precision_model_is_explained_in_float32_from_the_numbers_it_holds(tnt):
    half = pl.TNT(tnt.config).bfloat16()
    half.load_state_dict(tnt.state_dict())
    same = pl.TNT(tnt.config)
    same.load_state_dict(half.state_dict())
    images = draw(2, 3, 32, 32)
    found, expected = (pl.relevance(m, images, target=0) for m in (half, same))
    assert torch.equal(found.fine, expected.fine)
    assert next(half.parameters()).dtype == torch.bfloat16


# --- one clip's map is its own


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_of_eight_equals_eight_clips(framework, tnt, method):
    """In float64: of weights drawn at random, shares of sums near 0 magnify a last bit."""
    if method == "random":
        pytest.skip("the map of a place in the batch, by design")
    framework, tnt = copy.deepcopy(framework).double(), copy.deepcopy(tnt).double()
    clips = draw(8, 8, 3, 32, 32).double()
    together = pl.relevance(framework, clips, method=method, target=1)
    images = pl.relevance(tnt, clips[:, 0], method=method, frames_at_once=3)
    for i in range(8):
        alone = pl.relevance(framework, clips[i : i + 1], method=method, target=1)
        for axis in ("temporal", "spatial", "fine"):
            assert_close(getattr(together, axis)[i], getattr(alone, axis)[0], rtol=1e-7, atol=1e-10)
        image = pl.relevance(tnt, clips[i : i + 1, 0], method=method)
        assert images.target[i] == image.target[0]
        assert_close(images.fine[i], image.fine[0], rtol=1e-7, atol=1e-10)


@pytest.mark.slow
def test_a_batch_of_eight_equals_eight_images_of_the_trained_model_in_float32():
    model, images = pl.tnt_of_pain(), draw(8, 3, 224, 224)
    together = pl.relevance(model, images, target=1)
    for i in range(8):
        alone = pl.relevance(model, images[i : i + 1], target=1)
        assert_close(together.fine[i], alone.fine[0], rtol=0, atol=1e-5)


def test_what_stands_in_a_frame_without_a_face_changes_nothing(framework):
    clips, mask = draw(1, 8, 3, 32, 32), torch.ones(1, 8, dtype=torch.bool)
    mask[0, 2:5] = False
    other = clips.clone()
    other[0, 2:5] = torch.nan
    for method in METHODS:
        one, two = (pl.relevance(framework, c, mask=mask, method=method) for c in (clips, other))
        assert torch.equal(one.fine, two.fine)
        assert (one.temporal[0, 2:5] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_number_that_is_none_is_refused_and_not_made_an_even_map(framework, tnt, method):
    clips = draw(2, 8, 3, 32, 32)
    for wrong in (torch.nan, torch.inf):
        clips[1, 3, 0, 5, 5] = wrong
        with pytest.raises(pl.errors.PainLabError, match="clip 1 has numbers") as caught:
            pl.relevance(framework, clips, method=method)
        assert "\n" not in str(caught.value)
        with pytest.raises(pl.errors.PainLabError, match="clip 1 has numbers"):
            pl.relevance(tnt, clips[:, 3], method=method)


def test_a_clip_without_any_face_gets_zeros_and_one_frame_gets_all(framework):
    nothing = torch.zeros(2, 8, dtype=torch.bool)
    nothing[1, 4] = True
    for method in METHODS:
        found = pl.relevance(framework, draw(2, 8, 3, 32, 32), mask=nothing, method=method)
        assert (found.fine[0] == 0).all()
        assert (found.fine[1, :4] == 0).all()
        assert (found.fine[1, 5:] == 0).all()
    found = pl.relevance(framework, draw(1, 1, 3, 32, 32), method="rollout")
    assert_close(found.temporal, torch.ones(1, 1))


@pytest.mark.parametrize("tokens", ["frames", "scalars"])
def test_frames_are_explained_whatever_a_token_is(tokens):
    config = FrameworkConfig(
        spatial=TNTConfig(image_size=32, dim=24, inner_dim=8, depth=2, heads=3, inner_heads=2),
        temporal=TemporalConfig(frames=6, dim=24, tokens=tokens, latents=4, latent_dim=16),
    )
    found = pl.relevance(seeded(pl.PainFramework(config)), draw(2, 5, 3, 32, 32))
    assert found.temporal.shape == (2, 5)
    assert (found.temporal.sum(1) > 0).all()


# --- the model, and what is refused


@pytest.mark.parametrize("method", METHODS)
def test_the_model_stays_as_it_was(method, framework):
    model = framework.train()
    model.spatial.eval()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    clips = draw(2, 8, 3, 32, 32)
    with torch.no_grad():
        in_training = pl.relevance(model, clips, method=method)
    with torch.inference_mode():
        inferred = pl.relevance(model, clips.clone(), method=method)
    assert model.training
    assert model.temporal.training
    assert not model.spatial.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    for name, p in model.state_dict().items():
        assert torch.equal(p, before[name])
    evaluated = pl.relevance(model.eval(), clips, method=method)
    assert torch.equal(in_training.fine, evaluated.fine)  # no dropout, whatever the mode
    assert torch.equal(inferred.fine, evaluated.fine)
    assert not evaluated.fine.requires_grad
    assert clips.grad is None


def test_targets(tnt, framework):
    images = draw(2, 3, 32, 32)
    chosen = pl.relevance(tnt, images)
    assert torch.equal(chosen.target, tnt(images).argmax(1))
    apart = pl.relevance(tnt, images, target=torch.tensor([0, 2]))
    assert_close(apart.fine[1], pl.relevance(tnt, images, target=2).fine[1])
    assert not torch.allclose(apart.fine[0], pl.relevance(tnt, images, target=2).fine[0])
    for wrong in (3, -1, torch.tensor([0, 7]), torch.tensor([0.0, 1.0]), torch.tensor([0, 1, 2])):
        with pytest.raises(pl.PainLabError, match="target"):
            pl.relevance(tnt, images, target=wrong)
    with pytest.raises(pl.PainLabError, match="target 2: this model has the classes 0 to 1"):
        pl.relevance(framework, draw(1, 8, 3, 32, 32), target=2)


def test_what_is_refused(tnt, framework):
    images, clips = draw(2, 3, 32, 32), draw(2, 8, 3, 32, 32)
    mask = torch.ones(2, 8, dtype=torch.bool)
    refused = [
        (tnt, clips, {}, r"\(b, 3, height, width\)"),
        (framework, images, {}, r"\(b, k, 3, height, width\)"),
        (framework, clips[:, :0], {}, "of shape"),
        (framework, (clips * 9).to(torch.uint8), {}, "uint8"),
        (framework, draw(1, 9, 3, 32, 32), {}, "up to 8"),
        (framework, draw(1, 8, 3, 16, 16), {}, "images of shape"),
        (framework, clips, {"mask": mask[:1]}, "boolean and of shape"),
        (tnt, images, {"mask": mask}, "no frames to be masked"),
        (tnt, images, {"method": "magic"}, "choose one of chefer"),
        (tnt, images, {"steps": 1}, "2 steps"),
        (tnt, images, {"frames_at_once": 0}, "1 frame at once"),
        (framework.spatial, images, {}, "a TNT without classes"),
        (framework.temporal, images, {}, "a TemporalTransformer has no class logits"),
    ]
    for model, given, how, message in refused:
        with pytest.raises(pl.PainLabError, match=message):
            pl.relevance(model, given, **how)
    found = pl.relevance(tnt, images, method="random")
    for size in (4, 100):
        with pytest.raises(pl.PainLabError, match="multiple of the map's 8"):
            found.upsample(size)


def test_an_operation_without_a_rule_is_refused():
    class Odd(nn.Module):
        def forward(self, x, *, return_attention):
            return x.tanh(), ((),)

    with pytest.raises(pl.PainLabError, match=r"no rule for torch\.Tensor\.tanh"):
        pull_back(Odd(), draw(2, 3), Both(draw(2, 3), draw(2, 3)))


def test_random_maps_are_the_same_for_a_seed(tnt):
    images = draw(2, 3, 32, 32)
    one, same, other = (
        pl.relevance(tnt, images, method="random", seed=seed).fine for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_integrated_gradients_add_up_to_the_difference_from_grey(tnt):
    """Their completeness (Sundararajan et al. 2017, Proposition 1), by our call of captum."""
    from painlab.explain.rivals import integrated_gradients

    images = draw(2, 3, 32, 32)
    values = integrated_gradients(tnt, images, torch.tensor([0, 2]), steps=200)
    expected = (tnt(images) - tnt(torch.zeros_like(images)))[[0, 1], [0, 2]]
    assert_close(values.sum((1, 2, 3)), expected.detach(), rtol=0.02, atol=0.02)
