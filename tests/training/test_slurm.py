"""Groups of folds on a real Slurm of one node, which is started for these tests."""

import subprocess
import time

import numpy as np
import pytest
from slurm_node import NoSlurmError, slurm_node

from painlab.config import TrainingConfig
from painlab.errors import PainLabError
from painlab.training.cluster import MissingFoldsError, submit_groups, wait_for_groups
from painlab.training.loso import gather, train_groups
from painlab.training.queues import SentJobs
from painlab.training.sending import Cluster, send_groups

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

LONGER = TrainingConfig(epochs=60, warm_up_epochs=1, batch=6, learning_rate=3e-3)
SLURM = Cluster(executor="slurm", jobs=2, cpus=1, memory=1, minutes=30, poll=1)


@pytest.fixture(scope="module", autouse=True)
def slurm():
    try:
        with slurm_node() as folder:
            yield folder
    except NoSlurmError as error:
        pytest.skip(f"no Slurm here: {error}")


def test_a_cancelled_job_is_named_and_the_same_command_finishes_it(plan, capsys):
    here, run = plan("here"), plan("there")
    train_groups(here)
    send_groups(run, SLURM)
    first, second = SentJobs.of(run).jobs
    subprocess.run(["scancel", second.number], check=True)
    with pytest.raises(MissingFoldsError) as failed:
        wait_for_groups(run, poll=1)
    assert "2 of 4 folds missing (person02, person03)" in str(failed.value)
    assert f"job {second.number} is gone" in str(failed.value)
    assert f"job {first.number} " not in str(failed.value)
    assert failed.value.result.missing == ("person02", "person03")

    result = submit_groups(run, SLURM)
    told = capsys.readouterr().out
    assert "1 job (" in told
    assert "jobs: 1 finished, 1 gone" in told
    expected = gather(here)
    assert result.subjects == expected.subjects
    assert np.array_equal(result.logits, expected.logits)


def test_a_job_whose_time_is_up_goes_on_in_the_queue(plan, capsys):
    """Slurm's warning (SIGUSR2) puts it into the queue again, and its checkpoint is used."""
    here, run = plan("here", LONGER), plan("there", LONGER)
    train_groups(here, [0])
    train_groups(run, [1])
    send_groups(run, SLURM, checkpoint_seconds=0)
    (job,) = SentJobs.of(run).jobs
    checkpoint = run.checkpoint(run.groups[0])
    while job.number in SentJobs.of(run).ask() and not checkpoint.exists():
        time.sleep(0.05)
    subprocess.run(["scancel", "--signal=USR2", job.number], check=True)
    # what was sent is not sent again, though it is not at work now
    result = submit_groups(run, SLURM)
    told = capsys.readouterr().out
    assert f"1 job ({job.number}) of this run sent before, and not sent again" in told
    assert "1 waiting (" in told
    assert np.array_equal(result.logits[: len(gather(here).logits)], gather(here).logits)
    log = (run.root / "jobs" / f"{job.number}_0_log.out").read_text()
    assert log.count(f"{run.root}: groups [0]") == 2


def test_what_slurm_refuses_is_told(plan):
    nowhere = Cluster(executor="slurm", jobs=2, partition="nowhere")
    with pytest.raises(PainLabError, match=r"a job was refused: .*[Ii]nvalid partition") as told:
        submit_groups(plan("there"), nowhere)
    assert "\n" not in str(told.value)
