"""Work in several processes: in order, interrupted, ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

from painlab.datasets.side_by_side import side_by_side
from painlab.errors import PainLabError

PROGRAM = """
import os, signal, sys, time
from painlab.datasets.side_by_side import side_by_side

def work(job):
    if job == 0:
        return os.getpid()
    time.sleep(600 if job > 1 and sys.argv[1] == "killed" else 0.3)
    return job

if __name__ == "__main__":
    try:
        for result in side_by_side(work, range(9), processes=2):
            print(result, flush=True)
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def square(number):
    return number * number


def leave(_):
    os._exit(3)


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes):
    # more than are given out ahead
    assert list(side_by_side(square, range(20), processes=processes)) == [i * i for i in range(20)]


def test_a_process_that_ends_is_told():
    with pytest.raises(PainLabError, match="a working process was ended from outside"):
        list(side_by_side(leave, range(3), processes=2))


@pytest.fixture
def begun(tmp_path):
    """The program above in a group of its own, as from a terminal, once its processes work."""
    (tmp_path / "program.py").write_text(PROGRAM)
    started = []

    def start(how):
        started.append(
            subprocess.Popen(
                [sys.executable, str(tmp_path / "program.py"), how],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            )
        )  # fmt: skip
        return started[0], int(started[0].stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interruption_reaches_the_parent_alone(begun):
    process, _ = begun("interrupted")
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does
    out, err = process.communicate()
    assert out.splitlines()[-1] == "stopped"
    assert err == ""
    assert process.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_no_process_outlives_a_killed_parent(begun):
    process, worker = begun("killed")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while _lives(worker):  # pytest's own limit ends a wait that is in vain
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be buried does not."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() not in ("", "Z", "Zs", "Z+")
