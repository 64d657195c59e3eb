"""The same work on many things, in several processes, the results in order."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import TypeVar

from painlab.errors import PainLabError

Job = TypeVar("Job")
Result = TypeVar("Result")
AHEAD = 4  # jobs given to each process before their results are asked for


def side_by_side(
    work: Callable[[Job], Result], jobs: Iterable[Job], *, processes: int
) -> Iterator[Result]:
    """``work(job)`` of each job in turn, made in so many processes; with one, in this one.

    The processes leave Ctrl-C to their parent, and end when it ends, killed or not.

    Raises:
        PainLabError: where a process is ended from outside.
    """
    if processes <= 1:
        yield from map(work, jobs)
        return
    ahead: deque = deque()
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begin
    ) as pool:
        try:
            for job in jobs:
                with _no_interruption():
                    ahead.append(pool.submit(work, job))
                if len(ahead) >= AHEAD * processes:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BrokenProcessPool as error:
            raise PainLabError(
                "a working process was ended from outside; take fewer --processes if memory was "
                "short, and start again."
            ) from error
        finally:
            for future in ahead:
                future.cancel()


@contextmanager
def _no_interruption():
    """For this thread, and for good for the processes that it starts meanwhile."""
    if os.name == "nt":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """In each process, before its first job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    wait([parent_process().sentinel])
    os._exit(1)
