"""Energy, power, memory and utilisation of a job's devices while it generated, from NVML.

The energy is that of the devices that the job holds, whoever uses them, from the first request to the started
engine until the last completion: idle power is included, loading the weights is not. It is the energy of the
job. Its division among generations, in proportion to FLOPs (`compute.flops.share_joules`), is an attribution,
not a measurement.
"""

import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

from frontiers.generation.engines.gpu_locks import Device

PERIOD = 1.0
IDLE_SECONDS = 2.0
ATTRIBUTION = (
    "energy of the devices held, from the first request to the last completion, idle power included; divided "
    "among benchmarks by time in the engine and among generations by FLOPs"
)


class Meter:
    """Measures `devices` between `begin` and `end`; what cannot be measured is None, with the reason.

    `nvml` is NVIDIA's management library; without it (None), `reason` says why. Idle power is measured when the
    meter is made, before the engine runs.
    """

    def __init__(self, nvml, devices: Sequence[Device], reason: str | None = None, period: float = PERIOD):
        self.nvml, self.period = nvml, period
        self.handles = [device.handle for device in devices if device.handle is not None]
        if nvml is None or not self.handles:
            self.nvml = None
        self.reason = None if self.nvml else reason or "no device that NVML knows"
        self.idle = self._idle()
        self.watts: list[tuple[float, float]] = []
        self.memory: list[int] = []
        self.busy: list[float] = []
        self.seconds: float | None = None
        self._joules: float | None = None
        self._begun: tuple[float, float | None] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start measuring; calls after the first do nothing."""
        if self._begun is not None:
            return
        self._begun = time.monotonic(), self._counter()
        self._sample()
        if self.nvml:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Stop measuring; calls after the first do nothing."""
        if self._begun is None or self._stop.is_set():
            return
        self._stop.set()
        self._sample()
        begun, counter = self._begun
        self.seconds, now = time.monotonic() - begun, self._counter()
        self._joules = None if None in (counter, now) or now < counter else now - counter
        if self._thread:
            self._thread.join()

    def report(self) -> dict[str, Any]:
        """Return the measurements, in joules, watts, bytes, seconds and shares of one."""
        watts = [w for _, w in self.watts]
        joules, method = self._joules, "total-energy counter"
        if joules is None and len(watts) > 1:
            joules, method = _integral(self.watts), "integral of power samples"
        reason = self.reason
        if reason is None and joules is None:
            reason = (
                "nothing was decoded"
                if self._begun is None
                else "the devices report neither energy nor power"
            )
        return {
            "joules": joules,
            "joules_from": None if joules is None else method,
            "reason": reason,
            "seconds": self.seconds,
            "idle_watts": self.idle,
            "mean_watts": fmean(watts) if watts else None,
            "peak_watts": max(watts, default=None),
            "peak_memory_bytes": max(self.memory, default=None),
            "utilisation": fmean(self.busy) if self.busy else None,
            "samples": len(watts),
            "devices": [self._name(handle) for handle in self.handles] if self.nvml else [],
            "attribution": ATTRIBUTION,
        }

    def _read(self, function: str, *arguments) -> list | None:
        """Return the values of an NVML function for each device, None if a device does not support it."""
        if self.nvml is None:
            return None
        try:
            return [getattr(self.nvml, function)(handle, *arguments) for handle in self.handles]
        except self.nvml.NVMLError:
            return None

    def _counter(self) -> float | None:
        found = self._read("nvmlDeviceGetTotalEnergyConsumption")
        return None if found is None else sum(found) / 1000

    def _power(self) -> float | None:
        found = self._read("nvmlDeviceGetPowerUsage")
        return None if found is None else sum(found) / 1000

    def _name(self, handle) -> str:
        name = self.nvml.nvmlDeviceGetName(handle)
        return name.decode() if isinstance(name, bytes) else name

    def _idle(self) -> float | None:
        """Return the mean power over some samples, before the engine has the devices."""
        if self.nvml is None:
            return None
        found = []
        for _ in range(5):
            found.append(self._power())
            time.sleep(IDLE_SECONDS / 5)
        return None if None in found else fmean(found)

    def _sample(self) -> None:
        now, power = time.monotonic(), self._power()
        if power is not None:
            self.watts.append((now, power))
        if (memory := self._read("nvmlDeviceGetMemoryInfo")) is not None:
            self.memory.append(sum(info.used for info in memory))
        if (rates := self._read("nvmlDeviceGetUtilizationRates")) is not None:
            self.busy.append(fmean(rate.gpu for rate in rates) / 100)

    def _watch(self) -> None:
        while not self._stop.wait(self.period):
            self._sample()


def _integral(samples: Sequence[tuple[float, float]]) -> float:
    """Return the joules under (seconds, watts), by the trapezoid rule."""
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(samples))
