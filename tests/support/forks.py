"""Snakemake and its jobs without the seconds of their imports: each a process forked from a server that has loaded them.

A server has loaded packages from outside, never the project: a command imports `frontiers` from its own copy, in its own
folder, environment and process. `pytest --real-processes` starts every command anew instead.

python tests/support/forks.py FOLDER NAME   # serve until the folder is gone, or the tests' process
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

PRELOADED = {
    "study": (
        "altair", "dpath", "jinja2", "jsonschema", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
        "matplotlib.pyplot", "numpy", "packaging.requirements", "pandas", "pyarrow", "pyarrow.parquet", "pygments",
        "requests", "scipy.optimize", "scipy.special", "scipy.stats", "seaborn", "smart_open", "snakemake.assets",
        "snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter", "snakemake.storage", "statsmodels.api",
        "vl_convert", "yaml", "yte",
    ),
    "engine": (
        "compressed_tensors", "jsonschema", "pandas", "pyarrow.parquet", "transformers", "vllm._custom_ops",
        "vllm.entrypoints.llm", "vllm.model_executor.models.qwen3", "vllm.v1.attention.backends.cpu_attn",
        "vllm.v1.engine.core",
        "vllm.v1.worker.cpu_worker",
    ),
}  # fmt: skip
"""Nothing that reads, while it is imported, what a test sets in the environment."""
VARIABLE = "FRONTIERS_TEST_FORKS"
"""The environment variable that names the folder; without it there are no forks."""


def prepare() -> Path:
    """Make the folder of the servers of this test run, which are started when first needed."""
    folder = Path(tempfile.mkdtemp(prefix="forks-"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    begun = {"python": sys.executable, "server": __file__, "tests": os.getpid(), "environment": environment}
    (folder / "started.json").write_text(json.dumps(begun))
    python = folder / "bin/python"
    python.parent.mkdir()
    client = Path(__file__).with_name("fork_client.py")
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S '{client}' '{folder}' \"$@\"\n")
    python.chmod(0o755)
    os.environ[VARIABLE] = str(folder)
    return folder


def start(arguments, cwd, environment, output, errors):
    """Start a command of Python in a fork that has loaded Snakemake; return it, with what `subprocess.Popen` has of it.

    In a process of its own where there are no forks, or variables that Python reads when it starts.
    """
    from support.fork_client import Fork

    folder = os.environ.get(VARIABLE)
    with open(os.devnull) as nothing:
        if folder and own(environment) == own(os.environ):
            descriptors = [nothing.fileno(), output.fileno(), errors.fileno()]
            return Fork(folder, "study", arguments, str(cwd), environment, descriptors)
        command = [sys.executable, *arguments]
        return subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=nothing, stdout=output, stderr=errors
        )


def python(arguments, cwd, environment=None, **options) -> subprocess.CompletedProcess:
    """Run a command by `start`, with its output as text; with options, by `subprocess.run`."""
    environment = dict(os.environ) if environment is None else environment
    if options:
        options |= {"cwd": cwd, "env": environment, "capture_output": True, "text": True}
        return subprocess.run([sys.executable, *arguments], **options)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        status = start(arguments, cwd, environment, output, errors).wait()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, status, output.read(), errors.read())


def own(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Python reads when it starts."""
    return {k: v for k, v in environment.items() if k.startswith("PYTHON") and k != "PYTHONPATH"}


def end(folder: Path) -> None:
    """End the servers."""
    shutil.rmtree(folder)
    os.environ.pop(VARIABLE, None)


def load(name: str) -> None:
    """Import what a server hands on, without leaving a module of the project behind."""
    if name == "engine":
        sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))
        from frontiers.generation.engines import vllm

        vllm.prepare_environment("cpu", Path(tempfile.gettempdir()))
        os.environ["HF_HUB_OFFLINE"] = "1"
        for module in [module for module in sys.modules if module.partition(".")[0] == "frontiers"]:
            del sys.modules[module]
        del sys.path[0]
    for module in PRELOADED[name]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    if name == "engine":  # vLLM collects as it starts and ends, which here only copies shared pages
        gc.collect = lambda generation=2: 0


def serve(folder: Path, name: str, tests: int) -> dict | None:
    """Fork for every request; return it in the fork, and nothing in the server once the tests have ended."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / f"{name}.new"))
    listener.listen(64)
    (folder / f"{name}.new").rename(folder / name)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    watched = selectors.DefaultSelector()
    watched.register(listener, selectors.EVENT_READ)
    watched.register(woken, selectors.EVENT_READ)
    running: dict[int, socket.socket] = {}
    while (folder / name).exists() and os.path.exists(f"/proc/{tests}"):
        for key, _ in watched.select(1):
            if key.fileobj is listener:
                connection, _ = listener.accept()
                request, descriptors = received(connection)
                if not (pid := os.fork()):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for other in (watched, listener, connection, *running.values()):
                        other.close()
                    os.close(woken)
                    os.close(wake)
                    for target, descriptor in enumerate(descriptors):
                        os.dup2(descriptor, target)
                        os.close(descriptor)
                    return request
                for descriptor in descriptors:
                    os.close(descriptor)
                running[pid] = connection
                watched.register(connection, selectors.EVENT_READ, pid)
                connection.sendall(f"{pid}\n".encode())
            elif key.fileobj == woken:
                os.read(woken, 512)
            elif key.data in running:  # its client was killed
                watched.unregister(key.fileobj)
                os.kill(key.data, signal.SIGKILL)
        for pid, status in ended(running):
            connection = running.pop(pid)
            with contextlib.suppress(KeyError):
                watched.unregister(connection)
            with contextlib.suppress(OSError), connection:
                connection.sendall(f"{status}\n".encode())
    for pid in running:
        os.kill(pid, signal.SIGKILL)
    return None


def received(connection: socket.socket) -> tuple[dict, list[int]]:
    length, descriptors, _, _ = socket.recv_fds(connection, 8, 3)
    text, wanted = b"", int.from_bytes(length, "big")
    while len(text) < wanted:
        text += connection.recv(wanted - len(text))
    return json.loads(text), descriptors


def ended(running: dict) -> list[tuple[int, int]]:
    """Return the processes that have ended, with their status."""
    found = []
    for pid in running:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            found.append((pid, os.waitstatus_to_exitcode(status)))
    return found


def become(request: dict) -> None:
    """Be the `python` of a request, up to its end."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    first, *rest = request["argv"]
    begins = os.path.dirname(os.path.realpath(first)) if first.endswith(".py") else os.getcwd()
    sys.path[:1] = [begins, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv = request["argv"]
        runpy.run_path(first, run_name="__main__")


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    sys.executable = str(folder / "bin/python")  # vLLM keeps how it starts Python when it is imported
    load(name)
    request = serve(folder, name, json.loads((folder / "started.json").read_text())["tests"])
    if request:
        leave(partial(become, request))


def leave(program: Callable[[], None]) -> None:
    """Run a program and end as Python does, but for freeing every object of the server one by one."""
    status = 0
    try:
        program()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if not isinstance(end.code, int | None):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
