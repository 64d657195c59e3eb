"""Several processes that make clips side by side, and what happens when one of them ends.

They are started as programs of their own: Python's ``multiprocessing`` would run the caller's main
script again in each (a script without an ``if __name__`` guard would start without end), and its
pools outlive a parent that was killed.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from painlab.datasets.synthpain.settings import ClipKey, Settings
from painlab.errors import DataError

# the parent's own search path, as multiprocessing does, so that both import the same painlab
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from painlab.datasets.synthpain.worker import main; main()"
)
LONGEST_RUN = 100  # clips, those of one person in a full SynthPain
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


def write_clips(
    root: Path, settings: Settings, keys: Sequence[ClipKey], *, processes: int
) -> Iterator[int]:
    """Write clips in several processes; gives each clip's bytes as it is finished, in any order.

    However the iterator is left (to its end, by `close`, by an error or an interruption), no
    process is left behind.

    Raises:
        PainLabError: what went wrong with a clip, or that a process ended by itself.
    """
    todo, done = SimpleQueue(), SimpleQueue()
    # a run of neighbours at a time: their person's skin is then painted by one process alone
    run = min(LONGEST_RUN, max(1, len(keys) // (8 * processes)))
    for start in range(0, len(keys), run):
        todo.put(keys[start : start + run])
    crew, leaders = [], []
    try:
        for _ in range(processes):
            crew.append(Worker(root, settings))
            leaders.append(Thread(target=_lead, args=(crew[-1], todo, done), daemon=True))
            leaders[-1].start()
        for _ in keys:
            answer = done.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer
    finally:
        for worker in crew:
            worker.process.kill()  # nothing half-written can come of it
        for leader in leaders:
            leader.join()
        for worker in crew:
            worker.bury()


def _lead(worker: "Worker", todo: SimpleQueue, done: SimpleQueue) -> None:
    """Give one worker clip after clip; a thread of its own waits for its answers."""
    while True:
        try:
            run = todo.get_nowait()
        except Empty:
            return
        for key in run:
            try:
                done.put(worker.write(key))
            except Exception as error:
                done.put(error)
                return


class Worker:
    """A process that runs `painlab.datasets.synthpain.worker`."""

    def __init__(self, root: Path, settings: Settings):
        self.root = root
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `bury`)
        # a group of its own: Ctrl-C reaches the parent alone, which ends the others in good order
        if os.name == "nt":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        else:
            apart = {"process_group": 0}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            env={**os.environ, **ONE_THREAD},
            text=True,
            **apart,
        )
        self._tell({"root": str(root), "settings": asdict(settings)})

    def write(self, key: ClipKey) -> int:
        """Have one clip written; gives its bytes."""
        answer = self._tell(key) and self.process.stdout.readline()
        if not answer:
            raise DataError(self._obituary(key))
        answer = json.loads(answer)
        if "error" in answer:
            raise DataError(answer["error"])
        if "unexpected" in answer:
            error = RuntimeError(f"{key} failed with {answer['unexpected']}")
            error.add_note(answer["trace"])
            raise error
        return answer["bytes"]

    def bury(self) -> None:
        """Wait for a killed process and close what led to it."""
        self.process.communicate()
        self.said.close()

    def _tell(self, message) -> bool:
        try:
            print(json.dumps(message), file=self.process.stdin, flush=True)
        except OSError:  # it has ended; `write` says so
            return False
        return True

    def _obituary(self, key: ClipKey) -> str:
        status = self.process.wait()
        self.said.seek(0)
        words = self.said.read().decode(errors="replace").strip().splitlines()
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        last = f" after saying {words[-1]!r}" if words else ""
        return (
            f"{self.root}: a working process ended {how}{last} while it made clip {tuple(key)}; "
            "what is finished stays, so start again, with fewer processes if memory was short."
        )
