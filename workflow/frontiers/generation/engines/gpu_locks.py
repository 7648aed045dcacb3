"""NVIDIA devices of this node: which a job may use, and a hand-out that puts no two jobs on one.

Snakemake counts devices (`resources: gpu`) but says to no job which are its own. Here a job takes them with
a lock file each, by the identity of the device and not by its number, which depends on who looks. The
operating system gives a lock back when its process ends, in whatever way.
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
    """A device as CUDA_VISIBLE_DEVICES names it, what it is, and its handle in NVML (None where NVML is silent)."""

    token: str
    identity: str
    handle: Any = None


def library() -> tuple[ModuleType | None, str | None]:
    """Return NVIDIA's management library, ready for use, or None and the reason why there is none."""
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

    They are those of CUDA_VISIBLE_DEVICES (a SLURM allocation sets it) where it is set, else all of the node.
    CUDA, too, stops at the first name it does not know; an empty list is none.
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
            like = known[int(token)] if known else None
        else:
            like = next((device for device in known if device.identity.startswith(token)), None)
        found.append(Device(token, like.identity if like else token, like.handle if like else None))
    return found


def _all(nvml) -> list[Device]:
    if nvml is None:
        return []
    handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    return [Device(str(i), _text(nvml.nvmlDeviceGetUUID(handle)), handle) for i, handle in enumerate(handles)]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _used(nvml, device: Device) -> int:
    """Return the bytes of the device's memory that somebody uses, 0 where unknown."""
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
    """Hold `count` devices that no other job holds, and name them in CUDA_VISIBLE_DEVICES meanwhile.

    Enter it before anything starts CUDA. Of the free devices, those with the least memory in use are taken.
    It waits until enough are free; raises `UserError` when there are not that many at all.
    """
    if count == 0:
        yield []
        return
    devices = visible(nvml, environment)
    if len(devices) < count:
        place = f"{VISIBLE}={environment[VISIBLE]}" if VISIBLE in environment else "this node"
        raise UserError(
            f"the model needs {count} device{'s' * (count > 1)}, {place} has {len(devices)}. Correct `gpus` of the "
            "model, or run it where there are enough (nvidia-smi lists them)"
        )
    before = {name: environment.get(name) for name in (VISIBLE, "CUDA_DEVICE_ORDER")}
    with ExitStack() as stack:
        taken = _wait_for(count, devices, nvml, say, locks, stack)
        # NVML numbers devices in the order of their places on the bus, CUDA by default by their speed.
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
    """Take `count` of the devices, all at once, as soon as so many are free; the locks go into `stack`."""
    told = 0.0
    while True:
        with ExitStack() as attempt:
            # One job at a time chooses, so that two do not keep from each other what both need.
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
    """Hold the lock file at `path`; yield whether it is held. Users of one machine share the folder."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o1777)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.open(path, flags)  # asking to create it too, Linux would refuse a file of another user
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
    """Return the arguments of vLLM that spread a model: its tensors over the devices of a node, its layers over nodes.

    Over several nodes the engine runs on a Ray cluster that has to be there already.
    """
    over_nodes = {"pipeline_parallel_size": nodes, "distributed_executor_backend": "ray"} if nodes > 1 else {}
    return {"tensor_parallel_size": max(gpus, 1), **over_nodes}
