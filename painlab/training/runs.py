"""The folder of a leave-one-subject-out run: what it is, which folds are trained together, results.

A group of folds is trained together and its results are one file, which is there whole or not at
all. So a run can be killed at any moment, and many machines can work on the groups of one run.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from os import PathLike
from pathlib import Path

from painlab import __version__
from painlab.errors import DataError
from painlab.training.json_files import write_json

RUN = "run.json"
LOCK_SECONDS = 5.0  # a job that was ended may take a while to go
PLACE = "store"  # the one setting that decides nothing: where the features lie


class LosoRun:
    """A run's folder.

    Args:
        root: the folder.

    Raises:
        DataError: where there is no run, or what tells of it cannot be read.
    """

    def __init__(self, root: str | PathLike):
        self.root = Path(root)
        path = self.root / RUN
        if not path.exists():
            raise DataError(f"{root} holds no run: there is no {RUN}.")
        told = _read(path)
        try:
            self.settings: dict = dict(told["settings"])
            self.groups: list[list[str]] = [list(group) for group in told["groups"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is damaged, or tells of no run ({error}).") from error

    @classmethod
    def begin(cls, root: str | PathLike, settings: dict, groups: list[list[str]]) -> "LosoRun":
        """The run of a folder to go on with, or a new one.

        A run that goes on keeps its groups: other groups are rounded otherwise. Its store may lie
        elsewhere by now.

        Raises:
            DataError: where the folder's run has other settings or folds, or cannot be written to.
        """
        root, settings = Path(root), json.loads(json.dumps(settings))
        told = {"painlab": __version__, "settings": settings, "groups": groups}
        if (root / RUN).exists():
            run = cls(root)
            was = run.settings
            differ = sorted(
                k for k in (was.keys() | settings.keys()) - {PLACE} if was.get(k) != settings.get(k)
            )
            if sorted(run.folds) != sorted(chain(*groups)):
                differ.append("folds")
            if differ:
                raise DataError(
                    f"{root} holds a run that differs in its {', '.join(differ)}: give another "
                    "folder, or remove this one. (Another painlab may have other presets.)"
                )
            if was.get(PLACE) == settings.get(PLACE):
                return run
            told["groups"] = run.groups
        write_json(root / RUN, told)
        return cls(root)

    @property
    def folds(self) -> list[str]:
        """The subjects that are left out in turn."""
        return list(chain(*self.groups))

    @property
    def key(self) -> str:
        """A digest of the settings, which each result carries."""
        return _digest({k: v for k, v in self.settings.items() if k != PLACE})[:16]

    def checkpoint(self, folds: list[str]) -> Path:
        """Where the training of these folds is kept while it lasts."""
        return self.root / f"{self._name(folds)}.checkpoint.safetensors"

    def model_of(self, fold: str) -> Path:
        """Where the trained model of a fold is kept, if it is."""
        return self.root / f"model-{self.folds.index(fold):03d}.safetensors"

    @contextmanager
    def reserved(self, groups: list[list[str]]) -> Iterator[None]:
        """While it lasts no other process trains the folds of these groups: a lock file for each.

        The system takes a lock from a process that is killed; the file may stay and means nothing.

        Raises:
            DataError: where another process is training some of them, or no lock can be made.
        """
        from filelock import FileLock, Timeout

        with ExitStack() as locks:
            for group in groups:
                lock = FileLock(self.root / self._name(group, what="lock"))
                try:
                    locks.enter_context(lock.acquire(timeout=LOCK_SECONDS))
                except Timeout as error:
                    raise DataError(
                        f"{self.root}: another process is training the folds {group[0]} to "
                        f"{group[-1]}: wait for it, or end it."
                    ) from error
                except (OSError, NotImplementedError) as error:
                    raise DataError(f"{lock.lock_file}: cannot be written ({error}).") from error
            yield

    def put(self, folds: list[str], told: dict) -> None:
        """Keep the results of a group, and remove its checkpoint.

        Raises:
            DataError: where they cannot be written.
        """
        told = json.loads(json.dumps({"run": self.key, **told}))
        write_json(self.root / f"{self._name(folds)}.json", {**told, "sha256": _digest(told)})
        self.forget(folds)

    def forget(self, folds: list[str]) -> None:
        """Remove the checkpoint of a group that needs it no more, and what was half-written."""
        path = self.checkpoint(folds)
        for at in (path, path.with_name(path.name + ".part")):
            at.unlink(missing_ok=True)

    def results(self) -> dict[str, dict]:
        """The results of all folds that are trained, by the subject that is left out.

        Raises:
            DataError: names a damaged file.
        """
        found = {}
        for path in sorted(self.root.glob("folds-*.json")):
            told = _read(path)
            if told.pop("sha256", None) != _digest(told):
                raise DataError(f"{path} is damaged: remove it, and its folds are trained anew.")
            if told["run"] != self.key:
                raise DataError(f"{path} is of a run with other settings: remove it.")
            found |= {fold["subject"]: {**fold, **told["about"]} for fold in told["folds"]}
        return found

    def left(self, group: list[str]) -> list[str]:
        """The folds of a group that have no results yet."""
        done = self.results()
        return [name for name in group if name not in done]

    def _name(self, folds: list[str], *, what: str = "folds") -> str:
        first, last = self.folds.index(folds[0]), self.folds.index(folds[-1])
        return f"{what}-{first:03d}-{last:03d}"


def _digest(told: dict) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} is damaged or cannot be read ({error}): remove it, and what it told is made "
            "anew."
        ) from error
