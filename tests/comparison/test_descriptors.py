"""Landmark distances and what is told of them over time, held against numbers worked by hand."""

import numpy as np
import pytest
import torch

from painlab.alignment.pose import load_template, rotation_matrix
from painlab.comparison.conv3d import grey_pixels
from painlab.comparison.cost import milliseconds, regression_flops, tree_size
from painlab.comparison.distances import DISTANCES, landmark_distances
from painlab.comparison.forest import STATISTICS, LandmarkForest, describe_signals, smoothed
from painlab.comparison.frame_transformer import FrameTransformer
from painlab.comparison.lstm import FrameLSTM, lstm_flops
from painlab.framework import count_flops

NAMES = list(DISTANCES)


def head(*, angles=(0.0, 0.0, 0.0), scale=1.0, change=None) -> torch.Tensor:
    """The average head, turned, scaled and moved into the picture: (68 3)."""
    points = load_template().points.astype(np.float64).copy()
    if change is not None:
        change(points)
    points = scale * points @ rotation_matrix(np.array(angles)).T + [112, 100, 7]
    return torch.from_numpy(points).float()


def test_distances_are_those_of_the_head_in_millimetres_however_it_is_seen():
    template = load_template().points
    frames = [head(), head(angles=(25.0, -10.0, 8.0), scale=2.5), head(scale=0.3)]
    found = landmark_distances(torch.stack(frames)[None])[0]  # k d
    width = np.linalg.norm(template[48] - template[54])
    assert found.shape == (3, len(DISTANCES))
    assert found[0, NAMES.index("mouth width")].item() == pytest.approx(width, abs=1e-2)
    lids = np.mean([np.linalg.norm(template[i] - template[j]) for i, j in ((37, 41), (38, 40))])
    assert found[0, NAMES.index("left lids")].item() == pytest.approx(lids, abs=1e-2)
    assert torch.allclose(found[1:], found[:1].expand(2, -1), atol=2e-2)


def test_a_mouth_that_opens_by_a_centimetre_is_told_as_such():
    def open_mouth(points):
        points[[65, 66, 67], 1] += 10 * np.sign(points[66, 1] - points[62, 1] + 1e-9)

    shut, opened = (
        landmark_distances(head(change=c, angles=(20.0, 5.0, 0.0))[None, None])[0, 0]
        for c in (None, open_mouth)
    )
    changed = {n for n, a, b in zip(NAMES, shut, opened, strict=True) if abs(a - b) > 0.05}
    assert changed == {"lips, inside"}
    inside = NAMES.index("lips, inside")
    assert 9 < (opened - shut)[inside] <= 10.01


def test_frames_without_a_face_lie_between_their_neighbours():
    clip = torch.stack(
        [head(), head(), head(change=lambda p: p.__setitem__((48, 0), p[48, 0] - 6))]
    )
    whole = landmark_distances(clip[None])[0]
    clip[1] = torch.nan
    filled = landmark_distances(clip[None])[0]
    assert torch.allclose(filled[1], (whole[0] + whole[2]) / 2, atol=1e-4)
    nobody = landmark_distances(torch.full((1, 4, 68, 3), torch.nan))
    assert nobody.abs().max() == 0


def test_statistics_of_a_signal_worked_by_hand():
    signal = np.array([0.0, 1.0, 4.0, 3.0, 2.0]).reshape(1, 5, 1)
    told = dict(zip(STATISTICS, describe_signals(signal)[0], strict=True))
    assert told == pytest.approx(
        {
            "mean": 2.0, "median": 2.0, "least": 0.0, "most": 4.0, "range": 4.0,
            "spread": np.sqrt(2.0), "middle half": 2.0, "mean departure": 1.2, "when most": 0.5,
        }
    )  # fmt: skip


def test_statistics_of_one_signal_stand_together():
    signals = np.random.default_rng(0).normal(size=(3, 8, 2))
    both = describe_signals(signals)
    assert both.shape == (3, 18)
    assert np.allclose(both[:, 9:], describe_signals(signals[:, :, 1:]))


def test_speed_and_acceleration_are_told_a_second():
    times = np.arange(40) / 6.25
    forest = LandmarkForest(fps=6.25, cut_off=3.0)
    steady = torch.from_numpy(2 * times).float().reshape(1, 40, 1)  # 2 mm a second
    told = forest.describe(steady)[0].reshape(3, 9)
    assert told[1, STATISTICS.index("median")] == pytest.approx(2.0, abs=0.01)
    assert told[2, STATISTICS.index("median")] == pytest.approx(0.0, abs=0.05)


def test_smoothing_takes_the_tremble_and_leaves_the_movement_where_it_was():
    times = np.arange(200) / 25.0
    slow, tremble = np.exp(-((times - 4) ** 2)), 0.3 * np.sin(2 * np.pi * 9 * times)
    out = smoothed((slow + tremble).reshape(1, -1, 1), fps=25.0, cut_off=1.0)[0, :, 0]
    middle = slice(40, 160)
    assert np.abs(out - slow)[middle].max() < 0.15
    assert np.abs(np.diff(out, 2))[middle].mean() < 0.02 * np.abs(np.diff(tremble, 2)).mean()
    assert abs(out.argmax() - slow.argmax()) <= 1  # nothing comes later


def test_grey_pixels_are_means_of_what_they_replace():
    clips = torch.zeros(1, 2, 4, 4, 3, dtype=torch.uint8)
    clips[0, 1, :2, 2:] = torch.tensor([255, 0, 0], dtype=torch.uint8)
    grey = grey_pixels(clips, size=2)
    assert grey.shape == (1, 2, 2, 2)
    assert torch.allclose(grey[0, 1], torch.tensor([[0.0, 1 / 3], [0.0, 0.0]]))


def test_operations_are_those_counted_by_hand():
    # gates of both directions: 4 h rows of d + h products a frame, and the head's 2 × 16 × 2
    assert lstm_flops(frames=10, dim=6, hidden=8) == 10 * 2 * (4 * 8 * (6 + 8)) * 2
    network = FrameLSTM(hidden=8).network(dim=6, classes=2)
    assert count_flops(network, torch.zeros(1, 10, 6)) == 2 * 16 * 2
    # mean, standardising, one row of weights; five rows for five classes
    assert regression_flops(frames=10, dim=6, classes=2) == 60 + 12 + 12
    assert regression_flops(frames=10, dim=6, classes=5) == 60 + 12 + 60
    k, d, inner = 10, 6, 16
    per_layer = 2 * k * (4 * inner**2 + 4 * inner**2) + 2 * 2 * k * k * inner
    network = FrameTransformer(inner=inner, layers=2, heads=2).network(frames=k, dim=d, classes=2)
    counted = count_flops(network, torch.zeros(1, k, d))
    assert counted == 2 * k * d * inner + 2 * per_layer + 2 * inner * 2


def test_the_size_of_a_tree_that_asks_one_question():
    from sklearn.ensemble import RandomForestClassifier

    x, y = np.repeat([[0.0], [1.0]], 20, axis=0), np.repeat([0, 1], 20)
    forest = RandomForestClassifier(n_estimators=3, random_state=0, bootstrap=False).fit(x, y)
    assert tree_size(forest) == (3 * (2 + 2 * 2), 3.0)


def test_milliseconds_are_of_one_call():
    calls = []
    assert milliseconds(lambda: calls.append(1), rounds=3) >= 0
    assert len(calls) == 4
