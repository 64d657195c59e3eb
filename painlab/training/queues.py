"""The jobs of a run: which were sent, kept in its folder, and which of them are still there.

A job of Slurm is looked for in its queue (``squeue``), one of this machine among the processes.
Nothing is asked of Slurm's accounts, which many clusters do not keep.
"""

import json
import os
import socket
import subprocess
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from painlab.datasets.tasks import counted
from painlab.errors import DataError, PainLabError
from painlab.training.json_files import write_json
from painlab.training.runs import LosoRun

JOBS = "jobs.json"
LOGS = "jobs"  # the folder of what submitit writes: logs, and files that tell a job what to run
SECONDS_FOR_AN_ANSWER = 60
AT_WORK = {"RUNNING", "COMPLETING"}  # among the states of squeue


class NoAnswerError(PainLabError):
    """Slurm's queue does not answer now; it may later."""


@dataclass(frozen=True)
class Job:
    """A job that was sent."""

    number: str  # Slurm's, or that of a process
    executor: str
    host: str  # that it was sent from
    groups: tuple[int, ...]  # of folds: numbers in the run's ``groups``


@dataclass
class SentJobs:
    """The jobs of a run, as its folder keeps them.

    ``name`` is what Slurm calls all of them: a job of that name belongs to this run.
    """

    run: LosoRun
    name: str
    jobs: list[Job]

    @classmethod
    def of(cls, run: LosoRun) -> "SentJobs":
        """What the run's folder tells; no jobs where it tells nothing.

        Raises:
            DataError: where the file is damaged.
        """
        path = run.root / JOBS
        if not path.exists():
            return cls(run, f"painlab-{uuid.uuid4().hex[:12]}", [])
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            jobs = [Job(**{**job, "groups": tuple(job["groups"])}) for job in told["jobs"]]
            return cls(run, str(told["name"]), jobs)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is damaged ({error}): remove it once no job of this run is left."
            ) from error

    def keep(self, jobs: list[Job]) -> None:
        """Write down that these are the jobs of the run now; whole or not at all."""
        self.jobs = list(jobs)
        write_json(self.run.root / JOBS, {"name": self.name, "jobs": [asdict(job) for job in jobs]})

    @property
    def host(self) -> str:
        """This machine."""
        return socket.gethostname()

    @property
    def logs(self) -> Path:
        """The folder of the logs."""
        return self.run.root.resolve() / LOGS

    def log_of(self, job: Job) -> Path:
        """Where a job says what went wrong."""
        return self.logs / f"{job.number}_0_log.err"

    def ask(self, *, slurm: bool = False) -> dict[str, str]:
        """The jobs that are still there: "running", or "waiting" with Slurm's reason, by number.

        Args:
            slurm: jobs are about to be sent to Slurm: ask it in any case, and refuse jobs of this
                run that are not among those kept.

        Raises:
            NoAnswerError: where Slurm does not answer.
            PainLabError: where a job cannot be asked for here, or is not among those kept.
        """
        there = {
            job.number: "running"
            for job in self.jobs
            if job.executor == "local" and self._here(job)
        }
        known = {job.number for job in self.jobs if job.executor == "slurm"}
        if slurm or known:
            queue = _queue(self.name)
            # one was sent, and its sender killed before it could write that down
            strange = sorted(queue.keys() - known)
            if slurm and strange:
                raise PainLabError(
                    f"Slurm has a job of {self.run.root} that {JOBS} does not tell of: "
                    f"scancel {' '.join(strange)}, then give the same command."
                )
            there |= queue
        return there

    def _here(self, job: Job) -> bool:
        if job.host != self.host:
            raise PainLabError(
                f"{self.run.root / JOBS} tells of jobs on {job.host}: wait for them there, or "
                "remove that file if they have ended."
            )
        return _is_running(job.number, self.logs)


def named(jobs: list[Job]) -> str:
    """Some jobs in words."""
    numbers = ", ".join(job.number for job in jobs)
    return f"{counted(len(jobs), 'job')} ({numbers})"


def _queue(name: str) -> dict[str, str]:
    """The jobs of that name in Slurm's queue."""
    command = ["squeue", "--noheader", f"--name={name}", "--format=%i|%T|%r"]
    # what a user likes to see of the queue by default, as SQUEUE_STATES, would hide some
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SQUEUE_")}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False,
            timeout=SECONDS_FOR_AN_ANSWER,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise PainLabError(
            "there is no squeue here: jobs of Slurm are sent and waited for on a machine that has "
            "it."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError(
            f"Slurm does not answer (squeue said nothing for {SECONDS_FOR_AN_ANSWER} s)"
        ) from error
    if done.returncode:
        told = " ".join(done.stderr.split()) or f"squeue ends with status {done.returncode}"
        raise NoAnswerError(f"Slurm does not answer ({told})")
    lines = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == 2]
    return {
        number: "running" if state in AT_WORK else f"waiting ({reason})"
        for number, state, reason in lines
    }


def _is_running(number: str, folder: Path) -> bool:
    """Whether a process is alive, and is one of submitit's for this folder.

    The number alone would not do: it is given to another process some day.
    """
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{number}/cmdline").read_bytes()  # empty for one that has ended
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        command = ["ps", "-ww", "-p", number, "-o", "args="]
        words = subprocess.run(command, capture_output=True, check=False).stdout
    return os.fsencode(folder) in words
