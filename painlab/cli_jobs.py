"""The options of ``painlab loso`` that train folds in jobs, past one machine."""

from painlab.errors import DataError

JOBS_STAY = "its jobs go on, and what they train comes to {out}"


def add_job_options(command) -> None:
    """Add them to the command."""
    group = command.add_argument_group(
        "past one machine",
        "Train the folds in jobs, and wait for them (pip install painlab[cluster]). STORE and "
        "FOLDER must lie where all machines see them. Ctrl-C leaves the jobs at work; the same "
        "command waits for them again, sends none twice, and sends anew what was killed.",
    )
    group.add_argument(
        "--executor", choices=("slurm", "local"),
        help="send jobs to a Slurm cluster, or start them as processes of this machine (default: "
        "no jobs, all in this process)",
    )  # fmt: skip
    group.add_argument(
        "--jobs", metavar="N", type=int, help="of a task; each trains its share of the folds"
    )
    group.add_argument("--cpus", metavar="N", type=int, help="threads of a job")
    group.add_argument("--gpus", metavar="N", type=int, help="of a Slurm job: 1 or 0")
    group.add_argument("--memory", metavar="GB", type=float, help="of a Slurm job")
    group.add_argument(
        "--minutes", metavar="M", type=int,
        help="of a Slurm job, which goes on in the queue's next turn when they are over, three "
        "times at most (default: 60)",
    )  # fmt: skip
    group.add_argument("--partition", metavar="P", help="of the Slurm cluster")
    group.add_argument(
        "--sbatch", metavar="NAME=VALUE", action="append", default=[],
        help="any other option of sbatch, as account=lab or gres=gpu:a100:1; may be repeated",
    )  # fmt: skip


def cluster_of(options):
    """Where the options send jobs to; None where they send none."""
    from painlab.training.sending import Cluster

    names = ("jobs", "cpus", "gpus", "memory", "minutes", "partition", "sbatch")
    given = {name: getattr(options, name) for name in names}
    given = {name: value for name, value in given.items() if value not in (None, [])}
    if options.executor is None:
        if given:
            raise DataError(f"--{', --'.join(given)}: of jobs only; give --executor too.")
        return None
    pairs = [option.lstrip("-").partition("=") for option in options.sbatch]
    if wrong := [name for name, _, value in pairs if not name or not value]:
        raise DataError(f"--sbatch {wrong[0]}: give NAME=VALUE, as account=lab.")
    return Cluster(
        **{"jobs": 1, **given, "sbatch": {name: value for name, _, value in pairs}},
        executor=options.executor,
    )


def refuse_beside_jobs(options, names) -> None:
    """The folds of a run are not trained here while jobs train them too."""
    from painlab.training.queues import JOBS, SentJobs
    from painlab.training.runs import LosoRun

    for task in names:
        if (options.out / task / JOBS).exists():
            there = SentJobs.of(LosoRun(options.out / task)).ask()
            if there:
                raise DataError(
                    f"{options.out / task}: jobs of this run are at work ({', '.join(there)}): "
                    "give --executor too and wait for them, or end them."
                )
