"""Batches of faces, and threads that have the next ones ready."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from painlab.datasets.faces import FaceBatch, Faces

__all__ = ["FaceBatch", "Faces", "in_order"]

T = TypeVar("T")


def in_order(make: Callable[[int], T], steps: range, *, workers: int) -> Iterator[T]:
    """``make(step)`` of each step in turn, up to ``workers`` of them made ahead in threads.

    An error arises where its step is asked for. 0 workers: each is made when it is asked for.
    """
    if workers < 1:
        yield from map(make, steps)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque = deque()
        try:
            for step in steps:
                ahead.append(pool.submit(make, step))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
