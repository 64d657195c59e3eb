import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from perceiver_pytorch import Perceiver
from perceiver_pytorch.perceiver_pytorch import fourier_encode as their_fourier_encode

from painlab import PainLabError, TemporalConfig, TemporalTransformer, fourier_encode

PUBLISHED = {"latent_dim": 512, "num_latents": 16, "cross_heads": 1, "latent_heads": 8}


def perceiver(*, seed=0, **options):
    """A Perceiver whose every weight is random."""
    torch.manual_seed(seed)
    model = Perceiver(
        **{
            "num_freq_bands": 6, "depth": 1, "max_freq": 138, "input_channels": 192,
            "input_axis": 1, "self_per_cross_attn": 2, "num_classes": 5, **PUBLISHED, **options,
        }
    )  # fmt: skip
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.02 * torch.randn_like(p))
    return model.eval()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("bands", [0, 6])
def test_equals_perceiver_pytorch_on_its_weights(masked, bands):
    theirs = perceiver(num_freq_bands=bands)
    ours = TemporalTransformer.from_perceiver(theirs)
    features = torch.randn(3, 138, 192)
    mask = torch.rand(3, 138) > 0.3 if masked else None
    with torch.inference_mode():
        expected = theirs(features, mask=mask)
        out, maps = ours(features, mask=mask, return_attention=True)
        assert (ours(features, mask=mask) - expected).abs().max() <= 1e-5
    assert (out - expected).abs().max() <= 1e-5
    assert expected.std() > 0.01
    assert maps.cross.shape == (3, 1, 16, 138)
    assert [m.shape for m in maps.self] == [(3, 8, 16, 16)] * 2
    if masked:
        assert (maps.cross[~mask[:, None, None, :].expand_as(maps.cross)] == 0).all()


def test_scalar_tokens_equal_a_perceiver_over_single_numbers():
    theirs = perceiver(input_channels=1)
    ours = TemporalTransformer.from_perceiver(theirs, frames=20, dim=6)
    assert ours.config.tokens == "scalars"
    features = torch.randn(2, 20, 6)
    mask = torch.rand(2, 20) > 0.3
    with torch.inference_mode():
        expected = theirs(features.reshape(2, 120, 1), mask=mask.repeat_interleave(6, dim=1))
        assert (ours(features, mask=mask) - expected).abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"depth": 2}, "depth=2"),
        ({"input_axis": 2}, "input_axis=2"),
        ({"fourier_encode_data": False}, "fourier_encode_data"),
        ({"final_classifier_head": False}, "classifier"),
        ({"ff_dropout": 0.1}, "dropout"),
        ({"input_channels": 1}, "dim"),
    ],
)
def test_from_perceiver_refuses_what_it_cannot_express(options, names):
    with pytest.raises(PainLabError, match=names):
        TemporalTransformer.from_perceiver(perceiver(**options))
    with pytest.raises(PainLabError, match="Linear"):
        TemporalTransformer.from_perceiver(torch.nn.Linear(2, 2))


@given(st.integers(0, 9), st.floats(1, 500), st.integers(1, 40))
def test_fourier_features_equal_the_reference(bands, max_frequency, k):
    positions = torch.linspace(-1, 1, k, dtype=torch.float64)
    ours = fourier_encode(positions, bands=bands, max_frequency=max_frequency)
    assert ours.shape == (k, 2 * bands + 1)
    torch.testing.assert_close(ours, their_fourier_encode(positions, max_frequency, bands))


def test_fourier_features_by_hand():
    """x = 0.5, frequencies 1 and 2: sin π/2, sin π, cos π/2, cos π, x."""
    out = fourier_encode(torch.tensor([0.5]), bands=2, max_frequency=4.0)
    torch.testing.assert_close(out, torch.tensor([[1.0, 0.0, 0.0, -1.0, 0.5]]), atol=1e-6, rtol=0)


def test_the_highest_frequency_is_nyquists():
    """At max_frequency = samples per unit·2 the last sine changes sign from sample to sample."""
    k = 9
    positions = torch.linspace(-1, 1, k, dtype=torch.float64)
    cosine = fourier_encode(positions, bands=1, max_frequency=float(k - 1))[:, 1]
    assert math.isclose(cosine[0].abs().item(), 1.0)
    last = torch.cos(math.pi * positions * (k - 1) / 2)
    assert (last[:-1] * last[1:] < 0).all()


@pytest.fixture(scope="module", params=["frames", "scalars"])
def model(request):
    torch.manual_seed(2)
    config = TemporalConfig(
        frames=12, dim=6, tokens=request.param, latents=4, latent_dim=16, heads=2, head_dim=8
    )
    model = TemporalTransformer(config)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


@pytest.mark.parametrize("filling", [0.0, 1e9, float("nan"), float("inf")])
def test_masked_frames_change_nothing(model, filling):
    features, mask = torch.randn(2, 12, 6), torch.rand(2, 12) > 0.4
    mask[:, 0] = True
    spoiled = features.masked_fill(~mask[..., None], filling)
    torch.testing.assert_close(
        model(spoiled, mask=mask), model(features, mask=mask), atol=0, rtol=0
    )
    spoiled.requires_grad_()
    model(spoiled, mask=mask).sum().backward()
    assert spoiled.grad.isfinite().all()
    assert (spoiled.grad[~mask] == 0).all()


def test_a_short_clip_is_a_padded_one(model):
    features = torch.randn(2, 9, 6)
    padded = torch.cat([features, torch.randn(2, 3, 6)], dim=1)
    mask = (torch.arange(12) < 9).expand(2, 12)
    torch.testing.assert_close(model(features), model(padded, mask=mask), atol=1e-5, rtol=1e-5)


def test_a_clip_without_any_face_has_finite_logits_that_tell_nothing(model):
    mask = torch.zeros(2, 12, dtype=torch.bool)
    out = model(torch.randn(2, 12, 6), mask=mask)
    assert out.isfinite().all()
    torch.testing.assert_close(out[0], out[1])


def test_order_matters_and_clips_do_not_mix(model):
    features = torch.randn(2, 12, 6)
    assert (model(features) - model(features.flip(1))).abs().max() > 1e-4
    torch.testing.assert_close(model(features)[:1], model(features[:1]), atol=1e-5, rtol=1e-5)


def test_the_trap_of_one_channel():
    """Scalar tokens without position features: a layer norm of one channel is constant."""
    torch.manual_seed(0)
    perceiver_without = torch.nn.LayerNorm(1)
    a, b = perceiver_without(torch.randn(5, 1)), perceiver_without(torch.randn(5, 1))
    assert torch.equal(a, b)


@pytest.mark.parametrize("shape", [(2, 13, 6), (2, 0, 6), (2, 12, 7)])
def test_features_that_do_not_fit_are_refused(model, shape):
    with pytest.raises(PainLabError):
        model(torch.zeros(shape))


def test_attention_dropout_acts_in_training_only(model):
    features = torch.randn(2, 12, 6)
    assert torch.equal(model(features), model(features))
    model.train()
    assert not torch.equal(model(features), model(features))
    model.eval()
