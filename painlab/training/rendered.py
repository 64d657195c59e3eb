"""Rendered faces to learn from: portraits of many people, drawn into memory as they are needed.

They are drawn by processes on the CPU, also where the networks learn on a GPU: a portrait has a
camera, a lamp and a backdrop of its own, and the renderer's batches are clips of one camera.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from painlab.datasets.side_by_side import side_by_side
from painlab.datasets.synthpain.portraits import Portraits, draw_portraits
from painlab.errors import DataError
from painlab.training.batches import FaceBatch
from painlab.training.kept import GROUP, KeptPortraits, joined

RENDERED = "rendered faces of people who do not exist"
LEARNED_FROM = f"{RENDERED}; it has never seen a person in pain"
SEED_OF_FACES = 2001  # SynthPain's own people have seeds from 0 on, the landmarks' 1001


def draw_people(
    *,
    people: Iterable[int],
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
    keep: KeptPortraits | None = None,
    say: Callable[[str], None] = print,
) -> Portraits:
    """The portraits of `draw_people` as one, in memory; ``say`` is told how far they are.

    With ``keep``, those that it has are taken from there, and those that are drawn put there.
    """
    asked = {"pictures": pictures, "seed": seed, "size": size, "crop": crop, "first": first}
    images = torch.empty(len(people) * pictures, size, size, 3, dtype=torch.uint8)
    groups = [people[i : i + GROUP] for i in range(0, len(people), GROUP)]
    parts: list[Portraits | None] = [None] * len(groups)

    def place(number: int, portraits: Portraits) -> None:
        """Their pictures exist once: in the pool."""
        start = number * GROUP * pictures
        pool = images[start : start + len(portraits.images)]
        parts[number] = replace(portraits, images=pool.copy_(portraits.images))

    for number, group in enumerate(groups):
        found = keep.find(group, asked) if keep else None
        if found is not None:
            place(number, found)
    missing = [number for number, part in enumerate(parts) if part is None]
    done = len(people) - sum(len(groups[number]) for number in missing)
    if done:
        say(f"kept: {done} of {len(people)} people in {keep.folder}")
    unseen = [i for number in missing for i in groups[number]]
    with closing(draw_people(people=unseen, processes=processes, **asked)) as one_by_one:
        for number in missing:
            drawn = joined(list(islice(one_by_one, len(groups[number]))))
            place(number, drawn)
            done += len(groups[number])
            say(f"drawn: {done} of {len(people)} people")
            if keep:
                keep.put(groups[number], asked, drawn)
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
        keep: where pictures are kept; of those that are drawn again only the latest.
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
        keep: KeptPortraits | None = None,
        say: Callable[[str], None] = print,
    ):
        part, parts = share
        if people < parts or pictures < 1:
            raise DataError(f"RenderedFaces: {people} people with {pictures} pictures are too few.")
        self.identities, self.pictures, self.size = people, pictures, size
        self.seed, self.renew, self.processes, self.say = seed, renew, processes, say
        self.keep = keep
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
            crop="aligned", first=number * self.pictures, processes=self.processes,
            keep=self.keep, say=self.say,
        )  # fmt: skip
        return pool.images, pool.identity, pool.actions
