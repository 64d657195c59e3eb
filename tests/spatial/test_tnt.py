import pytest
import torch
from timm.models.tnt import TNT as TimmTNT  # noqa: N811

from painlab import TNT, PainLabError, TNTConfig, count_parameters

SIZES = {
    "paper": {"embed_dim": 192, "inner_dim": 12, "num_heads_outer": 3, "num_heads_inner": 2},
    "tnt_s": {"embed_dim": 384, "inner_dim": 24, "num_heads_outer": 6, "num_heads_inner": 4},
}


def timm_tnt(*, size="paper", seed=0, **options):
    """A timm TNT whose every weight is random: fresh ones have zero biases, which hide faults."""
    torch.manual_seed(seed)
    model = TimmTNT(depth=12, **SIZES[size], **{"num_classes": 0, **options})
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return model.eval()


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(1)
    model = TNT(TNTConfig(image_size=32, dim=24, inner_dim=8, depth=2, inner_heads=2))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [0, 7])
def test_equals_timm_on_its_weights(size, classes):
    theirs = timm_tnt(size=size, num_classes=classes)
    ours = TNT.from_timm(theirs)
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected, out = theirs(images), ours(images)
        watched, maps = ours(images, return_attention=True)
    assert out.shape == (2, classes or SIZES[size]["embed_dim"])
    assert expected.std() > 0.1  # the comparison is of something
    assert (out - expected).abs().max() <= 1e-5
    assert (watched - expected).abs().max() <= 1e-5
    heads, inner_heads = SIZES[size]["num_heads_outer"], SIZES[size]["num_heads_inner"]
    assert len(maps.outer) == len(maps.inner) == 12
    assert {m.shape for m in maps.outer} == {(2, heads, 197, 197)}
    assert {m.shape for m in maps.inner} == {(2, 196, inner_heads, 16, 16)}
    for m in (*maps.outer, *maps.inner):
        torch.testing.assert_close(m.sum(-1), torch.ones(m.shape[:-1]), atol=1e-5, rtol=0)


def test_gradients_equal_timms():
    theirs = timm_tnt(img_size=32)
    ours = TNT.from_timm(theirs)
    images = torch.randn(2, 3, 32, 32)
    for model in (theirs, ours):
        model(images).square().sum().backward()
    torch.testing.assert_close(
        ours.stem.to_embedding.weight.grad,
        theirs.pixel_embed.proj.weight.grad,
        rtol=1e-3,
        atol=1e-4,
    )
    torch.testing.assert_close(
        ours.class_token.grad, theirs.cls_token.grad[0, 0], rtol=1e-3, atol=1e-4
    )


def test_the_attention_maps_are_timms():
    """The first block's outer weights, computed from timm's own parts."""
    theirs = timm_tnt(img_size=32)
    ours = TNT.from_timm(theirs)
    images = torch.randn(1, 3, 32, 32)
    seen = {}
    block = theirs.blocks[0]
    block.norm_out.register_forward_hook(lambda _, __, out: seen.update(x=out))
    with torch.inference_mode():
        theirs(images)
        _, maps = ours(images, return_attention=True)
        q, k = block.attn_out.qk(seen["x"]).reshape(1, 5, 2, 3, 64).permute(2, 0, 3, 1, 4)
        expected = (q @ k.transpose(-2, -1) / 8).softmax(-1)
    torch.testing.assert_close(maps.outer[0], expected)


def test_parameters_as_known():
    assert count_parameters(TNT(TNTConfig(stem="conv"))) == 5_883_408
    assert count_parameters(TNT(TNTConfig())) == 5_883_408 - (147 - 48) * 12
    theirs = TimmTNT(depth=12, num_classes=1000, **SIZES["tnt_s"])
    small = TNT(TNTConfig.small(stem="conv", classes=1000))
    assert count_parameters(small) == count_parameters(theirs) == 23_768_584


def test_drop_path_rises_to_the_configured_rate():
    with torch.device("meta"):  # sizes alone: nothing is computed while a model is built
        rates = [block.outer.drop_path.probability for block in TNT(TNTConfig()).blocks]
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates)
    model = TNT(TNTConfig(image_size=32, depth=3, drop_path=0.5)).train()
    images = torch.randn(4, 3, 32, 32)
    assert not torch.equal(model(images), model(images))


def test_position_encodings_matter(tiny):
    """Without Eq. 2 a shuffled image would give the same feature; with it, it does not."""
    images = torch.randn(1, 3, 32, 32)
    moved = images.roll(16, dims=-1)  # swaps the patches of a row
    assert (tiny(images) - tiny(moved)).abs().max() > 1e-3
    without = TNT(tiny.config).eval()
    without.load_state_dict(tiny.state_dict())
    torch.nn.init.zeros_(without.patch_position)
    torch.testing.assert_close(without(images), without(moved), atol=1e-5, rtol=1e-4)


def test_an_image_is_alone_in_its_batch(tiny):
    images = torch.randn(5, 3, 32, 32)
    together = tiny(images)
    for one, feature in zip(images, together, strict=True):
        torch.testing.assert_close(tiny(one[None])[0], feature, atol=1e-5, rtol=1e-4)


def test_the_inner_path_reaches_the_output(tiny):
    """A change of one pixel within a patch changes the feature."""
    images = torch.randn(1, 3, 32, 32)
    changed = images.clone()
    changed[0, 0, 3, 3] += 1
    assert (tiny(images) - tiny(changed)).abs().max() > 1e-4


@pytest.mark.parametrize("shape", [(1, 3, 32, 48), (1, 1, 32, 32), (1, 3, 64, 64)])
def test_images_of_another_size_are_refused(tiny, shape):
    with pytest.raises(PainLabError, match="32"):
        tiny(torch.zeros(shape))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: torch.nn.Linear(2, 2), "Linear"),
        (lambda: timm_tnt(img_size=32, legacy=True), "legacy"),
        (lambda: timm_tnt(img_size=32, qkv_bias=True), "qkv_bias"),
        (lambda: timm_tnt(img_size=32, global_pool="avg"), "global_pool"),
        (lambda: timm_tnt(img_size=(32, 64)), "square"),
        (lambda: timm_tnt(img_size=32, mlp_ratio=2.0), "factor"),
        (lambda: timm_tnt(img_size=32, drop_rate=0.1), "dropout"),
        (lambda: timm_tnt(img_size=32, in_chans=1), "channels"),
    ],
)
def test_from_timm_refuses_what_it_cannot_express(make, names):
    with pytest.raises(PainLabError, match=names):
        TNT.from_timm(make())


def test_from_timm_keeps_mode_number_type_and_drop_path():
    theirs = timm_tnt(img_size=32, drop_path_rate=0.1).double()
    images = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(TNT.from_timm(theirs)(images), theirs(images), rtol=0, atol=1e-12)
    ours = TNT.from_timm(theirs.train())
    assert ours.training
    assert ours.config.drop_path == 0.1


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 2e-4), (torch.bfloat16, 0.15)])
def test_the_same_on_a_gpu(dtype, bound):
    ours = TNT.from_timm(timm_tnt())
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected = ours(images)
        out = ours.to("cuda", dtype)(images.to("cuda", dtype)).float().cpu()
    assert (out - expected).abs().max() / expected.std() <= bound
