"""The `python` of jobs in tests: hands a command to the server that has its imports loaded, and waits for its end.

python -I -S tests/support/fork_client.py FOLDER ARGUMENT...   # FOLDER is that of `support.forks`

The standard library alone, and little of it: every job starts with this.
"""

import array
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time

ENGINE = ("generate.py", "import_logs.py", "score_samples.py")
REGISTRY = ["-m", "vllm.model_executor.models.registry"]
"""How vLLM reads what a class of models can do."""


def server_of(arguments: list[str]) -> str | None:
    """Return which server runs a command, None for Python itself."""
    if arguments == REGISTRY or os.path.basename(arguments[0]) in ENGINE:
        return "engine"
    if arguments[:2] == ["-m", "snakemake"] or os.path.dirname(arguments[0]).endswith("workflow/scripts"):
        return "study"
    return None


def connect(folder: str, name: str) -> socket.socket:
    """Return a connection to a server, which is started when it is first needed."""
    path = os.path.join(folder, name)
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            start_server(folder, name)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def start_server(folder: str, name: str) -> None:
    import subprocess

    with open(os.path.join(folder, "started.json")) as file:
        begun = json.load(file)
    path = os.path.join(folder, name)
    with open(f"{path}.log", "wb") as log:
        server = subprocess.Popen(
            [begun["python"], begun["server"], folder, name],
            env=begun["environment"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while not os.path.exists(path):
        if server.poll() is not None:
            with open(f"{path}.log") as log:
                raise RuntimeError(f"the server `{name}` has ended: {log.read()[-2000:]}")
        time.sleep(0.02)


class Fork:
    """A command that runs in a fork of a server, with what `subprocess.Popen` has of it."""

    def __init__(self, folder, name, arguments, cwd, environment, descriptors=(0, 1, 2)):
        request = json.dumps({"argv": arguments, "cwd": cwd, "environment": environment}).encode()
        self.connection = connect(folder, name)
        rights = array.array("i", descriptors)
        self.connection.sendmsg(
            [len(request).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        )
        self.connection.sendall(request)
        self.answers = self.connection.makefile()
        self.pid = int(self.answers.readline())
        self.returncode = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self.connection], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Return the status, negative for the signal that ended the command."""
        if self.returncode is None:
            self.returncode = int(self.answers.readline())
            self.answers.close()
            self.connection.close()
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def main() -> None:
    folder, *arguments = sys.argv[1:]
    name = server_of(arguments)
    if name is None:
        with open(os.path.join(folder, "started.json")) as file:
            python = json.load(file)["python"]
        os.execv(python, [python, *arguments])
    fork = Fork(folder, name, arguments, os.getcwd(), dict(os.environ))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(fork.pid, number))
    status = fork.wait()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
