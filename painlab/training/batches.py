"""Batches of faces, and threads that have the next ones ready."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from painlab.datasets.faces import FaceBatch, Faces

__all__ = ["FaceBatch", "Faces", "in_order"]

T = TypeVar("T")


def parts_of_passes(places: range, *, clips: int) -> Iterator[tuple[int, slice]]:
    """Where a part of an endless stream of passes over so many clips lies.

    Args:
        places: of the stream, counted from the start of the first pass.
        clips: of a pass.

    Returns:
        The number of each pass that it touches, and which of the pass's places belong to it.

    Example:
        >>> list(parts_of_passes(range(5, 9), clips=7))
        [(0, slice(5, 7, None)), (1, slice(0, 2, None))]
    """
    for number in range(places.start // clips, (places.stop - 1) // clips + 1):
        start = number * clips
        yield number, slice(max(places.start - start, 0), min(places.stop - start, clips))


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
