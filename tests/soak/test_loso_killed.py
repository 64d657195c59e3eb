"""`painlab loso`, killed at twenty random moments or out of room, ends as if left in peace.

The moments are drawn anew in each run; the seed is printed, and PAINLAB_SOAK_SEED gives it again.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from painlab.training.results import LosoResult

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
from planted import planted_store

KILLS = 20
OPTIONS = [
    "--task=NP-P4", "--quick", "--epochs=3", "--batch=8", "--folds-at-once=2", "--device=cpu",
    "--checkpoint-seconds=0", "--quiet", "--json",
]  # fmt: skip
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return planted_store(
        tmp_path_factory.mktemp("store"), people=6, per_level=4, levels=(0, 4), signal=0.5
    ).root


def start(store: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "painlab", "loso", store, "--out", out, *OPTIONS]
    return subprocess.Popen(
        command, env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(store: Path, out: Path) -> tuple[float, dict]:
    """Run to the end; gives the seconds it took and what was printed."""
    begin = time.perf_counter()
    process = start(store, out)
    text, err = process.communicate()
    assert process.returncode == 0, err
    told = json.loads(text)[0]
    del told["file"]
    return time.perf_counter() - begin, told


def found(out: Path) -> tuple:
    """What was said of each clip, and the losses on the way: all but the time that it took."""
    result = LosoResult.load(out / "NP-P4" / "result.json")
    return (
        result.subjects, result.sample_names, result.true.tolist(), result.logits.tolist(),
        result.missing, result.about["losses"],
    )  # fmt: skip


def files(out: Path) -> set[str]:
    return {path.name for path in (out / "NP-P4").glob("*")}


@pytest.mark.timeout(3600)
def test_killed_at_twenty_random_moments(store, tmp_path):
    seed = int(os.environ.get("PAINLAB_SOAK_SEED", random.SystemRandom().randrange(10**6)))
    rng = random.Random(seed)
    peace, out = tmp_path / "peace", tmp_path / "killed"
    whole, printed = finish(store, peace)
    expected = found(peace)
    print(f"\nseed {seed}; {whole:.1f} s when left in peace", flush=True)

    kills, ends, kept = 0, 0, []
    while kills < KILLS:
        process, run = start(store, out), out / "NP-P4"

        def there(run=run) -> dict[str, int]:
            told = {}
            for path in run.glob("folds-*"):
                try:
                    told[path.name] = path.stat().st_mtime_ns
                except FileNotFoundError:  # it was renamed or removed between the two looks
                    continue
            return told

        begun = there()
        try:
            # most blows fall soon after this run kept something, so that it gets on; the others
            # at any moment, the start included
            if rng.random() < 0.8:
                while process.poll() is None and begun == there():
                    time.sleep(0.002)
                process.wait(timeout=rng.uniform(0, 0.25))
            else:
                process.wait(timeout=rng.uniform(0.2, whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err
        kept.append(len([name for name in there() if name.endswith(".json")]))
        if process.returncode == 0:  # it came to its end before the blow: begin again
            assert found(out) == expected
            ends += 1
            out.rename(tmp_path / f"ended{ends}")
    print(f"groups finished after each run: {kept}; {ends} came to their end", flush=True)

    _, again = finish(store, out)
    assert found(out) == expected
    assert again == printed
    assert files(out) == files(peace)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MiB; skips where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "painlab", disk]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.timeout(3600)
def test_a_full_disk(store, small_disk, tmp_path):
    _, printed = finish(store, tmp_path / "peace")
    expected, whole = found(tmp_path / "peace"), files(tmp_path / "peace")
    out, filler = small_disk / "runs", small_disk / "filler"
    stops = []
    for room in (0, 8, 100):  # KiB: no run at all, and checkpoints that do not fit
        filler.write_bytes(b"")
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(bytes(max(0, free - 1024 * room)))
        before = {p: p.read_bytes() for p in out.glob("NP-P4/*.json")}
        process = start(store, out)
        text, err = process.communicate()
        assert process.returncode == 1, (room, err)
        assert text == ""
        assert len(err.splitlines()) == 1, err
        assert "cannot be written" in err
        assert "No space left on device" in err
        assert all(p.read_bytes() == data for p, data in before.items())
        assert not list(out.glob("NP-P4/*.part"))
        stops.append(sorted(p.name for p in out.glob("NP-P4/*")))

    # room enough at first, and none once a group has come to its end
    filler.unlink()
    process = start(store, out)
    while process.poll() is None and not list(out.glob("NP-P4/folds-*.json")):
        time.sleep(0.002)
    process.send_signal(signal.SIGSTOP)
    first = {p: p.read_bytes() for p in out.glob("NP-P4/folds-*.json")}
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(bytes(free))
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate()
    assert process.returncode == 1, err
    assert len(err.splitlines()) == 1, err
    assert "No space left on device" in err
    assert first
    assert all(p.read_bytes() == data for p, data in first.items())
    stops.append(sorted(p.name for p in out.glob("NP-P4/*")))
    print(f"\nthere after each stop: {stops}", flush=True)

    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    _, again = finish(store, out)
    assert found(out) == expected
    assert again == printed
    assert files(out) == whole
