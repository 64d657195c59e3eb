"""What is told while the jobs of a run are waited for, and when some of them failed."""

import time
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from painlab.datasets.tasks import counted
from painlab.training.queues import Job, SentJobs
from painlab.training.runs import LosoRun

SECONDS_OF_SILENCE = 60  # after which a line is said though nothing came or went


class Progress:
    """How far the jobs of a run are, in lines of text."""

    def __init__(self, run: LosoRun, *, say: Callable[[str], None]):
        self.run, self.say = run, say
        self.begin: tuple[float, float] | None = None  # when a job was first seen at work: time
        self.told: tuple[float, str] = (float("-inf"), "")  # and share; what was said last, when

    def tell(self, jobs: list[Job], there: dict[str, str], done: Collection[str]) -> None:
        """Say a line where something came or went, or all was quiet for long."""
        now, share = time.monotonic(), trained_share(self.run, done)
        if self.begin is None and "running" in there.values():
            self.begin = now, share
        states = Counter(there[job.number] for job in jobs if job.number in there)
        for job in jobs:
            if job.number not in there:
                finished = set(done) >= {n for g in job.groups for n in self.run.groups[g]}
                states["finished" if finished else "gone"] += 1
        count = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        task, folds = self.run.settings["task"]["name"], len(self.run.folds)
        news = f"{task}: {len(done)} of {counted(folds, 'fold')} trained; jobs: {count or 'none'}"
        if news != self.told[1] or now - self.told[0] >= SECONDS_OF_SILENCE:
            self.told = now, news
            self.say(f"{news}; {100 * share:.0f} % of all steps{self._left(now, share)}")

    def _left(self, now: float, share: float) -> str:
        """The time left, if it goes on as it did since a job was first seen at work."""
        from tqdm import tqdm

        if self.begin is None or share <= self.begin[1] or share >= 1:
            return ""
        pace = (share - self.begin[1]) / (now - self.begin[0])
        return f", {tqdm.format_interval((1 - share) / pace)} left at this pace"


def trained_share(run: LosoRun, done: Collection[str]) -> float:
    """The share of a run's steps that are done, as its results and checkpoints tell."""
    folds = float(len(set(done)))
    for group in run.groups:
        if left := [name for name in group if name not in done]:
            folds += len(left) * _steps_done(run.checkpoint(left)) / run.settings["steps"][1]
    return folds / len(run.folds)


def _steps_done(checkpoint: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(checkpoint, "pt") as file:
            return int(file.metadata()["step"])
    except (OSError, SafetensorError):  # none yet, or none any more: this is only a forecast
        return 0


def missing_message(run: LosoRun, jobs: list[Job], sent: SentJobs, done: Collection[str]) -> str:
    """Which folds are missing, what became of their jobs, and what to do."""
    missing = [name for name in run.folds if name not in done]
    lost = [j for j in jobs if any(n in missing for g in j.groups for n in run.groups[g])]
    told = "; ".join(f"job {job.number} is gone: {_last_words(sent.log_of(job))}" for job in lost)
    return (
        f"{run.root}: {len(missing)} of {counted(len(run.folds), 'fold')} missing "
        f"({', '.join(missing)}). {told or 'No job of theirs is left'}. The same command sends "
        "them again; they go on from their checkpoints."
    )


def _last_words(log: Path) -> str:
    """The end of a job's log."""
    if not log.exists():
        return f"it wrote no log ({log})"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    for who in ("painlab:", "slurmstepd", ""):  # what we say of an error, then what Slurm says
        if own := [line for line in lines if line.startswith(who)]:
            return f"{own[-1]} ({log})"
    return f"it said nothing ({log})"
