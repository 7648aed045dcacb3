"""A SLURM of one node on this machine: no systemd, no cgroups, its devices only counted.

    python tests/support/slurm_cluster.py [--accounting] COMMAND ...   # run a command while it is up

Needs root and Debian's `slurm-wlm munge`; with accounting, for `sacct`, also `slurmdbd mariadb-server`. All it
keeps lies in a folder of its own, but for a link at /etc/slurm/slurm.conf: inside a job the executor plugin
takes SLURM_CONF away, so that commands look there.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged")
PACKAGES = "slurm-wlm munge"
LINK = Path("/etc/slurm/slurm.conf")
CPUS, GPUS = 64, 2

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
# A job that is queued again waits for its first credential to end, by default two minutes.
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
# The status command of the profile is squeue, which forgets a finished job after this many seconds.
MinJobAge=3600
SchedulerParameters=batch_sched_delay=0,sched_interval=5
KillWait=10
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=15
# More processors than there are, so that jobs which wait for others keep none of them waiting.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=200000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=7-00:00:00 State=UP
PartitionName=gpu Nodes=ALL MaxTime=7-00:00:00 State=UP
"""

ACCOUNTING = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={ports[2]}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
"""

DATABASE = """
DbdHost=localhost
DbdPort={ports[2]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[3]}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm
"""


def missing() -> str | None:
    """Return why no SLURM can be started here, and what mends it; None where it can."""
    if os.geteuid():
        return "starting a SLURM of one node needs root, in a container for instance"
    if absent := [name for name in PROGRAMS if not shutil.which(name)]:
        return f"no {', '.join(absent)} here; apt-get install --yes --no-install-recommends {PACKAGES}"
    if LINK.exists() and "ClusterName=test\n" not in LINK.read_text():
        return f"{LINK} belongs to another cluster, which is left alone"
    if (
        LINK.exists()
        and (pid := Cluster(LINK.resolve().parent).pid("slurmctld"))
        and Path(f"/proc/{pid}").exists()
    ):
        return f"another test has a SLURM on this machine, process {pid}"
    return None


class Cluster:
    """The node, in a folder; up between `start` and `stop`, or in a `with`."""

    def __init__(self, folder: Path, accounting: bool = False):
        self.folder, self.accounting = folder, accounting
        self.database: subprocess.Popen | None = None
        with_ports = [socket.socket() for _ in range(4)]
        for one in with_ports:
            one.bind(("127.0.0.1", 0))
        self.ports = [one.getsockname()[1] for one in with_ports]
        for one in with_ports:
            one.close()

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        """Write the configuration and start the daemons; raises RuntimeError where the node does not come up."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("state", "spool"):
            (self.folder / name).mkdir(exist_ok=True)
        names = {
            "folder": self.folder, "host": socket.gethostname().partition(".")[0], "ports": self.ports,
            "cpus": CPUS, "gpus": GPUS, "password": secrets.token_hex(8),
        }  # fmt: skip
        conf = CONF + (ACCOUNTING if self.accounting else "")
        (self.folder / "slurm.conf").write_text(conf.format(**names))
        # A device is counted by a file that exists, and numbered by the digits at the end of its name.
        for number in range(GPUS):
            (self.folder / f"device{number}").symlink_to("/dev/null")
        devices = f"Name=gpu File={self.folder}/device[0-{GPUS - 1}]\n"
        (self.folder / "gres.conf").write_text(devices)
        LINK.parent.mkdir(exist_ok=True)
        LINK.unlink(missing_ok=True)
        LINK.symlink_to(self.folder / "slurm.conf")
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        files = {"key-file": key.name, "socket": "munge.socket", "pid-file": "munged.pid"}
        files |= {"log-file": "munged.log", "seed-file": "munged.seed"}
        # --force: munged warns of folders that others may write, such as /tmp, and goes on.
        called("munged", "--force", *(f"--{name}={self.folder / file}" for name, file in files.items()))
        if self.accounting:
            self._start_database(names)
        called("slurmctld", "-c")
        self.come_back()

    def stop(self) -> None:
        """End jobs and daemons."""
        called("scancel", "--user=root", check=False)
        for name in ("slurmd", "slurmctld", "slurmdbd", "munged"):
            self.end(name, signal.SIGTERM)
        if self.database:
            self.database.terminate()
            self.database.wait()
        LINK.unlink(missing_ok=True)

    def pid(self, name: str) -> int | None:
        """Return the process id of a daemon, None where it does not run."""
        file = self.folder / f"{name}.pid"
        return int(file.read_text()) if file.exists() and file.read_text().strip() else None

    def end(self, name: str, number: int) -> None:
        """Send a daemon a signal and wait for its end, at most ten seconds before it is killed."""
        if not (pid := self.pid(name)):
            return
        deadline = time.monotonic() + 10
        try:
            os.kill(pid, number)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        (self.folder / f"{name}.pid").unlink(missing_ok=True)

    def vanish(self) -> None:
        """Kill all that belongs to the node: its daemon, the steps of jobs and every process of theirs."""
        self.end("slurmd", signal.SIGKILL)
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def processes(self) -> list[int]:
        """Return the processes of the node: what slurmstepd has started, from its spool folder, and their children."""
        parents, steps = {}, []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, rest = stat.read_text().rpartition(")")
            except OSError:
                continue
            pid = int(stat.parent.name)
            parents[pid] = int(rest.split()[1])
            if head.partition("(")[2] == "slurmstepd":
                steps.append(pid)
        found = set(steps)
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found)

    def come_back(self) -> None:
        """Start the node's daemon, after `vanish` too."""
        called("slurmd", "-c", "-f", str(self.folder / "slurm.conf"))
        self.wait_for("idle")

    def wait_for(self, state: str, seconds: float = 60) -> None:
        """Wait until the node is in a state; raises RuntimeError, with the logs, where it is not within that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.state() == state:
                return
            time.sleep(0.2)
        logs = "\n".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("*.log")))
        raise RuntimeError(f"the node is {self.state()} and not {state}\n{logs}")

    def state(self) -> str:
        """Return the state of the node, such as `idle`, `mixed` or `down*`."""
        return called("sinfo", "--noheader", "--partition=main", "--format=%T", check=False).strip()

    def job(self, number: str) -> dict[str, str]:
        """Return what `scontrol show job` knows of a job."""
        text = called("scontrol", "--oneliner", "show", "job", number)
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def _start_database(self, names: dict) -> None:
        """Start a MariaDB of its own and slurmdbd on it, with one cluster, account and user."""
        data, socket_ = self.folder / "db", self.folder / "mariadb.socket"
        install = ("--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db")
        called("mariadb-install-db", *install, "--auth-root-authentication-method=socket")
        (self.folder / "init.sql").write_text(
            "CREATE DATABASE slurm;\n"
            f"CREATE USER slurm@127.0.0.1 IDENTIFIED BY '{names['password']}';\n"
            "GRANT ALL ON slurm.* TO slurm@127.0.0.1;\n"
        )
        log = (self.folder / "mariadb.log").open("w")
        self.database = subprocess.Popen(
            ["mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={socket_}",
             "--bind-address=127.0.0.1", f"--port={self.ports[3]}", "--skip-name-resolve",
             f"--init-file={self.folder / 'init.sql'}", "--innodb-lock-wait-timeout=900"],
            stdout=log, stderr=log,
        )  # fmt: skip
        until(lambda: not socket.socket().connect_ex(("127.0.0.1", self.ports[3])), "MariaDB")
        conf = self.folder / "slurmdbd.conf"
        conf.write_text(DATABASE.format(**names))
        conf.chmod(0o600)
        called(
            "env", f"SLURM_CONF={self.folder / 'slurm.conf'}", "slurmdbd"
        )  # its own file is sought beside it
        cluster = ("sacctmgr", "--immediate", "add", "cluster", "test")
        until(lambda: "test" in called(*cluster, check=False), "slurmdbd")
        called("sacctmgr", "--immediate", "add", "account", "test")
        called("sacctmgr", "--immediate", "add", "user", "root", "account=test", check=False)


def until(true, what: str, seconds: float = 30) -> None:
    """Wait until `true()`; raises RuntimeError where it is not within that time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not start within {seconds:.0f} s")
        time.sleep(0.2)


def called(*command: str, check: bool = True) -> str:
    """Run a command of this cluster and return what it printed."""
    # Daemons keep what they inherit: a pipe of theirs would never end.
    with tempfile.TemporaryFile("w+") as out:
        status = subprocess.run(
            command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=120
        ).returncode
        out.seek(0)
        text = out.read()
    if check and status:
        raise RuntimeError(f"{' '.join(command)}: status {status}: {text}")
    return text


def main(arguments: list[str]) -> int:
    """Run a command while the node is up; return its status."""
    accounting = arguments[:1] == ["--accounting"]
    command = arguments[accounting:]
    if not command:
        sys.exit(__doc__)
    if reason := missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, Cluster(Path(folder), accounting):
        return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
