"""The `python` of jobs in tests: hands a command to the server that has its imports loaded, and waits for its end.

python -I -S tests/support/fork_client.py FOLDER ARGUMENT...   # FOLDER is that of `support.forks`

The standard library alone, and little of it: every job starts with this.
"""

import array
import fcntl
import json
import os
import signal
import socket
import sys
import time

ENGINE = ("generate.py", "import_logs.py", "score_samples.py")
KERNEL = ["-c", "import vllm._C"]
"""How a job asks whether vLLM's compiled part can be loaded."""
REGISTRY = ["-m", "vllm.model_executor.models.registry"]
"""How vLLM reads what a class of models can do."""


def server_of(arguments: list[str]) -> str | None:
    """Return which server runs a command, None for Python itself."""
    if arguments in (KERNEL, REGISTRY) or os.path.basename(arguments[0]) in ENGINE:
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
            start(folder, name)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def start(folder: str, name: str) -> None:
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


def run(folder, name, arguments, cwd, environment, descriptors=(0, 1, 2), forward=False) -> int:
    """Run a command in a fork of a server; return its status, negative for the signal that ended it.

    `forward` hands on signals that ask this process to end.
    """
    request = json.dumps({"argv": arguments, "cwd": cwd, "environment": environment}).encode()
    with connect(folder, name) as connection:
        rights = array.array("i", descriptors)
        connection.sendmsg(
            [len(request).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        )
        connection.sendall(request)
        answers = connection.makefile()
        pid = int(answers.readline())
        if forward:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda number, _: os.kill(pid, number))
        return int(answers.readline())


def main() -> None:
    folder, *arguments = sys.argv[1:]
    name = server_of(arguments)
    if name is None:
        with open(os.path.join(folder, "started.json")) as file:
            python = json.load(file)["python"]
        os.execv(python, [python, *arguments])
    status = run(folder, name, arguments, os.getcwd(), dict(os.environ), forward=True)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
