"""The estimate before and during the work, with clips that take a known time."""

import pytest

from painlab.datasets.synthpain import estimate as module
from painlab.datasets.synthpain.estimate import Estimate, sensible_processes
from painlab.datasets.synthpain.settings import PRESETS, ClipKey, Settings, list_clips


def keys(settings: Settings) -> list[ClipKey]:
    return [key for key, _ in list_clips(settings, None)]


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when a test says so."""
    now = [100.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return now


def test_the_guess_grows_with_the_work():
    tiny, small, full = (Estimate(PRESETS[n], keys(PRESETS[n]), processes=2) for n in PRESETS)
    assert tiny.bytes < small.bytes < full.bytes
    assert tiny.seconds < small.seconds < full.seconds
    assert 1e9 < full.bytes < 1e10  # as a large set of short films is
    alone = Estimate(PRESETS["full"], keys(PRESETS["full"]), processes=1)
    assert alone.seconds == pytest.approx(2 * full.seconds)
    assert alone.bytes == full.bytes


def test_what_needs_one_drawing_is_quicker():
    calm = Estimate(Settings(), [ClipKey(0, 0, 0)], processes=1)
    pain = Estimate(Settings(), [ClipKey(0, 4, 0)], processes=1)
    assert pain.seconds == pytest.approx(2 * calm.seconds)


def test_measuring_replaces_the_guess(clock):
    estimate = Estimate(Settings(), keys(Settings())[:20], processes=1)
    clock[0] += 50  # the first clip also waits for what happens once
    estimate.add(1000)
    for _ in range(9):
        clock[0] += 2
        estimate.add(3000)
    assert estimate.left == 10
    assert estimate.seconds == pytest.approx(20)
    assert estimate.bytes == 28_000
    assert str(estimate) == "about 20 s and 28 kB"


def test_little_work_is_not_worth_processes(monkeypatch):
    monkeypatch.setattr(module, "count_cores", lambda: 8)
    assert sensible_processes(PRESETS["tiny"], keys(PRESETS["tiny"])) == 1
    assert sensible_processes(PRESETS["full"], keys(PRESETS["full"])) == 8
    assert sensible_processes(PRESETS["full"], keys(PRESETS["full"])[:3]) == 1
    assert sensible_processes(PRESETS["full"], []) == 1
