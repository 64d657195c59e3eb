"""Sending groups of folds as jobs, to Slurm or to processes of this machine, through submitit."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from painlab.datasets.subjects import Subjects, choose_subjects
from painlab.datasets.tasks import Task, counted
from painlab.devices import count_cores
from painlab.errors import DataError, PainLabError
from painlab.training.queues import Job, SentJobs, named
from painlab.training.runs import LosoRun
from painlab.training.store import FeatureStore

POLL_SECONDS = {"local": 1.0, "slurm": 20.0}
NO_LIMIT = 10 * 365 * 24 * 60  # minutes; submitit's local executor knows no other way to say it
# Processes that were started here: Python complains of a child that is forgotten while it runs.
_STARTED: list = []
ONLY_SLURM = ("minutes", "memory", "partition", "gpus", "sbatch")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where jobs go, and what each of them is given.

    Args:
        executor: "slurm", or "local": processes of this machine, all at once.
        jobs: at most so many for a run.
        cpus: threads of a job; by default the cores of this machine are shared out (local), or
            what the cluster gives (slurm).
        gpus: 1 asks Slurm for a GPU; a job trains on one. Local jobs take turns on those there are.
        memory: gigabytes of a job.
        minutes: after which Slurm ends a job; 60 by default. submitit then puts it into the queue
            again, three times at most.
        partition: of the cluster.
        sbatch: other options of Slurm's sbatch, as ``{"account": "lab", "gres": "gpu:a100:1"}``.
        poll: seconds from one question to the next; by default 20, or 1 (local).

    Raises:
        DataError: for values that cannot be, and for options of Slurm that nothing else has.
    """

    executor: str = "local"
    jobs: int = 1
    cpus: int | None = None
    gpus: int | None = None
    memory: float | int | None = None
    minutes: int | None = None
    partition: str | None = None
    sbatch: Mapping[str, str] = field(default_factory=dict)
    poll: float | int | None = None

    def __post_init__(self):
        if self.executor not in POLL_SECONDS:
            raise DataError(f"there is no executor {self.executor!r}: choose local or slurm.")
        if self.executor != "slurm" and (given := [n for n in ONLY_SLURM if getattr(self, n)]):
            raise DataError(f"{', '.join(given)}: for Slurm only; leave out, or choose slurm.")
        for name in ("jobs", "cpus", "memory", "minutes", "poll"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise DataError(f"{name}={value}: give a number above 0.")
        if self.gpus not in (None, 0, 1):
            raise DataError(f"gpus={self.gpus}: a job trains on one GPU: ask for more jobs.")


def folds_of_a_job(
    store: FeatureStore, task: Task, *, jobs: int, subjects: Subjects | None = None
) -> int:
    """How many folds each of some jobs has, as `folds_at_once` of `plan_run`: a group a job."""
    names = {clip.subject for clip in store.clips if clip.level in task.levels}
    if subjects is not None:
        names &= choose_subjects(subjects, names)
    return max(1, -(-len(names) // jobs))


def send_groups(
    run: LosoRun,
    cluster: Cluster,
    *,
    device: str | None = None,
    keep_models: bool = False,
    checkpoint_seconds: float | int = 60,
    say: Callable[[str], None] = print,
) -> None:
    """Send the groups of a run that have no results and no job yet, and do not wait.

    Arguments and errors are those of `painlab.training.cluster.submit_groups`.
    """
    sent = SentJobs.of(run)
    there = sent.ask(slurm=cluster.executor == "slurm")
    alive = [job for job in sent.jobs if job.number in there]
    taken, done = {g for job in alive for g in job.groups}, run.results().keys()
    todo = [i for i, names in enumerate(run.groups) if i not in taken and not done >= set(names)]
    if alive:
        say(f"{run.root}: {named(alive)} of this run sent before, and not sent again.")
    sent.keep(alive)
    if not todo:
        return
    executor = _executor(cluster, sent)
    count = min(len(todo), max(1, cluster.jobs - len(alive)))
    for i in range(count):
        command = _command(
            run, todo[i::count], cluster, device=_device_of(i, cluster, device),
            keep_models=keep_models, checkpoint_seconds=checkpoint_seconds, count=count,
        )  # fmt: skip
        with _undisturbed():
            number = _send(executor, command, before=i)
            job = Job(number, cluster.executor, sent.host, tuple(todo[i::count]))
            sent.keep([*sent.jobs, job])
    say(f"{run.root}: {named(sent.jobs[len(alive) :])} sent; logs in {sent.logs}")


def _executor(cluster: Cluster, sent: SentJobs):
    """submitit's executor."""
    if not hasattr(signal, "SIGUSR2"):
        raise PainLabError("jobs need Linux or macOS: leave the executor out.")
    try:
        import submitit
    except ImportError as error:
        raise PainLabError("jobs are sent with submitit: pip install painlab[cluster].") from error
    slurm = cluster.executor == "slurm"
    if slurm and None in map(shutil.which, ("sbatch", "srun", "squeue")):
        raise PainLabError(
            "there is no Slurm here (no sbatch, srun or squeue): log in where there is, or choose "
            "the local executor."
        )
    executor = submitit.AutoExecutor(sent.logs, cluster=cluster.executor)
    executor.update_parameters(name=sent.name, timeout_min=NO_LIMIT)
    if slurm:
        executor.update_parameters(
            timeout_min=cluster.minutes or 60, cpus_per_task=cluster.cpus,
            gpus_per_node=cluster.gpus or None, mem_gb=cluster.memory,
            slurm_partition=cluster.partition,
            slurm_additional_parameters=dict(cluster.sbatch) or None,
            # since 22.05 a step has one core unless it is told again
            slurm_srun_args=[f"--cpus-per-task={cluster.cpus}"] if cluster.cpus else None,
        )  # fmt: skip
    return executor


def _device_of(number: int, cluster: Cluster, device: str | None) -> str | None:
    """The device of a job; local ones take turns where there are several GPUs."""
    if cluster.executor == "slurm" or device is not None or not torch.cuda.is_available():
        return device
    return f"cuda:{number % torch.cuda.device_count()}"


def _command(
    run: LosoRun, groups: list[int], cluster: Cluster, *, device: str | None, keep_models: bool,
    checkpoint_seconds: float | int, count: int,
) -> list[str]:  # fmt: skip
    """What a job runs."""
    command = [sys.executable, "-m", "painlab.training.cluster_job", str(run.root.resolve())]
    command += ["--groups", *map(str, groups), "--checkpoint-seconds", str(checkpoint_seconds)]
    command += ["--device", device] if device else []
    command += ["--keep-models"] if keep_models else []
    threads = cluster.cpus
    if cluster.executor == "local":
        threads = threads or max(1, count_cores() // count)
        command += ["--gpus-seen", os.environ.get("CUDA_VISIBLE_DEVICES", "all")]
    return [*command, "--threads", str(threads)] if threads else command


def _send(executor, command: list[str], *, before: int) -> str:
    """Send one job; its number."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError
    from submitit.helpers import CommandFunction, FunctionSequence

    job = FunctionSequence()  # which submitit sends again when the time is up, as a command is not
    job.add(CommandFunction(command))
    try:
        _STARTED.append(executor.submit(job))
    except (FailedJobError, FailedSubmissionError, OSError) as error:
        told = " ".join(str(error).split())
        sent = f" after {counted(before, 'job')}, which go on" if before else ""
        raise PainLabError(f"a job was refused{sent}: {told}") from error
    return _STARTED[-1].job_id


def forget_ended() -> None:
    """Let go of the local jobs that have ended, and of Slurm's, which are no children."""
    _STARTED[:] = [job for job in _STARTED if hasattr(job, "_process") and not job.done()]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C comes after the block; what is started in it hears neither Ctrl-C nor the hang-up."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
