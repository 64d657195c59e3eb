"""Rendered faces to learn from: portraits of many people, drawn into memory as they are needed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from painlab.datasets.side_by_side import side_by_side
from painlab.datasets.synthpain.portraits import Portraits, draw_portraits
from painlab.errors import DataError
from painlab.training.batches import FaceBatch

LEARNED_FROM = "rendered faces of people who do not exist; it has never seen a person in pain"
SEED_OF_FACES = 2001  # SynthPain's own people have seeds from 0 on, the landmarks' 1001


def draw_people(
    *,
    people: range,
    pictures: int,
    seed: int,
    size: int,
    crop: str,
    first: int = 0,
    processes: int = 1,
) -> Iterator[Portraits]:
    """Portraits of each person in turn, made in so many processes, always in the same order."""
    jobs = [(i, seed, pictures, size, crop, first) for i in people]
    yield from side_by_side(_draw_person, jobs, processes=processes)


def _draw_person(job) -> Portraits:
    identity, seed, pictures, size, crop, first = job
    torch.set_num_threads(1)
    return draw_portraits(identity, seed=seed, count=pictures, size=size, crop=crop, first=first)


def draw_pool(
    *,
    people: range,
    pictures: int,
    seed: int,
    size: int,
    crop: str,
    first: int = 0,
    processes: int = 1,
    say: Callable[[str], None] = print,
) -> Portraits:
    """The portraits of `draw_people` as one, in memory; ``say`` is told how far they are."""
    images = torch.empty(len(people) * pictures, size, size, 3, dtype=torch.uint8)
    drawn = draw_people(
        people=people, pictures=pictures, seed=seed, size=size, crop=crop, first=first,
        processes=processes,
    )  # fmt: skip
    parts = []
    for i, portraits in enumerate(drawn):
        place = images[i * pictures : (i + 1) * pictures]
        parts.append(replace(portraits, images=place.copy_(portraits.images)))
        if (i + 1) % 100 == 0 or i + 1 == len(people):
            say(f"drawn: {i + 1} of {len(people)} people")
    rest = ("landmarks", "actions", "angles", "identity")
    whole = {name: torch.cat([getattr(part, name) for part in parts]) for name in rest}
    return Portraits(images=images, **whole)


class RenderedFaces:
    """Aligned portraits of rendered people, straight from the renderer.

    They are drawn when they are first asked for, and again, other ones of the same people, after
    every ``renew`` steps. Each follows from (seed, person, number), so that a run that was killed
    finds the same ones.

    Args:
        people: how many identities.
        pictures: of each that are in memory together.
        seed: of the people; take another than the data set's that is tested on.
        size: pixels of a side.
        renew: steps after which other pictures are drawn; None keeps the first.
        processes: that draw side by side.
        share: of how many runs that work together, this is the first, second, ...: (0, 1) alone.
            Each draws, and learns from, its own people.
        say: told how far the drawing is.
    """

    def __init__(
        self,
        *,
        people: int,
        pictures: int,
        seed: int = SEED_OF_FACES,
        size: int = 224,
        renew: int | None = None,
        processes: int = 1,
        share: tuple[int, int] = (0, 1),
        say: Callable[[str], None] = print,
    ):
        part, parts = share
        if people < parts or pictures < 1:
            raise DataError(f"RenderedFaces: {people} people with {pictures} pictures are too few.")
        self.identities, self.pictures, self.size = people, pictures, size
        self.seed, self.renew, self.processes, self.say = seed, renew, processes, say
        self.people = range(part, people, parts)
        self._round: int | None = None
        self._pool: tuple[Tensor, Tensor, Tensor] | None = None
        self._lock = Lock()  # threads that prepare batches draw the pictures once, not each

    def describe(self) -> dict:
        """What decides the pictures: a checkpoint belongs to it."""
        told = {"kind": "rendered", "people": self.identities, "pictures": self.pictures}
        return told | {"seed": self.seed, "size": self.size, "renew": self.renew}

    def batch(self, step: int, count: int, rng: np.random.Generator) -> FaceBatch:
        """Pictures drawn at random from those in memory at this step."""
        images, identity, actions = self._drawn(0 if self.renew is None else step // self.renew)
        rows = torch.from_numpy(rng.choice(len(images), count, replace=count > len(images)))
        return FaceBatch(images[rows], identity[rows], actions[rows])

    def _drawn(self, number: int):
        """The pool of a round; one is in memory, and while they change the one still read from."""
        with self._lock:
            if self._round != number:
                self._pool = None  # its memory is needed
                self._pool, self._round = self._draw(number), number
            return self._pool

    def _draw(self, number: int):
        pool = draw_pool(
            people=self.people, pictures=self.pictures, seed=self.seed, size=self.size,
            crop="aligned", first=number * self.pictures, processes=self.processes, say=self.say,
        )  # fmt: skip
        return pool.images, pool.identity, pool.actions
