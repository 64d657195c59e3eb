"""`painlab synth`, killed at twenty random moments and started again, ends as if left in peace.

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

from painlab.datasets.biovid import BioVid
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.files import SCRATCH
from painlab.errors import DataError

KILLS = 20
OPTIONS = ["--subjects=3", "--per-level=2", "--frames=16", "--size=64", "--seed=5"]
CLIPS = 30


def start(root: Path, *, processes: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "painlab", "synth", root, *OPTIONS, "--quiet"]
    return subprocess.Popen(
        [*command, f"--processes={processes}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(root: Path, *, processes: int) -> float:
    """Run to the end; gives the seconds it took."""
    begin = time.perf_counter()
    process = start(root, processes=processes)
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return time.perf_counter() - begin


def contents(root: Path) -> dict[str, bytes]:
    """Every file that has its place, by that place."""
    files = [path for path in root.rglob("*") if path.is_file()]
    placed = {path.relative_to(root): path for path in files}
    return {p.as_posix(): path.read_bytes() for p, path in placed.items() if p.parts[0] != SCRATCH}


@pytest.mark.timeout(3600)
def test_killed_at_twenty_random_moments(tmp_path):
    seed = int(os.environ.get("PAINLAB_SOAK_SEED", random.SystemRandom().randrange(10**6)))
    rng = random.Random(seed)
    peace, root = tmp_path / "peace", tmp_path / "killed"
    whole = finish(peace, processes=2)
    expected = contents(peace)
    print(f"\nseed {seed}; {CLIPS} clips in {whole:.1f} s when left in peace", flush=True)

    kills, kept = 0, []
    while kills < KILLS:
        process = start(root, processes=rng.choice((1, 2)))
        try:
            # any moment of a whole run: starting, first clips, last clips, the table
            process.wait(timeout=rng.uniform(0.5, 1.2 * whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, err = process.communicate()
        there = contents(root) if root.exists() else {}
        assert there.items() <= expected.items()  # nothing half-written has its place
        kept.append(sum(name.endswith(".mp4") for name in there))
        if process.returncode == 0:
            assert there == expected
            assert not (root / SCRATCH).exists()
            shutil.rmtree(root)  # it came to its end before the blow: begin again
            continue
        assert process.returncode == -signal.SIGKILL, err.decode()
        if len(there) < len(expected):
            with pytest.raises(DataError):
                SynthPain(root)
    print(f"clips there after each run: {kept}", flush=True)

    finish(root, processes=2)
    assert contents(root) == expected
    assert not (root / SCRATCH).exists()
    assert list(SynthPain(root)) == list(BioVid(root))
    assert len(SynthPain(root)) == CLIPS
