"""Leave-one-subject-out past one machine: groups of folds as jobs, and waiting for them.

A job is a command, ``python -m painlab.training.cluster_job RUN --groups ...``, in submitit's own
wrapper: submitit pickles and unpickles that wrapper, which holds a few words, and nothing of
painlab's. Results come through the run's folder (`painlab.training.runs`), never through submitit,
so that a job that is killed, cancelled or lost costs its own folds only, and those from their last
checkpoint.
"""

import time
from collections.abc import Callable

from painlab.errors import PainLabError
from painlab.training.loso import gather
from painlab.training.queues import Job, NoAnswerError, SentJobs, named
from painlab.training.results import LosoResult
from painlab.training.runs import LosoRun
from painlab.training.sending import POLL_SECONDS, Cluster, forget_ended, send_groups
from painlab.training.waiting import Progress, missing_message


class MissingFoldsError(PainLabError):
    """All jobs of a run are gone, and some folds have no results.

    Attributes:
        result: what the other folds found; None where there is none.
    """

    def __init__(self, message: str, result: LosoResult | None):
        super().__init__(message)
        self.result = result


def submit_groups(
    run: LosoRun,
    cluster: Cluster,
    *,
    device: str | None = None,
    keep_models: bool = False,
    checkpoint_seconds: float | int = 60,
    say: Callable[[str], None] = print,
) -> LosoResult:
    """Train the folds of a run that have no results yet in jobs, and wait for them.

    It can be stopped (Ctrl-C) and called again: the jobs go on meanwhile, and none is sent twice.
    What a killed job had not finished is sent again, and goes on from its checkpoint.

    Args:
        run: of `plan_run`. Its folder and its store must be visible to all machines of a cluster.
        cluster: where to, and with what.
        device: of each job; a GPU where there is one if None.
        keep_models: also keep the trained model of each fold in the folder.
        checkpoint_seconds: from one checkpoint to the next.
        say: told how far the jobs are.

    Raises:
        MissingFoldsError: where all jobs are gone and folds are missing; it names them, and the
            logs of their jobs, and has what the others found.
        PainLabError: where jobs cannot be sent or asked for.
    """
    send_groups(
        run, cluster, device=device, keep_models=keep_models,
        checkpoint_seconds=checkpoint_seconds, say=say,
    )  # fmt: skip
    return wait_for_groups(run, poll=cluster.poll, say=say)


def wait_for_groups(
    run: LosoRun, *, poll: float | int | None = None, say: Callable[[str], None] = print
) -> LosoResult:
    """Wait until all folds have results, or no job of the run is left; gather what there is.

    Whether a job is left is asked of the queue, whether it did its work is seen from the results.

    Raises:
        MissingFoldsError, PainLabError: as for `submit_groups`.
    """
    sent = SentJobs.of(run)
    jobs, progress, silent = list(sent.jobs), Progress(run, say=say), False
    poll = poll or max((POLL_SECONDS[job.executor] for job in jobs), default=1.0)
    unseen: set[str] = set()  # jobs that were not there when last asked for
    try:
        while True:
            try:
                there = sent.ask()
                silent = False
            except NoAnswerError as error:
                if not silent:
                    say(f"{error}; asking again every {poll:g} s.")
                there, silent = None, True
            # after the question: a job that was gone then had written its results before
            done = run.results()
            if there is not None:
                progress.tell(jobs, there, done)
            # one of Slurm's may still be cleared away for long, one of this machine ends at once
            near = {job.number for job in jobs if job.executor == "local"}
            if done.keys() >= set(run.folds) and not near & (there or {}).keys():
                break
            if there is not None:
                # twice, as a disk of a network shows what others wrote a little later
                gone = {job.number for job in jobs} - there.keys()
                if gone & unseen == {job.number for job in jobs}:
                    break
                unseen = gone
            time.sleep(poll)
    except KeyboardInterrupt:
        say(_how_to_come_back(run, jobs))
        raise
    forget_ended()
    ended = {job.number for job in jobs} - (there or {}).keys()
    latest = SentJobs.of(run)
    latest.keep([job for job in latest.jobs if job.number not in ended])
    result = gather(run) if done else None
    if result is None or result.missing:
        raise MissingFoldsError(missing_message(run, jobs, sent, done), result)
    return result


def _how_to_come_back(run: LosoRun, jobs: list[Job]) -> str:
    slurm = " ".join(job.number for job in jobs if job.executor == "slurm")
    how = f"scancel {slurm}" if slurm else f"pkill -f 'cluster_job {run.root.resolve()} '"
    return (
        f"{run.root}: no longer waiting, but {named(jobs)} go on. The same command waits for them "
        f"again and sends none twice. To end them: {how}"
    )
