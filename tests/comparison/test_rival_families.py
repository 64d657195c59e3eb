"""Rivals learn what is planted, are at chance where nothing is, and never see who is tested."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from painlab.comparison.conv3d import Conv3dClassifier, SmallConv3d
from painlab.comparison.fitting import standardiser
from painlab.comparison.forest import LandmarkForest
from painlab.comparison.frame_transformer import FrameTransformer
from painlab.comparison.leave_one_out import leave_one_out, permuted
from painlab.comparison.lstm import FrameLSTM
from painlab.comparison.pooled import MeanRegression
from painlab.config import TrainingConfig
from painlab.datasets.tasks import TASKS, Sample
from painlab.errors import DataError, ShapeError

PEOPLE, TRIALS, FRAMES, DIM = 4, 5, 17, 3
FEW = TrainingConfig.quick(epochs=12, batch=8, learning_rate=1e-2)
RIVALS = {
    "mean": MeanRegression(strength=1.0),
    "landmarks": LandmarkForest(fps=6.25, trees=25),
    "lstm": FrameLSTM(hidden=8, config=FEW),
    "transformer": FrameTransformer(inner=16, layers=1, heads=2, config=FEW),
    "conv3d": SmallConv3d(size=8, channels=(2, 4), depths=(1, 3), stride=1, config=FEW),
}
TASK = TASKS["NP-P4"]


def planted(name: str, *, signal: float = 2.0) -> tuple[torch.Tensor, list[Sample]]:
    """Clips of four people. In those of level 4 the first channel rises in the second half."""
    generator = torch.Generator().manual_seed(7)
    samples = [
        Sample(f"person{who}", level, None, f"{who}-{level}-{trial}")
        for who in range(PEOPLE)
        for level in (0, 2, 4)
        for trial in range(TRIALS)
    ]
    rises = torch.tensor([float(sample.level == 4) for sample in samples])
    values = torch.randn(len(samples), FRAMES, DIM, generator=generator)
    values[:, FRAMES // 2 :, 0] += signal * rises[:, None]
    if name != "conv3d":
        return values, samples
    # a square of the picture becomes brighter
    pixels = 100 + 10 * torch.randn(len(samples), FRAMES, 8, 8, 3, generator=generator)
    pixels[:, FRAMES // 2 :, 2:6, 2:6] += 30 * signal * rises[:, None, None, None, None]
    return pixels.clamp(0, 255).to(torch.uint8), samples


@pytest.fixture(params=RIVALS)
def name(request):
    return request.param


def accuracy(result) -> float:
    return result.metrics()["accuracy"]


def test_it_learns_what_is_planted(name):
    values, samples = planted(name)
    result = leave_one_out(RIVALS[name], values, samples, task=TASK)
    assert accuracy(result) > 0.85
    assert result.logits.shape == (2 * PEOPLE * TRIALS, 2)
    assert result.task == "NP-P4"
    assert set(result.subjects) == {f"person{who}" for who in range(PEOPLE)}
    assert {s.split("-")[1] for s in result.sample_names} == {"0", "4"}


def test_it_is_at_chance_where_labels_are_shuffled(name):
    values, samples = planted(name)
    found = [
        accuracy(leave_one_out(RIVALS[name], values, samples, task=TASK, permute=seed))
        for seed in (1, 2)
    ]
    assert abs(np.mean(found) - 0.5) < 0.2  # 80 answers about a coin's


def test_the_same_seed_gives_the_same_and_another_need_not(name):
    values, samples = planted(name, signal=0.5)
    of_two = [i for i, sample in enumerate(samples) if sample.subject < "person2"]
    values, samples = values[of_two], [samples[i] for i in of_two]
    first, again, other = (
        leave_one_out(RIVALS[name], values, samples, task=TASK, seed=seed).logits
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    if name != "mean":  # a regression has one best answer
        assert not np.array_equal(first, other)


@dataclass
class Watched:
    """Another rival, with what each of its trainings would say of some clips."""

    rival: object
    probe: torch.Tensor
    said: list = field(default_factory=list)

    def learn(self, values, labels, *, classes, seed):
        answer = self.rival.learn(values, labels, classes=classes, seed=seed)
        self.said.append(answer(self.probe))
        return answer


def test_who_is_left_out_changes_nothing_in_the_training(name):
    values, samples = planted(name)
    probe = values[:10].clone()
    before, after = Watched(RIVALS[name], probe), Watched(RIVALS[name], probe)
    leave_one_out(before, values, samples, task=TASK)
    ruined = values.clone()
    theirs = [i for i, sample in enumerate(samples) if sample.subject == "person1"]
    ruined[theirs] = 255 - ruined[theirs] if ruined.dtype == torch.uint8 else 1e4 - ruined[theirs]
    leave_one_out(after, ruined, samples, task=TASK)
    for who, (ours, theirs) in enumerate(zip(before.said, after.said, strict=True)):
        # the fold that leaves person 1 out, and no other, has not noticed
        assert torch.equal(ours, theirs) == (who == 1)


def test_five_classes_have_five_answers(name):
    values, samples = planted(name)
    levels = [0, 1, 2, 3, 4]
    samples = [Sample(s.subject, levels[i % 5], None, s.sample_name) for i, s in enumerate(samples)]
    result = leave_one_out(RIVALS[name], values, samples, task=TASKS["MC"])
    assert result.logits.shape == (len(samples), 5)
    assert np.isfinite(result.logits).all()


def test_values_have_to_fit_the_clips():
    values, samples = planted("mean")
    with pytest.raises(DataError, match="59 values do not fit 60 clips"):
        leave_one_out(MeanRegression(), values[:-1], samples, task=TASK)


def test_labels_are_shuffled_within_a_person():
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1])
    people = list("aaaabbbbcccc")
    shuffled = permuted(labels, people, seed=3)
    assert shuffled[:4].tolist() == [0] * 4
    assert shuffled[4:8].tolist() == [1] * 4
    assert sorted(shuffled[8:].tolist()) == [0, 0, 1, 1]
    assert labels.tolist()[8:] == [0, 1, 0, 1]


def test_the_mean_cannot_see_an_order_and_the_networks_can():
    values, samples = planted("lstm")
    backwards = values.flip(1)
    labels = torch.tensor([int(s.level == 4) for s in samples])
    for name, sees in (("mean", False), ("lstm", True), ("transformer", True)):
        answer = RIVALS[name].learn(values, labels, classes=2, seed=0)
        same = torch.allclose(answer(values), answer(backwards), atol=1e-5)
        assert same != sees, name


def test_features_are_standardised_by_those_they_were_fitted_to():
    values = torch.randn(20, 6, 4) * torch.tensor([1.0, 5.0, 0.1, 0.0]) + 3
    scaled = standardiser(values)(values)
    assert torch.allclose(scaled.mean((0, 1)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(scaled[..., :3].std((0, 1)), torch.ones(3), atol=1e-4)
    assert scaled.isfinite().all()  # a channel that never changes


def test_clips_too_short_for_the_deepest_kernel_are_refused():
    network = Conv3dClassifier(channels=(2, 2, 2), depths=(1, 5), classes=2, dropout=0.0)
    assert network(torch.zeros(1, 17, 8, 8)).shape == (1, 2)
    with pytest.raises(ShapeError, match=r"16 frames are too few.*it takes 17"):
        network(torch.zeros(1, 16, 8, 8))
