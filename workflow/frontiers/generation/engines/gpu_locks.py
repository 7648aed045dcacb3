"""The NVIDIA devices of this node: which ones a job may use, and locks that keep two jobs off one device.

Snakemake counts devices (`resources: gpu`) but assigns none to a job. Here a job locks a file per device, named
by its UUID, since its number depends on CUDA_VISIBLE_DEVICES. The operating system releases a lock when its
process ends, in whatever way.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from frontiers.core.cli import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCKS = Path(tempfile.gettempdir(), "frontiers-devices")
WAIT = 2.0
REMIND = 600.0


@dataclass(frozen=True)
class Device:
    """A device: its name in CUDA_VISIBLE_DEVICES, its UUID, and its NVML handle (None if NVML does not know it)."""

    token: str
    identity: str
    handle: Any = None


def load_nvml() -> tuple[ModuleType | None, str | None]:
    """Return NVIDIA's management library, initialised, or None and the reason."""
    try:
        import pynvml
    except ImportError as error:
        return None, str(error)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return None, f"NVML: {error}"
    return pynvml, None


def visible(nvml, environment: MutableMapping[str, str]) -> list[Device]:
    """Return the devices this process may use, in the order in which CUDA numbers them.

    They are those in CUDA_VISIBLE_DEVICES (a SLURM allocation sets it), or all of the node where it is not set.
    As in CUDA, the first unknown name ends the list; an empty value means no device.
    """
    known = _all(nvml)
    given = environment.get(VISIBLE)
    if given is None:
        return known
    found = []
    for token in [part.strip() for part in given.split(",") if part.strip()]:
        if token == "-1":
            break
        if token.isdigit():
            if known and int(token) >= len(known):
                break
            match = known[int(token)] if known else None
        else:
            match = next((device for device in known if device.identity.startswith(token)), None)
        found.append(Device(token, match.identity if match else token, match.handle if match else None))
    return found


def _all(nvml) -> list[Device]:
    if nvml is None:
        return []
    handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    return [Device(str(i), _text(nvml.nvmlDeviceGetUUID(handle)), handle) for i, handle in enumerate(handles)]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _used(nvml, device: Device) -> int:
    """Return the bytes of the device's memory in use, 0 if unknown."""
    if nvml is None or device.handle is None:
        return 0
    try:
        return nvml.nvmlDeviceGetMemoryInfo(device.handle).used
    except nvml.NVMLError:
        return 0


@contextmanager
def held(
    count: int,
    say: Callable[[str], None],
    nvml=None,
    environment: MutableMapping[str, str] = os.environ,
    locks: Path = LOCKS,
) -> Iterator[list[Device]]:
    """Lock `count` free devices, and list them in CUDA_VISIBLE_DEVICES while they are held.

    Enter it before anything starts CUDA. It takes the free devices with the least memory in use, and waits until
    enough are free. Raises `UserError` if the node has too few.
    """
    if count == 0:
        yield []
        return
    devices = visible(nvml, environment)
    if len(devices) < count:
        place = f"{VISIBLE}={environment[VISIBLE]}" if VISIBLE in environment else "this node"
        raise UserError(
            f"the model needs {count} device{'s' * (count > 1)}, {place} has {len(devices)}. Set `gpus` of the "
            "model to fit, or run it on a node with enough devices (`nvidia-smi` lists them)"
        )
    before = {name: environment.get(name) for name in (VISIBLE, "CUDA_DEVICE_ORDER")}
    with ExitStack() as stack:
        taken = _wait_for(count, devices, nvml, say, locks, stack)
        # NVML numbers devices by bus, CUDA by default by speed.
        environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        environment[VISIBLE] = ",".join(device.token for device in taken)
        try:
            yield taken
        finally:
            for name, value in before.items():
                if value is None:
                    environment.pop(name, None)
                else:
                    environment[name] = value


def _wait_for(
    count: int, devices: Sequence[Device], nvml, say: Callable[[str], None], locks: Path, stack: ExitStack
) -> list[Device]:
    """Take `count` of the devices at once, as soon as that many are free; the locks go into `stack`."""
    told = 0.0
    while True:
        with ExitStack() as attempt:
            # One job chooses at a time, so that two do not each hold a part of what both need.
            attempt.enter_context(_open(locks / "choosing.lock"))
            free = []
            for device in sorted(devices, key=lambda device: _used(nvml, device)):
                with ExitStack() as one:
                    if len(free) < count and one.enter_context(
                        _open(locks / f"{device.identity}.lock", False)
                    ):
                        free.append((device, one.pop_all()))
            if len(free) == count:
                for _, lock in free:
                    stack.push(lock)
                free.sort(key=lambda item: devices.index(item[0]))
                return [device for device, _ in free]
            for _, lock in free:
                lock.close()
        if time.monotonic() - told > REMIND or not told:
            told = time.monotonic()
            say(
                f"waiting for {count} of {len(devices)} devices; {len(devices) - len(free)} are held by other jobs"
            )
        time.sleep(WAIT)


@contextmanager
def _open(path: Path, wait: bool = True) -> Iterator[bool]:
    """Lock the file at `path`; yield whether that succeeded. All users of a machine share the folder."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o1777)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.open(path, flags)  # with O_CREAT, Linux refuses a file of another user
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def parallel(gpus: int, nodes: int = 1) -> dict:
    """Return vLLM's arguments to split a model: its tensors over the devices of a node, its layers over nodes.

    Several nodes need a running Ray cluster.
    """
    over_nodes = {"pipeline_parallel_size": nodes, "distributed_executor_backend": "ray"} if nodes > 1 else {}
    return {"tensor_parallel_size": max(gpus, 1), **over_nodes}
