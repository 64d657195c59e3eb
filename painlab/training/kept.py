"""Portraits kept on a disk, so that a run that goes on need not draw them again."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import torch

from painlab.alignment import embedded, pose, warp
from painlab.datasets.synthpain import portraits as drawing
from painlab.datasets.synthpain.portraits import Portraits
from painlab.datasets.synthpain.settings import programs_digest
from painlab.errors import DataError
from painlab.weights import write_tensors

GROUP = 50  # people in a file: seconds to draw, and some 100 to 300 MB


class KeptPortraits:
    """A folder of portraits, a file for each group of people.

    A file tells of what its pictures are, and of which programs. One that is damaged, or of other
    pictures, is not taken: it is drawn anew and written over, so that the folder holds one pool.

    Args:
        folder: made where it is missing.
        after: called after each file that was written; it may raise to stop there.
        say: told of files that are not taken.
    """

    def __init__(
        self,
        folder: Path,
        *,
        after: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = print,
    ):
        self.folder, self.after, self.say = folder, after, say
        self._told: set[tuple[str, ...]] = set()

    def find(self, people: Sequence[int], asked: dict) -> Portraits | None:
        """The portraits of these people that were kept, or None where they have to be drawn.

        Args:
            people: a group, in order.
            asked: what else decides them, as `draw_people` takes it.
        """
        from safetensors import SafetensorError, safe_open

        path = self._path(people)
        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as file:
                was = json.loads((file.metadata() or {})["portraits"])
                now = _told_of(people, asked)
                if was != now:
                    keys = was.keys() | now.keys()
                    self._refuse(sorted(k for k in keys if was.get(k) != now.get(k)))
                    return None
                found = Portraits(**{f.name: file.get_tensor(f.name) for f in fields(Portraits)})
        except (SafetensorError, OSError, KeyError, ValueError, AttributeError) as error:
            self.say(f"{path} is damaged ({error}): its portraits are drawn anew.")
            return None
        return found

    def put(self, people: Sequence[int], asked: dict, portraits: Portraits) -> None:
        """Write a group's file, whole or not at all.

        Raises:
            DataError: where the folder cannot be made.
            WeightsError: where the file cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be made ({error.strerror}).") from error
        tensors = {f.name: getattr(portraits, f.name) for f in fields(Portraits)}
        told = json.dumps(_told_of(people, asked), sort_keys=True)
        write_tensors(self._path(people), tensors, metadata={"portraits": told})
        self.after()

    def _path(self, people: Sequence[int]) -> Path:
        return self.folder / f"people-{people[0]:05d}-{people[-1]:05d}.safetensors"

    def _refuse(self, differ: list[str]) -> None:
        """Say once why files are not taken; that a pool is renewed is no news."""
        if differ != ["first"] and tuple(differ) not in self._told:
            self._told.add(tuple(differ))
            self.say(
                f"{self.folder} holds other portraits ({', '.join(differ)}): they are drawn anew."
            )


def _told_of(people: Sequence[int], asked: dict) -> dict:
    """What a file says of itself."""
    return {"people": list(people), **asked, "programs": _programs()}


@lru_cache
def _programs() -> str:
    """A fingerprint of all that portraits are made by: the renderer, portraits, poses and crops."""
    digest = hashlib.sha256(programs_digest().encode())
    for module in (drawing, embedded, pose, warp):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()[:16]


def joined(parts: Sequence[Portraits]) -> Portraits:
    """Portraits one after another as one."""
    names = [field.name for field in fields(Portraits)]
    return Portraits(**{n: torch.cat([getattr(part, n) for part in parts]) for n in names})
