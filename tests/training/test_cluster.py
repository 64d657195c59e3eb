"""Groups of folds as jobs: what they find, what is told, what is sent again and what is not."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from planted import planted_store

import painlab as pl
from painlab.cli import main
from painlab.errors import DataError, PainLabError
from painlab.training import cluster, cluster_job, sending, waiting
from painlab.training.cluster import MissingFoldsError, submit_groups, wait_for_groups
from painlab.training.loso import gather, train_groups
from painlab.training.queues import Job, NoAnswerError, SentJobs
from painlab.training.sending import Cluster, folds_of_a_job, send_groups
from painlab.weights import write_tensors

pytestmark = pytest.mark.usefixtures("one_thread")

LOCAL = Cluster(executor="local", jobs=2, cpus=1, poll=0.2)
SLURM = Cluster(executor="slurm", jobs=2, poll=0.01)


def job(number, groups=(0,), executor="slurm"):
    return Job(str(number), executor, os.uname().nodename, tuple(groups))


def gone(*numbers, within):
    """Whether these processes have come to their end, some seconds from now."""
    end = time.monotonic() + within
    while alive := any(is_alive(number) for number in numbers):
        if time.monotonic() >= end:
            break
        time.sleep(0.1)
    return not alive


def is_alive(number):
    try:
        return bool(Path(f"/proc/{number}/cmdline").read_bytes())  # empty where nobody waited
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
class TestLocalJobs:
    def test_they_find_what_this_process_finds(self, plan):
        here, run, said = plan("here"), plan("there"), []
        train_groups(here)
        found, expected = submit_groups(run, LOCAL, say=said.append), gather(here)
        assert np.array_equal(found.logits, expected.logits)
        assert found.subjects == expected.subjects
        assert "2 jobs" in said[0]
        assert said[-1].startswith("NP-P4: 4 of 4 folds trained; jobs: 2 finished; 100 %")
        assert SentJobs.of(run).jobs == []

        said.clear()
        again = submit_groups(run, LOCAL, say=said.append)
        assert np.array_equal(again.logits, expected.logits)
        assert not any("sent" in line for line in said)

    def test_a_failed_job_is_named_and_sent_again(self, plan, tmp_path):
        run = plan()
        train_groups(run, [0])
        (tmp_path / "store").rename(tmp_path / "elsewhere")
        with pytest.raises(MissingFoldsError) as failed:
            submit_groups(run, LOCAL, say=lambda text: None)
        told = str(failed.value)
        (log,) = (run.root / "jobs").glob("*.err")  # the group that was trained was not sent
        assert "2 of 4 folds missing (person02, person03)" in told
        assert f"job {log.name.split('_')[0]} is gone: painlab: " in told
        assert str(tmp_path / "store") in told
        assert str(log) in told
        assert failed.value.result.missing == ("person02", "person03")
        assert set(failed.value.result.subjects) == {"person00", "person01"}

        (tmp_path / "elsewhere").rename(tmp_path / "store")
        result = submit_groups(run, replace(LOCAL, jobs=1), say=lambda text: None)
        assert result.missing == ()

    def test_ctrl_c_leaves_them_at_work(self, plan, tmp_path, capsys, monkeypatch):
        store, out = plan("other").settings["store"], tmp_path / "out"
        alone = ["loso", store, "--task", "NP-P4", "--quick", "--epochs", "2", "--out", str(out)]
        in_jobs = [*alone, "--executor", "local", "--jobs", "2", "--cpus", "1"]
        folder = out / "NP-P4"
        # a terminal's Ctrl-C reaches all processes of a group: those of the jobs too
        # (and a pipe would be open until they end)
        with (tmp_path / "told").open("w") as told:
            waits = subprocess.Popen(
                [sys.executable, "-m", "painlab", *in_jobs], start_new_session=True,
                stdout=told, stderr=told,
            )  # fmt: skip
            while waits.poll() is None and not list(folder.glob("jobs/*_0_log.out")):
                time.sleep(0.05)
            os.killpg(waits.pid, signal.SIGINT)
            waits.wait()
        told = (tmp_path / "told").read_text()
        assert waits.returncode == 130, told
        assert told.splitlines()[-1].startswith("painlab: stopped; its jobs go on")
        jobs = json.loads((folder / "jobs.json").read_text())["jobs"]
        numbers = [int(one["number"]) for one in jobs]
        assert numbers

        def signal_all(which):
            for number in numbers:
                os.kill(number, which)

        signal_all(signal.SIGSTOP)  # so that they surely are at work yet, when they are asked for

        def wake_and_sleep(seconds):
            signal_all(signal.SIGCONT)
            monkeypatch.setattr(cluster, "time", time)

        try:
            assert main(alone) == 1
            assert "jobs of this run are at work" in capsys.readouterr().err
            monkeypatch.setattr(cluster, "time", SimpleNamespace(sleep=wake_and_sleep))
            assert main(in_jobs) == 0
        finally:
            if not gone(*numbers, within=0):
                signal_all(signal.SIGCONT)
        told = capsys.readouterr()
        assert "fewest right" in told.out
        assert f"({', '.join(map(str, numbers))}) of this run sent before" in told.err
        assert (folder / "result.json").exists()
        logs = {int(path.name.split("_")[0]) for path in folder.glob("jobs/*.err")}
        assert len(logs) == 2  # each group was sent once
        assert set(numbers) <= logs
        assert gone(*numbers, within=60)


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A squeue that gives the answers it is told, one after the other, the last for ever."""
    program, answers = tmp_path / "bin" / "squeue", tmp_path / "answers"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nset -- "$@" "states=$SQUEUE_STATES"\n'
        f'echo "$@" >> {tmp_path}/asked\n'
        f"n=$(wc -l < {tmp_path}/asked)\n[ -e {answers}/$n ] || n=last\n"
        f"cat {answers}/$n\n[ -s {answers}/$n ] || [ $n = last ] || {{ echo away >&2; exit 1; }}\n"
    )
    program.chmod(0o755)
    answers.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def answer(*lines, last=""):
        for number, text in enumerate(lines, start=1):
            (answers / str(number)).write_text(text)
        (answers / "last").write_text(last)
        (tmp_path / "asked").write_text("")
        return lambda: (tmp_path / "asked").read_text().splitlines()

    return answer


class TestQueue:
    def test_slurm_is_asked_by_name_and_tells_why_jobs_wait(self, plan, squeue, monkeypatch):
        monkeypatch.setenv("SQUEUE_STATES", "RUNNING")
        asked = squeue(last="4|RUNNING|None\n5|PENDING|Resources\n6|COMPLETING|None\n")
        sent = SentJobs.of(plan())
        sent.keep([job(4), job(5), job(6), job(7)])
        there = SentJobs.of(sent.run).ask()
        assert there == {"4": "running", "5": "waiting (Resources)", "6": "running"}
        (question,) = asked()
        assert f"--name={sent.name} " in question
        assert question.endswith("states=")

    def test_nobody_is_asked_where_nothing_was_sent(self, plan, squeue):
        asked = squeue(last="4|RUNNING|None\n")
        assert SentJobs.of(plan()).ask() == {}
        assert asked() == []

    def test_jobs_that_nobody_wrote_down_are_refused(self, plan, squeue):
        squeue(last="4|RUNNING|None\n9|PENDING|Priority\n")
        run = plan()
        SentJobs.of(run).keep([job(4)])
        with pytest.raises(PainLabError, match=r"jobs.json does not tell of: scancel 9, then"):
            send_groups(run, SLURM)
        assert SentJobs.of(run).jobs == [job(4)]

    def test_nothing_is_sent_where_slurm_does_not_answer(self, plan, squeue):
        squeue("", "")
        with pytest.raises(NoAnswerError, match=r"Slurm does not answer \(away\)"):
            send_groups(plan(), SLURM)

    def test_jobs_in_the_queue_are_not_sent_twice(self, plan, squeue):
        squeue(last="4|PENDING|Priority\n5|RUNNING|None\n")
        run, said = plan(), []
        SentJobs.of(run).keep([job(4, [0]), job(5, [1])])
        send_groups(run, SLURM, say=said.append)
        assert said == [f"{run.root}: 2 jobs (4, 5) of this run sent before, and not sent again."]
        assert len(SentJobs.of(run).jobs) == 2

    def test_a_silent_slurm_is_waited_for(self, plan, squeue):
        """A queue that does not answer is not an empty one."""
        run, said = plan(), []
        train_groups(run, [1])
        running = "4|RUNNING|None\n5|COMPLETING|None\n"
        asked = squeue(running, "", "", running, "4|RUNNING|None\n", last="")
        SentJobs.of(run).keep([job(4, [0]), job(5, [1])])
        with pytest.raises(MissingFoldsError, match=r"job 4 is gone: it wrote no log") as failed:
            wait_for_groups(run, poll=0.01, say=said.append)
        assert "job 5" not in str(failed.value)
        assert len(asked()) == 7  # gone is who is missed twice
        told = [line.partition("jobs: ")[2].partition(";")[0] for line in said]
        assert said[1] == "Slurm does not answer (away); asking again every 0.01 s."
        assert told == ["2 running", "", "1 finished, 1 running", "1 finished, 1 gone"]
        assert SentJobs.of(run).jobs == []

    def test_all_results_end_the_waiting_whatever_the_queue_says(self, plan, squeue):
        run = plan()
        train_groups(run)
        squeue(last="4|COMPLETING|None\n")
        SentJobs.of(run).keep([job(4)])
        assert wait_for_groups(run, poll=60, say=lambda text: None).missing == ()
        assert SentJobs.of(run).jobs == [job(4)]

    def test_no_job_and_no_result(self, plan):
        with pytest.raises(MissingFoldsError, match=r"4 of 4 folds missing .*No job") as failed:
            wait_for_groups(plan(), say=lambda text: None)
        assert failed.value.result is None

    def test_ctrl_c_tells_how_to_come_back(self, plan, squeue, monkeypatch):
        run, said = plan(), []
        squeue(last="4|RUNNING|None\n")
        SentJobs.of(run).keep([job(4)])

        def stop(seconds):
            raise KeyboardInterrupt

        monkeypatch.setattr(cluster, "time", SimpleNamespace(sleep=stop))
        with pytest.raises(KeyboardInterrupt):
            wait_for_groups(run, say=said.append)
        assert "1 job (4) go on. The same command waits for them again" in said[-1]
        assert said[-1].endswith("To end them: scancel 4")
        assert SentJobs.of(run).jobs == [job(4)]


class TestProcesses:
    def test_a_number_that_another_process_has_by_now(self, plan):
        sent = SentJobs.of(plan())
        sent.keep([job(os.getpid(), executor="local")])
        assert sent.ask() == {}
        sent.keep([job(2**22 + 1, executor="local")])  # above what Linux gives
        assert sent.ask() == {}

    def test_the_jobs_of_another_machine(self, plan):
        sent = SentJobs.of(plan())
        sent.keep([Job("1", "local", "far-away", (0,))])
        with pytest.raises(PainLabError, match=r"tells of jobs on far-away: wait for them there"):
            sent.ask()

    def test_a_damaged_file(self, plan):
        run = plan()
        for damaged in ("{", "[]", '{"name": "x", "jobs": [{"number": "1"}]}'):
            (run.root / "jobs.json").write_text(damaged)
            with pytest.raises(DataError, match=r"jobs.json is damaged"):
                SentJobs.of(run)


class TestProgress:
    def test_the_share_counts_results_and_checkpoints(self, plan):
        run = plan()
        assert waiting.trained_share(run, []) == 0
        steps = run.settings["steps"][1]
        path = run.checkpoint(run.groups[1])
        write_tensors(path, {"x": torch.zeros(1)}, metadata={"step": str(steps // 2)})
        share = steps // 2 / steps
        assert waiting.trained_share(run, run.groups[0]) == pytest.approx((2 + 2 * share) / 4)
        path.write_bytes(b"being written")
        assert waiting.trained_share(run, run.groups[0]) == 0.5
        assert waiting.trained_share(run, run.folds) == 1

    def test_the_time_left_counts_from_the_first_job_at_work(self, plan, monkeypatch):
        now, said, run = [0.0], [], plan()
        monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: now[0]))
        progress = waiting.Progress(run, say=said.append)
        jobs = [job(1, [0]), job(2, [1])]
        for second, there, done in (
            (0, {"1": "waiting (Priority)", "2": "waiting (Priority)"}, 0),
            (500, {"1": "running", "2": "waiting (Resources)"}, 0),
            (510, {"1": "running", "2": "waiting (Resources)"}, 0),
            (600, {"1": "running", "2": "running"}, 1),
            (700, {"2": "running"}, 2),
            (701, {"2": "running"}, 2),
            (760, {"2": "running"}, 2),
            (800, {}, 2),
        ):
            now[0] = float(second)
            progress.tell(jobs, there, run.folds[:done])
        assert said == [
            "NP-P4: 0 of 4 folds trained; jobs: 2 waiting (Priority); 0 % of all steps",
            "NP-P4: 0 of 4 folds trained; jobs: 1 running, 1 waiting (Resources); "
            "0 % of all steps",
            "NP-P4: 1 of 4 folds trained; jobs: 2 running; 25 % of all steps, "
            "05:00 left at this pace",
            "NP-P4: 2 of 4 folds trained; jobs: 1 finished, 1 running; 50 % of all steps, "
            "03:20 left at this pace",
            "NP-P4: 2 of 4 folds trained; jobs: 1 finished, 1 running; 50 % of all steps, "
            "04:20 left at this pace",
            "NP-P4: 2 of 4 folds trained; jobs: 1 finished, 1 gone; 50 % of all steps, "
            "05:00 left at this pace",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("log", "words"),
        [
            (
                "a\npainlab: the disk is full.\nTraceback\nx.Error: y\n",
                "painlab: the disk is full.",
            ),
            ("srun: x\nslurmstepd-n1: error: *** JOB 3 CANCELLED ***\nsrun: end\n", "CANCELLED"),
            ("Traceback\nMemoryError\n\n", "MemoryError"),
            ("", "it said nothing"),
        ],
    )
    def test_the_last_words_of_a_log(self, plan, log, words):
        run = plan()
        sent, lost = SentJobs.of(run), job(3)
        sent.logs.mkdir()
        sent.log_of(lost).write_text(log)
        told = waiting.missing_message(run, [lost], sent, [])
        assert words in told.partition("job 3 is gone: ")[2].partition(" (/")[0]


class TestCluster:
    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"executor": "pbs"}, r"no executor 'pbs': choose local or slurm"),
            ({"jobs": 0}, r"jobs=0: give a number above 0"),
            ({"executor": "slurm", "memory": -1.0}, r"memory=-1.0: give a number above 0"),
            ({"executor": "slurm", "gpus": 4}, r"a job trains on one GPU: ask for more jobs"),
            ({"memory": 4, "partition": "x"}, r"memory, partition: for Slurm only"),
        ],
    )
    def test_what_cannot_be(self, given, told):
        with pytest.raises(DataError, match=told):
            Cluster(**given)

    def test_no_slurm_here(self, plan, squeue, tmp_path, monkeypatch):
        squeue()
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin:/usr/bin")
        monkeypatch.setattr("shutil.which", lambda name: name if name == "squeue" else None)
        with pytest.raises(PainLabError, match=r"no Slurm here \(no sbatch, srun or squeue\)"):
            send_groups(plan(), SLURM)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(PainLabError, match=r"there is no squeue here"):
            send_groups(plan(), SLURM)

    def test_no_submitit(self, plan, monkeypatch):
        monkeypatch.setitem(sys.modules, "submitit", None)
        with pytest.raises(PainLabError, match=r"pip install painlab\[cluster\]"):
            send_groups(plan(), LOCAL)

    def test_a_group_a_job(self, tmp_path):
        store = planted_store(tmp_path / "store", people=5)
        task = pl.TASKS["NP-P4"]
        sizes = [folds_of_a_job(store, task, jobs=jobs) for jobs in (1, 2, 3, 5, 9)]
        assert sizes == [5, 3, 2, 1, 1]
        assert folds_of_a_job(store, task, jobs=2, subjects=["person01", "person04"]) == 1

    def test_local_jobs_take_turns_on_the_gpus(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        devices = [sending._device_of(i, LOCAL, None) for i in range(3)]
        assert devices == ["cuda:0", "cuda:1", "cuda:0"]
        assert sending._device_of(1, LOCAL, "cpu") == "cpu"
        assert sending._device_of(1, SLURM, None) is None


class TestJob:
    @pytest.fixture(autouse=True)
    def as_before(self, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        before = signal.getsignal(signal.SIGUSR2)
        yield
        signal.signal(signal.SIGUSR2, before)

    def test_it_trains_its_groups(self, plan, capsys):
        run = plan()
        assert cluster_job.main([str(run.root), "--groups", "1", "--threads", "1"]) == 0
        assert gather(run).missing == ("person00", "person01")
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_IGN

    def test_an_error_is_one_line_and_its_status_1(self, tmp_path, capsys):
        assert cluster_job.main([str(tmp_path), "--groups", "0", "--gpus-seen", "all"]) == 1
        assert capsys.readouterr().err.startswith(f"painlab: {tmp_path} holds no run")
        assert "CUDA_VISIBLE_DEVICES" not in os.environ


class TestCommand:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--jobs", "3"], "--jobs: of jobs only; give --executor too."),
            (["--executor", "slurm", "--sbatch", "account"], "--sbatch account: give NAME=VALUE"),
            (["--executor", "local", "--gpus", "1"], "gpus: for Slurm only"),
            (["--executor", "local", "--jobs", "0"], "jobs=0: give a number above 0"),
        ],
    )
    def test_refusals(self, plan, options, told, capsys):
        store = plan().settings["store"]
        assert main(["loso", store, "--task", "NP-P4", *options]) == 1
        assert told in capsys.readouterr().err

    def test_missing_folds_are_no_success(self, plan, tmp_path, monkeypatch, capsys):
        def fail(run, cluster, **_):
            assert (cluster.jobs, cluster.executor) == (2, "local")
            assert [len(group) for group in run.groups] == [2, 2]
            train_groups(run, [0])
            raise MissingFoldsError("person02 and person03 are missing.", gather(run))

        monkeypatch.setattr("painlab.training.cluster.submit_groups", fail)
        store = plan().settings["store"]
        command = ["loso", store, "--task", "NP-P4", "--quick", "--epochs", "2"]
        command += ["--executor", "local", "--jobs", "2", "--out", str(tmp_path / "out")]
        assert main([*command, "--json"]) == 1
        done = capsys.readouterr()
        assert "person02 and person03 are missing." in done.err
        (told,) = json.loads(done.out)
        assert told["missing"] == ["person02", "person03"]
        assert len(pl.LosoResult.load(told["file"]).true) == 12

    def test_the_jobs_of_all_tasks_are_in_the_queue_before_one_is_waited_for(
        self, plan, tmp_path, monkeypatch, capsys
    ):
        happened = []

        def send(run, cluster, **_):
            happened.append(("sent", run.settings["task"]["name"]))
            assert cluster.sbatch == {"account": "lab", "gres": "gpu:1"}

        def wait(run, cluster, **_):
            happened.append(("waited", run.settings["task"]["name"]))
            raise MissingFoldsError("missing.", None)

        monkeypatch.setattr("painlab.training.sending.send_groups", send)
        monkeypatch.setattr("painlab.training.cluster.submit_groups", wait)
        store = planted_store(tmp_path / "all", levels=(0, 1, 2, 3, 4), per_level=1)
        command = ["loso", str(store.root), "--quick", "--executor", "slurm", "--gpus", "1"]
        command += ["--sbatch", "account=lab", "--sbatch=--gres=gpu:1"]
        assert main(command) == 1
        assert capsys.readouterr().err.count("missing.") == 5
        names = list(pl.TASKS)
        assert happened == [(what, name) for what in ("sent", "waited") for name in names]
