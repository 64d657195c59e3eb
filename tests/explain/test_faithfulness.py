"""Grades of maps, on pictures and models for which the right grade is known by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

import painlab as pl
from painlab.alignment import warp
from painlab.config import FrameworkConfig, TNTConfig
from painlab.datasets.synthpain.truth import make_clip
from painlab.errors import DataError, PainLabError, ShapeError
from painlab.explain.against_truth import moved_share, pointing_game, temporal_share, widened
from painlab.explain.aligned_truth import aligned_truth
from painlab.explain.faithfulness import patch_ranks, removal_curve
from painlab.explain.grading import (
    draw_maps,
    grade_randomisation,
    grade_removal,
    grade_truth,
    mean_of_others,
)
from painlab.explain.over_people import mean_over_people
from painlab.explain.randomise import randomised, rank_correlation, stages
from painlab.explain.strength import change_of, shares_by_strength, truth_map
from painlab.explain.temporal_maps import relevance_of_frames

TINY = TNTConfig(image_size=64, dim=24, inner_dim=8, depth=2, heads=3, inner_heads=2, classes=2)
PLACE = (1, 2)  # row and column of the one patch that counts


class Brightness(pl.TNT):
    """Class 1 is how bright one patch is; class 0 is 0."""

    def forward(self, images, *, return_attention=False):
        row, column = PLACE
        bright = images[:, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16].mean(
            (1, 2, 3)
        )
        return torch.stack([torch.zeros_like(bright), bright], dim=1)


class BrightFrame(pl.PainFramework):
    """The same, of the third frame of a clip; frames without a face are not looked at."""

    def forward(self, clips, *, mask=None, **how):
        assert mask is not None
        bright = (clips * mask[:, :, None, None, None])[:, 2, :, :16, :16].mean((1, 2, 3))
        return torch.stack([torch.zeros_like(bright), bright], dim=1)


@pytest.fixture(scope="module")
def tnt() -> pl.TNT:
    torch.manual_seed(0)
    model = pl.TNT(TINY)
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.normal_(std=1.5 / p.shape[-1] ** 0.5)
    return model.eval()


def patches(*at, rows=4, cols=4, batch=1):
    """A map (b 1 rows cols) that is 1 at one place and 0 elsewhere."""
    spatial = torch.zeros(batch, 1, rows, cols)
    spatial[:, :, at[0], at[1]] = 1
    return spatial


def curve_of(spatial, **how):
    images = torch.ones(len(spatial), 3, 64, 64)
    how = {"fill": "grey", "measure": "logit", "steps": 16} | how
    return removal_curve(
        Brightness(TINY), images, spatial, torch.ones(len(spatial), dtype=torch.long), **how
    )


# --- deletion and insertion


def test_the_right_map_makes_the_curve_fall_at_the_first_patch():
    curve = curve_of(patches(*PLACE))
    assert_close(curve.values, torch.tensor([[1.0] + [0.0] * 16]))
    assert_close(curve.shares, torch.arange(17) / 16)
    assert_close(curve.area, torch.tensor([0.5 / 16]))  # the half of the first trapezoid


def test_the_opposite_map_makes_it_fall_at_the_last():
    curve = curve_of(-patches(*PLACE))
    assert_close(curve.values, torch.tensor([[1.0] * 16 + [0.0]]))
    assert_close(curve.area, torch.tensor([1 - 0.5 / 16]))


def test_insertion_is_the_other_way_round():
    right = curve_of(patches(*PLACE), insertion=True)
    assert_close(right.values, torch.tensor([[0.0] + [1.0] * 16]))
    wrong = curve_of(-patches(*PLACE), insertion=True)
    assert_close(wrong.values, torch.tensor([[0.0] * 16 + [1.0]]))


def test_a_probability_is_followed_unless_asked_otherwise():
    curve = curve_of(patches(*PLACE), measure="probability", steps=2)
    assert_close(curve.values, torch.tensor([[torch.e / (1 + torch.e), 0.5, 0.5]]))


def test_equal_patches_go_in_a_random_order_and_not_by_place():
    """Were they taken by place, the patch would go at its number, whatever the seed."""
    falls = {int(curve_of(torch.zeros(1, 1, 4, 4), seed=s).values.sum()) for s in range(12)}
    assert len(falls) > 4
    twice = [curve_of(torch.zeros(2, 1, 4, 4), seed=5).values for _ in range(2)]
    assert_close(twice[0], twice[1], rtol=0, atol=0)
    assert_close(twice[0][0], twice[0][1], rtol=0, atol=0)


def test_ranks_are_of_the_whole_clip_and_end_with_frames_without_a_face():
    spatial = torch.tensor([[[[5.0, 1.0]], [[9.0, 9.5]], [[4.0, 7.0]]]])
    ranks, count = patch_ranks(spatial, torch.tensor([[True, False, True]]))
    assert ranks[0, 0].tolist() == [[1, 3]]
    assert ranks[0, 2].tolist() == [[2, 0]]
    assert sorted(ranks[0, 1].flatten().tolist()) == [4, 5]
    assert count.tolist() == [4]


def test_patches_of_a_clip_go_wherever_they_are():
    model = BrightFrame(FrameworkConfig.tiny())
    clips = torch.ones(2, 8, 3, 32, 32)
    mask = torch.ones(2, 8, dtype=torch.bool)
    mask[1, 4:] = False
    spatial = torch.rand(2, 8, 2, 2, generator=torch.Generator().manual_seed(0))
    spatial[:, 2, 0, 0] = 0.9999  # the second of all, behind one of another frame
    spatial[:, 1, 1, 1] = 1.0
    target = torch.tensor([1, 1])
    how = {"fill": "grey", "measure": "logit", "mask": mask}
    curve = removal_curve(model, clips, spatial, target, steps=16, at_once=3, **how)
    # of 32 patches two go a step, of 16 one
    assert_close(curve.values, torch.tensor([[1.0] + [0.0] * 16, [1.0, 1.0] + [0.0] * 15]))


def test_however_many_are_seen_together_the_curve_is_the_same(tnt):
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    spatial = torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    target = torch.tensor([0, 1, 1])
    curves = [
        removal_curve(tnt, images, spatial, target, steps=5, at_once=n).values for n in (1, 4, 99)
    ]
    for other in curves[1:]:
        assert_close(curves[0], other, rtol=0, atol=1e-5)
    first = tnt(images).softmax(1)[torch.arange(3), target]
    assert_close(curves[0][:, 0], first.detach(), rtol=0, atol=1e-5)


def test_a_blur_keeps_each_patchs_colour_roughly_and_pictures_given_are_taken():
    images = torch.full((1, 3, 64, 64), 0.25)
    how = {"measure": "logit", "steps": 1}
    target = torch.tensor([1])
    even = removal_curve(Brightness(TINY), images, patches(0, 0), target, fill="blur", **how)
    assert_close(even.values, torch.tensor([[0.25, 0.25]]))
    images[:, :, ::2] += 0.5  # stripes finer than a patch: gone, and the mean stays
    blurred = removal_curve(tnt_of_stripes(), images, patches(0, 0), target, fill="blur", **how)
    assert_close(blurred.values, torch.tensor([[0.25, 0.0]]))
    given = torch.full_like(images, -0.75)
    filled = removal_curve(Brightness(TINY), images, patches(0, 0), target, fill=given, **how)
    assert_close(filled.values, torch.tensor([[0.5, -0.75]]))


def tnt_of_stripes():
    class Stripes(pl.TNT):
        def forward(self, images, *, return_attention=False):
            spread = images.std((1, 2, 3), correction=0)
            return torch.stack([torch.zeros_like(spread), spread], dim=1)

    return Stripes(TINY)


def test_a_curve_refuses_what_does_not_fit(tnt):
    images, spatial, target = torch.zeros(1, 3, 64, 64), patches(0, 0), torch.tensor([1])
    with pytest.raises(PainLabError, match="fill='white'"):
        removal_curve(tnt, images, spatial, target, fill="white")
    with pytest.raises(PainLabError, match="measure='loss'"):
        removal_curve(tnt, images, spatial, target, measure="loss")
    with pytest.raises(PainLabError, match="not finite"):
        removal_curve(tnt, images, spatial * torch.nan, target)
    for wrong in (
        {"spatial": torch.zeros(2, 1, 4, 4)},
        {"spatial": torch.zeros(1, 1, 5, 5)},
        {"target": torch.tensor([1, 1])},
        {"fill": torch.zeros(1, 3, 32, 32)},
        {"mask": torch.ones(1, 2, dtype=torch.bool)},
    ):
        with pytest.raises(ShapeError):
            removal_curve(
                tnt, images, **({"spatial": spatial, "target": target, "fill": "grey"} | wrong)
            )


def test_a_model_in_training_is_asked_as_in_evaluation_and_left_in_training(tnt):
    model = pl.TNT(TINY).train()
    removal_curve(model, torch.zeros(1, 3, 64, 64), patches(0, 0), torch.tensor([1]), steps=1)
    assert all(part.training for part in model.modules())


# --- pixels that pain moved

MOVED = torch.zeros(1, 8, 8, dtype=torch.bool)
MOVED[0, 2:4, 4:8] = True  # an eighth of the picture


def test_a_map_that_is_the_truth_and_one_that_is_its_opposite():
    assert moved_share(MOVED.float(), MOVED).tolist() == [1]
    assert pointing_game(MOVED.float(), MOVED).tolist() == [1]
    assert moved_share((~MOVED).float(), MOVED).tolist() == [0]
    assert pointing_game((~MOVED).float(), MOVED).tolist() == [0]


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_constant_map_does_as_chance_does(level):
    even = torch.full((1, 8, 8), level)
    assert_close(moved_share(even, MOVED), torch.tensor([0.125]))
    assert_close(pointing_game(even, MOVED), torch.tensor([0.125]))


def test_shares_by_hand():
    values = torch.zeros(2, 8, 8)
    values[:, 3, 5], values[:, 0, 0] = 3, 1
    assert moved_share(values, MOVED.expand(2, 8, 8)).tolist() == [0.75, 0.75]
    assert moved_share(values, torch.zeros(2, 8, 8, dtype=torch.bool)).tolist() == [0, 0]


def test_pointing_beside_counts_within_the_tolerance_alone():
    values = torch.zeros(1, 8, 8)
    values[0, 6, 2] = 1  # three down and two left of the nearest that moved: √13 pixels
    assert pointing_game(values, MOVED).tolist() == [0]
    assert pointing_game(values, MOVED, tolerance=3).tolist() == [0]
    assert pointing_game(values, MOVED, tolerance=4).tolist() == [1]
    nothing = torch.zeros(1, 8, 8, dtype=torch.bool)
    assert pointing_game(values, nothing, tolerance=4).tolist() == [0]
    assert not widened(nothing, 4).any()


# --- time


def test_the_share_of_frames_above_half_of_the_peak_by_hand():
    intensity = torch.tensor([[0.0, 0.2, 0.4, 0.8, 0.5, 0.1]])  # 0.4 is half of it, not above
    share, span = temporal_share(torch.tensor([[1.0, 1, 1, 4, 2, 1]]), intensity)
    assert_close(share, torch.tensor([0.6]))
    assert_close(span, torch.tensor([2 / 6]))
    mask = torch.tensor([[True, True, True, False, True, True]])  # now 0.5 is the peak
    share, span = temporal_share(torch.tensor([[1.0, 1, 1, 4, 2, 1]]), intensity, mask=mask)
    assert_close(share, torch.tensor([0.5]))
    assert_close(span, torch.tensor([2 / 5]))


@pytest.mark.parametrize("level", [0.0, 2.0])
def test_even_frames_have_what_chance_has(level):
    intensity = torch.tensor([[0.0, 0.1, 0.9, 0.8]])
    share, span = temporal_share(torch.full((1, 4), level), intensity)
    assert_close(share, span)


def test_a_clip_without_pain_has_no_such_frames():
    with pytest.raises(PainLabError, match="clip 1 has no frame with pain"):
        temporal_share(torch.ones(2, 3), torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("method", ["chefer", "gradient-attention", "rollout", "attention"])
def test_relevance_of_frames_is_that_of_the_whole_framework(method):
    torch.manual_seed(3)
    model = pl.PainFramework(FrameworkConfig.tiny()).eval()
    for p in model.parameters():
        nn.init.normal_(p, std=0.3)
    clips = torch.rand(2, 8, 3, 32, 32) * 2 - 1
    mask = torch.ones(2, 8, dtype=torch.bool)
    mask[1, 5:] = False
    whole = pl.relevance(model, clips, target=1, method=method, mask=mask).temporal
    with torch.no_grad():
        features = model.encode(clips, mask=mask)
    target = torch.tensor([1, 1])
    alone = relevance_of_frames(model.temporal, features, target, method=method, mask=mask)
    assert_close(alone, whole, rtol=1e-4, atol=1e-7)
    assert whole[0].std() > 0
    with pytest.raises(PainLabError, match="from features alone"):
        relevance_of_frames(model.temporal, features, target, method="random")


# --- weights drawn anew


def test_all_weights_are_drawn_anew_and_the_model_stays(tnt):
    before = {name: value.clone() for name, value in tnt.state_dict().items()}
    other = randomised(tnt, seed=1)
    assert all(torch.equal(before[name], value) for name, value in tnt.state_dict().items())
    same = [n for n, p in other.named_parameters() if torch.equal(p, before[n]) and p.ndim > 1]
    assert same == []
    again, third = randomised(tnt, seed=1), randomised(tnt, seed=2)
    weight = "blocks.1.outer.attention.to_out.weight"
    assert torch.equal(other.get_parameter(weight), again.get_parameter(weight))
    assert not torch.equal(other.get_parameter(weight), third.get_parameter(weight))


@pytest.mark.parametrize("kind", ["tnt", "framework"])
def test_the_cascade_goes_from_the_top_down(tnt, kind):
    model = tnt if kind == "tnt" else pl.PainFramework(FrameworkConfig.tiny())
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p))  # so that none is as it was born, norms included
    names = [name for name, _ in stages(model)]
    assert names[0].endswith("classifier")
    assert names[-1].endswith("stem")
    changed = [set()]
    for name in names:
        other = dict(randomised(model, down_to=name).named_parameters())
        changed.append({n for n, p in model.named_parameters() if not torch.equal(p, other[n])})
        assert changed[-2] < changed[-1], name
    assert changed[-1] == {n for n, _ in model.named_parameters()}
    top = {"tnt": "classifier.weight", "framework": "temporal.classifier.weight"}[kind]
    assert top in changed[1]
    with pytest.raises(PainLabError, match="down_to='block 99'"):
        randomised(model, down_to="block 99")


def test_rank_correlation_by_hand():
    a = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]).repeat(4, 1, 1)
    b = torch.stack([a[0] ** 3, -a[0], torch.zeros(2, 2), torch.tensor([[2.0, 1.0], [3.0, 4.0]])])
    # of two ranks exchanged among four: 1 - 6·2 / (4·15)
    np.testing.assert_allclose(rank_correlation(a, b), [1, -1, 0, 0.8], atol=1e-12)
    with pytest.raises(ShapeError):
        rank_correlation(a, b[:, :1])


# --- tables


def test_means_and_ratios_over_people_by_hand():
    people = ["a", "a", "b", "c"]
    grades = np.array([1.0, 3.0, 2.0, 6.0])
    mean = mean_over_people(grades, people)
    assert mean.value == 3
    assert 2 <= mean.low < 3 < mean.high <= 6
    twice = mean_over_people(2 * grades, people, against=grades)
    assert twice == (2, 2, 2)  # paired: the same people above and below
    with pytest.raises(DataError, match="two people"):
        mean_over_people(grades[:2], people[:2])
    with pytest.raises(DataError):
        mean_over_people(grades, people[:3])


def test_people_are_drawn_and_not_pictures():
    """A hundred pictures of two people are two observations."""
    grades = np.repeat([0.0, 1.0], 50)
    two = mean_over_people(grades, ["a"] * 50 + ["b"] * 50)
    many = mean_over_people(grades, [str(i) for i in range(100)])
    assert two.high - two.low == 1
    assert many.high - many.low < 0.25


def test_the_mean_map_leaves_out_the_person_it_stands_for():
    maps = torch.arange(4.0).reshape(4, 1, 1)
    means = mean_of_others(maps, ["a", "b", "b", "c"])
    assert_close(means.flatten(), torch.tensor([2.0, 1.5, 1.5, 1.0]))
    with pytest.raises(DataError, match="two people"):
        mean_of_others(maps, ["a"] * 4)


def test_grades_of_maps_that_are_the_truth():
    moved = torch.zeros(2, 64, 64, dtype=torch.bool)
    moved[:, 16:24, 32:48] = True  # the upper half of the patch that counts
    maps = torch.zeros(2, 16, 16)
    maps[:, 4:6, 8:12] = 1 / 8
    grades = grade_truth(maps, moved)
    assert grades["moved share"].tolist() == [1, 1]
    assert grades["moved share of patches"].tolist() == [0.5, 0.5]
    assert grades["pointing"].tolist() == [1, 1]
    assert grades["moved by chance"].tolist() == [1 / 32, 1 / 32]
    areas, curves = grade_removal(
        Brightness(TINY), torch.ones(2, 3, 64, 64), maps, target=1, fills={"grey": "grey"},
        measure="logit", steps=16,
    )  # fmt: skip
    np.testing.assert_allclose(areas["deletion, grey"], 0.5 / 16, atol=1e-6)
    np.testing.assert_allclose(areas["insertion, grey"], 1 - 0.5 / 16, atol=1e-6)
    assert curves["deletion, grey"] == [1.0] + [0.0] * 16


def test_shares_by_strength_by_hand():
    """Two people: pain moved the left half of the one strongly, of the other the right half."""
    change = torch.zeros(2, 16, 16, dtype=torch.uint8)
    change[0, :, :8], change[1, :, 8:] = 60, 60
    change[:, :4] = change[:, :4].clamp(min=20)  # a strip above less, in both
    half = torch.zeros(2, 4, 4)
    half[0, :, :2], half[1, :, 2:] = 1 / 8, 1 / 8
    (found,) = shares_by_strength({"half": half}, change, ["a", "b"], levels=[20]).values()
    # 5/8 of each picture; of the other's half a quarter lies in the strip
    assert found["chance"]["share of the picture"] == (0.625, 0.625, 0.625)
    assert found["times chance"]["half"].value == pytest.approx(1.6)
    assert found["times chance"]["truth"].value == pytest.approx(1.6)
    assert found["times mean"]["half"].value == pytest.approx(4)
    # the other's truth covers ten sub-patches, of which four lie in the strip
    assert found["times mean"]["truth"].value == pytest.approx(10 / 4)
    with pytest.raises(DataError, match="0 for some"):  # the other's half misses altogether
        shares_by_strength({"half": half}, change, ["a", "b"], levels=[60])


def test_what_differs_is_told_in_grey_levels():
    faces = torch.zeros(1, 1, 2, 3, dtype=torch.uint8)
    calm = faces.clone()
    faces[0, 0, 0], calm[0, 0, 0] = torch.tensor([10, 0, 5]), torch.tensor([0, 200, 5])
    assert change_of(faces, calm).tolist() == [[[200, 0]]]


def test_the_truth_as_a_map():
    moved = torch.zeros(2, 8, 8, dtype=torch.bool)
    moved[0, :2, :4] = True
    maps = truth_map(moved, rows=4)
    assert_close(maps[0, 0], torch.tensor([0.5, 0.5, 0.0, 0.0]))
    assert_close(maps[1], torch.full((4, 4), 1 / 16))
    assert_close(maps.sum((1, 2)), torch.ones(2))


def test_a_method_that_looks_at_no_weights_is_found_out(tnt):
    """The random map stays the same when the weights change; a gradient does not."""
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(4)) * 2 - 1
    found = {}
    for method in ("random", "gradient-input"):
        maps, seconds = draw_maps(tnt, images, target=1, method=method)
        assert_close(maps.sum((1, 2)), torch.ones(4))
        assert seconds > 0
        found[method] = grade_randomisation(
            tnt, images, maps, target=1, method=method, down_to=(None, "stem")
        )
    np.testing.assert_allclose(found["random"]["all"], 1)
    assert abs(found["gradient-input"]["all"].mean()) < 0.6
    assert [*found["random"]] == ["all", "down to stem"]
    np.testing.assert_allclose(
        found["gradient-input"]["all"], found["gradient-input"]["down to stem"]
    )


# --- the truth in the frame of the aligned picture


@pytest.fixture(scope="module")
def data():
    return pl.SynthPain(subjects=3, per_level=1, frames=8)


def test_the_truth_lies_where_the_aligned_faces_differ(data):
    sample = max((s for s in data if s.level == 4), key=lambda s: data.motion(s).intensity.max())
    truth = aligned_truth(data, sample, chosen=[0, 4, 5])
    assert truth.faces.shape == truth.calm.shape == (3, 224, 224, 3)
    apart = (truth.faces.int() - truth.calm.int()).abs().amax(-1)  # k size size
    strongest = int(truth.intensity.argmax())
    moved = truth.moved[strongest]
    assert 0.02 < moved.float().mean() < 0.6
    # wherever the aligned pictures differ clearly, a moved pixel is at most three pixels away
    clear = apart[strongest] >= 8
    assert clear.sum() > 200
    assert widened(truth.moved, 3)[strongest][clear].all()
    # and the two overlap; a mask beside its place would not fit as well
    differ = apart[strongest] >= 2
    overlaps = [
        float((differ & other).sum() / (differ | other).sum())
        for other in (moved, moved.roll(12, dims=0), moved.roll(12, dims=1), moved.T)
    ]
    assert overlaps[0] > 0.85
    assert max(overlaps[1:]) < 0.8


def test_a_point_of_the_film_goes_where_the_warp_takes_it(data):
    sample = next(s for s in data if s.level == 4)
    truth = aligned_truth(data, sample)
    _, film = make_clip(data.settings, data.key(sample))
    frame = int(film.intensity.argmax())
    places = film.landmarks[frame] - np.float32([0.5, 0.5, 0])
    transform = warp.invert(warp.similarity_3d(places, size=224))
    height, width = np.mgrid[20:200:20, 20:200:20].reshape(2, -1)
    back = warp.transform_points(np.stack([width, height], -1).astype(float), transform)
    at = np.rint(back).astype(int)
    inside = ((at >= 0) & (at < 224)).all(1)
    expected = film.moved[frame, at[inside, 1], at[inside, 0]]
    found = truth.moved[frame].numpy()[height[inside], width[inside]]
    # OpenCV rounds places otherwise: at the edge of a spot a pixel may differ
    assert (expected == found).mean() > 0.95
    assert len(expected) > 60
    np.testing.assert_array_equal(truth.intensity, film.intensity)


def test_without_pain_nothing_has_moved(data):
    calm = next(s for s in data if s.level == 0)
    truth = aligned_truth(data, calm, size=112, chosen=slice(0, 2))
    assert not truth.moved.any()
    assert torch.equal(truth.faces, truth.calm)
    assert "0.0% of the pixels moved" in repr(truth)
    with pytest.raises(DataError):
        aligned_truth(data, pl.Sample("x", 4, None, "x"))
