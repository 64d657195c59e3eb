"""What a job of a cluster runs: ``python -m painlab.training.cluster_job RUN --groups 0 3``.

It trains the folds of some groups of a run that have no results yet, and goes on from their
checkpoints. Its status is 0 only when all of them are trained.
"""

import argparse
import os
import signal
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Train, and give the exit status."""
    parser = argparse.ArgumentParser(prog="painlab.training.cluster_job", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--groups", type=int, nargs="+", required=True)
    parser.add_argument("--keep-models", action="store_true")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0)
    parser.add_argument("--device")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--gpus-seen", help="CUDA_VISIBLE_DEVICES of the machine's own processes")
    options = parser.parse_args(arguments)
    if options.gpus_seen is not None:  # submitit hides all GPUs from a job of this machine
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if options.gpus_seen != "all":
            os.environ["CUDA_VISIBLE_DEVICES"] = options.gpus_seen
    # Slurm warns all processes of a job before its time is up. submitit, which started this one,
    # then puts the job into the queue again; this one has its checkpoints.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)

    import torch

    from painlab.errors import PainLabError
    from painlab.training.loso import train_groups
    from painlab.training.runs import LosoRun

    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        run = LosoRun(options.run)
        print(f"{run.root}: groups {options.groups}", flush=True)
        train_groups(
            run, options.groups, keep_models=options.keep_models, device=options.device,
            checkpoint_seconds=options.checkpoint_seconds,
        )  # fmt: skip
    except PainLabError as error:
        print(f"painlab: {error}", file=sys.stderr)
        return 1
    print("trained", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
