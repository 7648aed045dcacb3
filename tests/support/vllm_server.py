"""vLLM's own server on a shipped model, started and ended."""

import ctypes
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

from frontiers.generation.engines import vllm as engine


def end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it ends, in whatever way."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextmanager
def serving(model: Path, folder: Path, key: str = "", seats: int = 32, interval: int = 8) -> Iterator[str]:
    """Serve the model in `model`; yield the address. Log and caches go to `folder`.

    After the first token of a completion, `interval` tokens are streamed together.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ, **engine.CPU_ENVIRONMENT, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "1", "VLLM_CACHE_ROOT": str(folder),
        # The two processes below the server are forked from it, which saves them their imports.
        "VLLM_WORKER_MULTIPROC_METHOD": "fork",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--host", "127.0.0.1",
        "--port", str(port), "--dtype", "float32", "--max-model-len", "256", "--max-num-seqs", str(seats),
        "--enforce-eager", "--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192",
        "--stream-interval", str(interval),
        *(["--api-key", key] if key else []),
    ]  # fmt: skip
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=5)
                break
            if server.poll() is not None:
                raise RuntimeError((folder / "server.log").read_text()[-2000:])
            time.sleep(0.2)
        yield f"{address}/v1"
    finally:
        server.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
