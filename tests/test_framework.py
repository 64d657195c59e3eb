import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import painlab as pl
from painlab.errors import PainLabError, WeightsError
from painlab.framework import framework_of_faces


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(3)
    model = pl.PainFramework(pl.FrameworkConfig.tiny(frames=6, classes=3))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


def dense(tokens: int, i: int, o: int) -> int:
    """Operations of a linear map: 2 a multiply-add."""
    return 2 * tokens * i * o


def tnt_by_hand(stem: str) -> tuple[int, int]:
    """Parameters and operations of the paper's TNT, written out layer by layer."""
    n, m, d, e, depth = 196, 16, 192, 12, 12
    t = n + 1
    pixels = 7 * 7 * 3 if stem == "conv" else 4 * 4 * 3
    parameters = pixels * e + e  # stem
    parameters += 2 * (m * e) + (m * e * d + d) + 2 * d  # sub-patches to patch
    parameters += d + t * d + m * e  # class token, positions
    flops = dense(n * m, pixels, e) + dense(n, m * e, d)

    def encoder(width):
        norms = 2 * 2 * width
        attention = 3 * width * width + width * width + width
        feed_forward = width * 4 * width + 4 * width + 4 * width * width + width
        return norms + attention + feed_forward

    def encoder_flops(sequences, tokens, width):
        projections = dense(sequences * tokens, width, 4 * width)
        products = 2 * sequences * (2 * tokens * tokens * width)  # QKᵀ and weights·V, all heads
        return projections + products + 2 * dense(sequences * tokens, width, 4 * width)

    for _ in range(depth):
        parameters += encoder(e) + encoder(d) + 2 * (m * e) + m * e * d + 2 * d
        flops += encoder_flops(n, m, e) + encoder_flops(1, t, d) + dense(n, m * e, d)
    return parameters + 2 * d, flops


def temporal_by_hand(config: pl.TemporalConfig) -> tuple[int, int]:
    l, dl, t, dt = config.latents, config.latent_dim, config.token_count, config.token_dim  # noqa: E741
    cross, own = config.cross_heads * config.cross_head_dim, config.heads * config.head_dim

    feed_forward = dl * 8 * dl + 8 * dl + 4 * dl * dl + dl + 2 * dl
    parameters = l * dl
    parameters += dl * cross + dt * 2 * cross + cross * dl + dl + 2 * dl + 2 * dt + feed_forward
    parameters += config.self_attentions * (
        dl * own + dl * 2 * own + own * dl + dl + 2 * dl + feed_forward
    )
    parameters += 2 * dl + dl * config.classes + config.classes

    feed_forward_flops = dense(l, dl, 8 * dl) + dense(l, 4 * dl, dl)
    flops = dense(l, dl, cross) + dense(t, dt, 2 * cross) + dense(l, cross, dl)
    flops += 2 * (2 * l * t * cross) + feed_forward_flops
    flops += config.self_attentions * (
        dense(l, dl, 3 * own) + dense(l, own, dl) + 2 * (2 * l * l * own) + feed_forward_flops
    )
    return parameters, flops + dense(1, dl, config.classes)


@pytest.mark.parametrize(
    ("stem", "millions", "giga"), [("linear", 24.009, 4.197), ("conv", 24.010, 4.204)]
)
def test_the_papers_two_totals(stem, millions, giga):
    """Paper III-B: "24 million parameters and 4.2 giga floating point operations"."""
    model = pl.PainFramework(pl.FrameworkConfig.paper(stem=stem))
    parameters = pl.count_parameters(model)
    flops = pl.count_flops(model.spatial, torch.zeros(1, 3, 224, 224)) + pl.count_flops(
        model.temporal, torch.zeros(1, 138, 192)
    )
    assert round(parameters / 1e6, 3) == millions
    assert round(flops / 1e9, 3) == giga
    by_hand = zip(tnt_by_hand(stem), temporal_by_hand(model.config.temporal), strict=True)
    assert (parameters, flops) == tuple(map(sum, by_hand))


def test_the_default_is_light():
    model = pl.PainFramework()
    by_hand = temporal_by_hand(model.config.temporal)
    assert pl.count_parameters(model.temporal) == by_hand[0]
    assert pl.count_flops(model.temporal, torch.zeros(1, 138, 192)) == by_hand[1]
    assert round(by_hand[1] / 1e9, 2) == 0.03


def test_counting_leaves_the_model_as_it_was(tiny):
    tiny.train()
    with torch.no_grad():
        pl.count_flops(tiny, torch.zeros(1, 6, 3, 32, 32))
    assert tiny.training
    assert not any(p.grad is not None for p in tiny.parameters())
    tiny.eval()


def test_a_frames_feature_depends_on_that_frame_alone(tiny):
    """Sent alone, in a batch or in a clip, and however the frames are parted."""
    clips = torch.randn(2, 6, 3, 32, 32)
    features = tiny.encode(clips)
    assert features.shape == (2, 6, 24)
    close = {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(tiny.spatial(clips[1, 4][None])[0], features[1, 4], **close)
    torch.testing.assert_close(tiny.spatial(clips[0]), features[0], **close)
    torch.testing.assert_close(tiny.encode(clips[:, 3:5]), features[:, 3:5], **close)
    torch.testing.assert_close(tiny.encode(clips, frames_at_once=5), features, **close)
    assert (features[0, 0] - features[0, 1]).abs().max() > 1e-2


def test_the_papers_size_gives_the_same_feature_alone_and_in_a_clip():
    torch.manual_seed(0)
    model = pl.PainFramework(pl.FrameworkConfig(temporal=pl.TemporalConfig(frames=20))).eval()
    clip = torch.randn(1, 3, 3, 224, 224)
    with torch.inference_mode():
        together = model.encode(clip)
        alone = torch.stack([model.spatial(frame[None])[0] for frame in clip[0]])
    torch.testing.assert_close(together[0], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("filling", [1e6, float("nan"), float("-inf")])
def test_frames_without_a_face_change_nothing(tiny, filling):
    clips = torch.randn(2, 6, 3, 32, 32)
    mask = torch.tensor(
        [[True, False, True, True, False, True], [False, True, True, True, True, False]]
    )
    spoiled = clips.masked_fill(~mask[:, :, None, None, None], filling)
    expected = tiny(clips, mask=mask)
    assert torch.equal(tiny(spoiled, mask=mask), expected)
    assert (tiny(clips) - expected).abs().max() > 1e-4


def test_training_reaches_every_parameter(tiny):
    tiny.zero_grad()
    tiny(torch.randn(2, 6, 3, 32, 32)).square().sum().backward()
    silent = [name for name, p in tiny.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    tiny.zero_grad()


def test_shapes_that_do_not_fit_are_refused_in_one_line():
    """As a user meets it, without the type checks of these tests."""
    script = """
import torch, painlab as pl
model = pl.PainFramework(pl.FrameworkConfig.tiny(frames=6))
clip = torch.zeros(1, 6, 3, 32, 32)
for call in (
    lambda: model(clip[0]),
    lambda: model(torch.zeros(1, 7, 3, 32, 32)),
    lambda: model(torch.zeros(1, 6, 3, 32, 30)),
    lambda: model(clip, mask=torch.ones(1, 5, dtype=torch.bool)),
    lambda: model(clip, mask=torch.ones(1, 6)),
    lambda: model(clip[:, :0]),
    lambda: pl.split_patches(clip[0, 0]),
    lambda: model.temporal(torch.zeros(1, 6, 24), mask=torch.ones(1, 6)),
    lambda: pl.TNTConfig(depth=1.5),
    lambda: model.encode(clip.byte()),
    lambda: pl.attention(clip[0, 0], clip[0, 0, ..., :3], clip[0, 0]),
    lambda: pl.attention(clip[0, 0], clip[0, 0], clip[0, 0, :, :3]),
    lambda: pl.fourier_encode(torch.arange(3), bands=2, max_frequency=3),
):
    try:
        call()
    except pl.PainLabError as error:
        print("refused:", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 13, done.stdout + done.stderr
    assert all(line.startswith("refused:") for line in lines)


@pytest.mark.gpu
def test_the_same_on_a_gpu(tiny):
    clips, mask = torch.randn(2, 6, 3, 32, 32), torch.rand(2, 6) > 0.3
    expected = tiny(clips, mask=mask)
    out = tiny.to("cuda")(clips.cuda(), mask=mask.cuda()).cpu()
    tiny.to("cpu")
    torch.testing.assert_close(out, expected, atol=2e-4, rtol=1e-3)


def test_errors_are_painlabs(tiny):
    with pytest.raises(PainLabError):
        tiny.encode(torch.zeros(1, 6, 3, 40, 40))


def test_a_framework_that_has_learned_faces():
    model = pl.FrameworkConfig(temporal=pl.TemporalConfig(classes=5))
    model = framework_of_faces(replace(model, spatial=pl.TNTConfig(drop_path=0.3)))
    tnt, picture = pl.load_model("tnt-ti-synthface"), torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(model.spatial(picture), tnt(picture))
    one, two = (framework_of_faces(seed=seed).temporal.latents for seed in (0, 1))
    assert not torch.equal(one, two)
    with pytest.raises(WeightsError, match="one asked for"):
        framework_of_faces(pl.FrameworkConfig.tiny())
