"""`painlab pretrain`, killed at ten random moments and started again, ends as if left in peace.

The moments are drawn anew in each run; the seed is printed, and PAINLAB_SOAK_SEED gives it again.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

KILLS = 10
OPTIONS = [
    "--preset=tiny", "--people=2", "--pictures=2", "--every=1", "--device=cpu", "--processes=1",
    "--quiet",
]  # fmt: skip
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
FILES = {
    "1-low.checkpoint.safetensors", "1-low.safetensors",
    "2-full-size.checkpoint.safetensors", "2-full-size.safetensors", "tnt.safetensors",
}  # fmt: skip


def start(out: Path, *, workers: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "painlab", "pretrain", out, *OPTIONS, f"--workers={workers}"]
    return subprocess.Popen(command, env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(out: Path) -> float:
    """Run to the end; gives the seconds it took."""
    begin = time.perf_counter()
    process = start(out, workers=1)
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return time.perf_counter() - begin


def contents(out: Path) -> dict[str, dict[str, bytes]]:
    """The bytes of every tensor of every whole file."""
    return {
        path.name: {name: tensor.tobytes() for name, tensor in load_file(path).items()}
        for path in out.glob("*.safetensors")
    }


@pytest.mark.timeout(3600)
def test_killed_at_ten_random_moments(tmp_path):
    seed = int(os.environ.get("PAINLAB_SOAK_SEED", random.SystemRandom().randrange(10**6)))
    rng = random.Random(seed)
    peace, out = tmp_path / "peace", tmp_path / "killed"
    whole = finish(peace)
    expected = contents(peace)
    assert set(expected) == FILES
    print(f"\nseed {seed}; {whole:.1f} s when left in peace", flush=True)

    kills, ends, kept = 0, 0, []
    while kills < KILLS:
        process = start(out, workers=rng.choice((0, 1, 2)))
        begun = {path.name: path.stat().st_mtime_ns for path in out.glob("*.safetensors")}
        try:
            # half of the blows after a checkpoint of this run, a little later; half at any moment
            if rng.random() < 0.5:
                while process.poll() is None and begun == {
                    path.name: path.stat().st_mtime_ns for path in out.glob("*.safetensors")
                }:
                    time.sleep(0.005)
                process.wait(timeout=rng.uniform(0, 0.5))
            else:
                process.wait(timeout=rng.uniform(0.5, 1.1 * whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, err = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), err.decode()
        there = contents(out) if out.exists() else {}  # nothing half-written has its place
        assert set(there) <= FILES
        kept.append(len(there))
        if process.returncode == 0:
            assert there == expected
            ends += 1
            shutil.rmtree(out)  # it came to its end before the blow: begin again
    print(f"files there after each run: {kept}; {ends} came to their end", flush=True)

    finish(out)
    assert contents(out) == expected
