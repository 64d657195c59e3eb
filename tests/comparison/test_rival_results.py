"""data/results/rivals_small.json is whole; its numbers follow from what was said of the clips."""

import json
from pathlib import Path

import pytest
import torch

from painlab.comparison.distances import DISTANCES
from painlab.comparison.forest import LandmarkForest
from painlab.comparison.leave_one_out import leave_one_out
from painlab.comparison.pooled import MeanRegression
from painlab.datasets.tasks import TASKS, Sample
from painlab.figures import read_result
from painlab.training.metrics import classification_metrics, metric_intervals, subject_accuracy
from painlab.training.results import LosoResult, difference
from painlab.training.store import FeatureStore

DATA = Path(__file__).parents[2] / "data"
NAMES = (
    "mean", "landmarks", "landmarks found", "mean of CNN", "lstm", "conv3d", "transformer",
)  # fmt: skip


@pytest.fixture(scope="module")
def result():
    return read_result(DATA / "results" / "rivals_small.json")


@pytest.fixture(scope="module")
def ours():
    told = read_result(DATA / "results" / "loso_small.json")
    return told["figures"]["loso"]["pre-trained"]["stride 1"]


def test_every_rival_has_every_task(result):
    rivals = result["figures"]["rivals"]
    assert tuple(rivals) == NAMES
    assert all(set(of) == set(TASKS) for of in rivals.values())
    assert set(result["figures"]["costs"]) == {"framework", *NAMES}
    assert " with changes" not in result["commit"]


def test_the_store_is_the_frameworks_own(result):
    store = FeatureStore(DATA / "features" / "synthpain-small")
    assert result["config"]["store"] == store.key
    there = {(clip.subject, clip.sample_name) for clip in store.clips}
    clips = result["figures"]["clips"]["MC"]
    assert {*zip(clips["subjects"], clips["sample_names"], strict=True)} == there


@pytest.mark.parametrize("task", TASKS)
def test_scores_follow_from_what_was_said(result, ours, task):
    clips, classes = result["figures"]["clips"][task], TASKS[task].classes
    true, people = clips["true"], clips["subjects"]
    for name, of in result["figures"]["rivals"].items():
        told = of[task]
        said = told["predicted"]
        assert told["metrics"] == pytest.approx(
            classification_metrics(true, said, classes=classes)
        ), name
        assert told["by_subject"] == pytest.approx(
            subject_accuracy(true, said, people, classes=classes)
        )
        apart = [
            told["by_subject"][who] - ours[task]["by_subject"][who] for who in told["by_subject"]
        ]
        assert told["difference"][0] == pytest.approx(sum(apart) / len(apart))
        low, high = told["difference"][1]
        assert low <= told["difference"][0] <= high
    low, high = metric_intervals(true, said, people, classes=classes)["accuracy"]
    assert told["intervals"]["accuracy"] == pytest.approx([low, high])


def test_the_paired_difference_is_that_of_two_results(result):
    """The mean over people of differences, and `difference` of two runs: the same drawing."""
    clips, rivals = result["figures"]["clips"]["NP-P4"], result["figures"]["rivals"]

    def run(name: str) -> LosoResult:
        said = torch.tensor(rivals[name]["NP-P4"]["predicted"])
        logits = torch.nn.functional.one_hot(said, 2).double().numpy()
        true = torch.tensor(clips["true"]).numpy()
        return LosoResult(
            "NP-P4", tuple(clips["subjects"]), tuple(clips["sample_names"]), true, logits
        )

    a, b = run("landmarks"), run("lstm")
    from painlab.explain.over_people import mean_over_people

    people = sorted(a.by_subject())
    apart = torch.tensor([a.by_subject()[w] - b.by_subject()[w] for w in people]).double().numpy()
    figure = mean_over_people(apart, people)
    value, (low, high) = difference(a, b)
    assert (figure.value, figure.low, figure.high) == pytest.approx((value, low, high))


def test_the_baseline_trained_here_says_the_same(result):
    stored = FeatureStore(DATA / "features" / "synthpain-small").load()
    clips = result["figures"]["clips"]["NP-P4"]
    found = leave_one_out(
        MeanRegression(), stored.features[:, 0], stored.samples, task=TASKS["NP-P4"], seed=0
    )
    said = dict(
        zip(zip(found.subjects, found.sample_names, strict=True), found.predicted, strict=True)
    )
    ours = [said[key] for key in zip(clips["subjects"], clips["sample_names"], strict=True)]
    told = result["figures"]["rivals"]["mean"]["NP-P4"]["predicted"]
    alike = sum(a == b for a, b in zip(ours, told, strict=True)) / len(told)
    assert alike > 0.98  # another processor may round a clip at the border otherwise


def test_the_forest_grown_here_says_the_same(result):
    samples, distances = stored_distances()
    config = result["config"]["rivals"]["landmarks"]
    forest = LandmarkForest(fps=config["fps"], cut_off=config["cut_off"], trees=config["trees"])
    found = leave_one_out(forest, distances["exact"], samples, task=TASKS["NP-P4"], seed=0)
    told = result["figures"]["rivals"]["landmarks"]["NP-P4"]["predicted"]
    assert list(found.sample_names) == result["figures"]["clips"]["NP-P4"]["sample_names"]
    alike = (found.predicted == told).mean()
    assert alike > 0.95  # a tree may divide otherwise where a number is rounded otherwise


def stored_distances():
    from safetensors import safe_open

    with safe_open(DATA / "features" / "synthpain-small-distances.safetensors", "pt") as file:
        clips = json.loads(file.metadata()["clips"])
        assert json.loads(file.metadata()["distances"]) == list(DISTANCES)
        distances = {key: file.get_tensor(key) for key in ("exact", "found")}
    samples = [Sample(subject, level, None, name) for subject, level, name in clips]
    assert all(x.shape == (len(samples), 35, len(DISTANCES)) for x in distances.values())
    return samples, distances
