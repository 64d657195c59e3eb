"""data/make_rivals.py goes on from what it kept, notices what is stale, and ends the same."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.tasks import TASKS
from painlab.training.provenance import write_result
from painlab.training.shards import shards_of
from painlab.training.store import FeatureStore, StoredClip

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(DATA))
    try:
        spec = importlib.util.spec_from_file_location("make_rivals", DATA / "make_rivals.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DATA))
    return module


@pytest.fixture(scope="module")
def given(script, tmp_path_factory):
    """The framework's features of the tiny clips, and a result of it that says: half are right."""
    root = tmp_path_factory.mktemp("given")
    tiny = script.PLANS["tiny"].data
    data = SynthPain(subjects=tiny.subjects, per_level=tiny.per_level, frames=tiny.frames)
    store = FeatureStore.begin(root / "store", {"model": "planted"})
    generator = torch.Generator().manual_seed(0)
    for shard, part in shards_of(data):
        clips = [StoredClip(s.subject, s.level, s.sample_name, "planted", 12) for s in part]
        features = torch.randn(len(part), 1, 12, 192, generator=generator)
        store.put(shard, clips, features=features, found=torch.ones(len(part), 12, dtype=bool))
    ours = {task: {"by_subject": dict.fromkeys(data.subjects, 0.5)} for task in TASKS}
    figures = {"loso": {"pre-trained": {"stride 1": ours}}}
    write_result(root / "loso.json", figures, config={}, seconds=1)
    return root


def run(script, given, root, *more):
    """The exit status, on as many threads afterwards as before."""
    threads = torch.get_num_threads()
    try:
        return script.main(
            [
                "--preset", "tiny", "--work", str(root / "work"), "--output", str(root / "out"),
                "--store", str(given / "store"), "--framework", str(given / "loso.json"), *more,
            ]
        )  # fmt: skip
    finally:
        torch.set_num_threads(threads)


def figures(root) -> dict:
    return json.loads((root / "out" / "results" / "rivals_tiny.json").read_text())["figures"]


def without_seconds(told: dict) -> dict:
    return {
        rival: {task: {k: v for k, v in of.items() if k != "seconds"} for task, of in tasks.items()}
        for rival, tasks in told["rivals"].items()
    }


@pytest.fixture(scope="module")
def made(script, given, tmp_path_factory):
    """All rivals on one task, stopped twice where nothing was lost; the exit statuses."""
    root = tmp_path_factory.mktemp("rivals")
    stops = [("--seconds", "0", "--only", name) for name in ("landmarks", "lstm")]
    return root, [run(script, given, root, "--task", "NP-P4", *more) for more in (*stops, ())]


def test_a_run_that_was_stopped_comes_to_the_end(script, made):
    root, statuses = made
    assert statuses == [75, 75, 0]  # after a person's clips, after the next one's, at the end
    told = figures(root)
    assert set(told["rivals"]) == set(script.PLANS["tiny"].rivals)
    for of in told["rivals"].values():
        one = of["NP-P4"]
        right = [
            a == b for a, b in zip(one["predicted"], told["clips"]["NP-P4"]["true"], strict=True)
        ]
        assert one["metrics"]["accuracy"] == pytest.approx(sum(right) / len(right))
        assert one["difference"][0] == pytest.approx(one["metrics"]["accuracy"] - 0.5)


def test_trained_again_it_ends_the_same_and_what_is_there_keeps_its_date(script, given, made):
    root, _ = made
    path = root / "out" / "results" / "rivals_tiny.json"
    before, text = figures(root), path.read_bytes()
    assert run(script, given, root, "--task", "NP-P4") == 0
    assert path.read_bytes() == text
    for rival in ("mean", "lstm", "conv3d"):
        (root / "work" / "tiny" / "runs" / rival / "NP-P4.json").unlink()
    assert run(script, given, root, "--task", "NP-P4") == 0
    assert without_seconds(figures(root)) == without_seconds(before)


def test_a_rival_that_was_trained_otherwise_is_trained_anew(script, given, made, capsys):
    root, _ = made
    path = root / "work" / "tiny" / "runs" / "mean" / "NP-P4.json"
    stale = json.loads(path.read_text())
    stale["about"]["key"] = "of other programs"
    stale["logits"] = [[0.0, 1.0]] * len(stale["logits"])
    path.write_text(json.dumps(stale))
    before = without_seconds(figures(root))
    assert run(script, given, root, "--task", "NP-P4", "--only", "lstm") == 0
    assert "mean" not in figures(root)["rivals"]  # what is stale is not told
    assert run(script, given, root, "--task", "NP-P4", "--only", "mean") == 0
    assert "trained anew" in capsys.readouterr().out
    assert without_seconds(figures(root)) == before
