"""A Slurm of one node, for tests: munged, slurmctld and slurmd of one's own, in one folder.

It needs no systemd and touches no Slurm that may run here: keys, sockets, ports, state and logs
are its own. Debian's slurm-wlm and munge have what it takes. To look around in one by hand:

    python tests/training/slurm_node.py     # starts one, opens a shell in it, stops it at the end
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
DAEMONS = os.pathsep.join(("/usr/sbin", "/usr/local/sbin"))  # often in no user's PATH
CONFIGURATION = """\
ClusterName=painlab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MinJobAge=10
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class NoSlurmError(Exception):
    """Why no Slurm can be started here, in one sentence."""


@contextmanager
def slurm_node(*, cpus: int = 2, patience: float = 30) -> Iterator[Path]:
    """A node that takes jobs while the block lasts; gives its folder, where its logs are.

    PATH and SLURM_CONF are set in the environment meanwhile, so that sbatch and its like find it.

    Raises:
        NoSlurmError: where a program is missing or a daemon does not come up.
    """
    path = os.environ.get("PATH", "") + os.pathsep + DAEMONS
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        raise NoSlurmError(f"not installed: {', '.join(missing)} (Debian: slurm-wlm, munge)")
    # below a short path that every part may be read of: a socket's name has a hundred letters
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    before = {name: os.environ.get(name) for name in ("PATH", "SLURM_CONF")}
    daemons: list[subprocess.Popen] = []
    try:
        os.environ["PATH"], os.environ["SLURM_CONF"] = path, str(folder / "slurm.conf")
        _configure(folder, cpus=cpus)
        with ExitStack() as logs:
            for command, sign in _daemons(folder):
                log = logs.enter_context((folder / f"{command[0]}.out").open("wb"))
                daemons.append(
                    subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
                )
                _wait_for(sign, daemons[-1], folder, patience=patience)
            yield folder
    finally:
        _cancel_all(folder, running=len(daemons) == 3)
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)  # a step that is still ending may write there


def _configure(folder: Path, *, cpus: int) -> None:
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    with socket.socket() as one, socket.socket() as other:  # two ports that nobody uses
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder, host=socket.gethostname().split(".")[0], cpus=cpus,
            user=_user(), controller_port=ports[0], node_port=ports[1],
        )
    )  # fmt: skip


def _daemons(folder: Path) -> list[tuple[list[str], list[str]]]:
    """The commands, and for each the one that succeeds once it is up."""
    here = f"{folder}/munge."
    munge = [
        "munged", "--foreground", "--force", "--num-threads=1", f"--key-file={here}key",
        f"--socket={here}socket", f"--pid-file={here}pid", f"--seed-file={here}seed",
        f"--log-file={here}log",
    ]  # fmt: skip
    idle = ["sh", "-c", "sinfo --noheader --format=%t | grep -qx idle"]
    return [
        (munge, ["munge", f"--socket={here}socket", "--no-input"]),
        (["slurmctld", "-D"], ["scontrol", "ping"]),
        (["slurmd", "-D"], idle),
    ]


def _wait_for(sign: list[str], daemon: subprocess.Popen, folder: Path, *, patience: float) -> None:
    end = time.monotonic() + patience
    while subprocess.run(sign, capture_output=True, check=False).returncode:
        if daemon.poll() is not None or time.monotonic() > end:
            name = daemon.args[0]
            told = [folder / f"{name}.log", folder / f"{name}.out", folder / "munge.log"]
            lines = [line for file in told if file.exists() for line in _lines(file)[-3:]]
            raise NoSlurmError(f"{name} does not come up here: {' / '.join(lines) or 'no word'}")
        time.sleep(0.2)


def _lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").strip().splitlines()


def _cancel_all(folder: Path, *, running: bool) -> None:
    """No job outlives its Slurm."""
    if not running:
        return
    subprocess.run(["scancel", f"--user={_user()}"], capture_output=True, check=False)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        queue = subprocess.run(["squeue", "--noheader"], capture_output=True, check=False)
        if queue.returncode or not queue.stdout.strip():
            return
        time.sleep(0.3)


def _user() -> str:
    import getpass

    return getpass.getuser()


if __name__ == "__main__":
    try:
        with slurm_node() as node:
            print(f"Slurm runs, its folder is {node}; leave the shell to stop it.")
            subprocess.run([os.environ.get("SHELL", "sh")], check=False)
    except NoSlurmError as error:
        sys.exit(str(error))
