"""vLLM's own server on a shipped model, started and ended."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from frontiers.generation.engines.vllm import CPU_ENVIRONMENT
from support.jobs import Forks, end_with_parent

MODULE = "vllm.entrypoints.openai.api_server"


@contextmanager
def serving(
    model: Path, folder: Path, key: str = "", seats: int = 32, interval: int = 8, forks: Forks | None = None
) -> Iterator[str]:
    """Serve the model in `model`; yield the address. Log and caches go to `folder`.

    After the first token of a completion, `interval` tokens are streamed together. With `forks` the server is
    forked from a process that has loaded vLLM, and uses its cache.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **CPU_ENVIRONMENT, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "1", **({} if forks else {"VLLM_CACHE_ROOT": str(folder)}),
    }  # fmt: skip
    options = [
        "--model", str(model), "--host", "127.0.0.1",
        "--port", str(port), "--dtype", "float32", "--max-model-len", "256", "--max-num-seqs", str(seats),
        "--enforce-eager", "--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192",
        "--stream-interval", str(interval),
        *(["--api-key", key] if key else []),
    ]  # fmt: skip
    log = folder / "server.log"
    pid = (
        forks.serve(MODULE, options, environment, log)
        if forks
        else started(MODULE, options, environment, log)
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2400):
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=5)
                break
            if not runs(pid):
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.1)
        yield f"{address}/v1"
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + 30
        while runs(pid) and time.monotonic() < end:
            time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def started(module: str, options: list[str], environment: dict, log: Path) -> int:
    """Run a module in a process and a session of its own; return the process id."""
    with log.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *options],
            env=os.environ | environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=end_with_parent,
        ).pid


def runs(pid: int) -> bool:
    """Return whether a process has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
