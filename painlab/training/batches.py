"""Batches of faces, and threads that have the next ones ready."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from torch import Tensor

from painlab.typing import Float, Int, UInt8

T = TypeVar("T")


class FaceBatch(NamedTuple):
    """Pictures of faces, whose they are, and where it is known what the faces do."""

    images: UInt8[Tensor, "b height width c"]
    identity: Int[Tensor, "b"]
    actions: Float[Tensor, "b actions"] | None


class Faces(Protocol):
    """Where pictures of faces come from: `RenderedFaces`, `FaceFolder`."""

    identities: int

    def batch(self, step: int, count: int, rng: np.random.Generator) -> FaceBatch:
        """So many pictures, as the generator decides."""

    def describe(self) -> dict:
        """What decides the pictures: a checkpoint belongs to it."""


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
