"""A stand-in for NVIDIA's management library: devices with counters that run at a constant power."""

import time
from types import SimpleNamespace


class NVMLError(Exception):
    """What the real library raises."""


class Library:
    """Devices of 40 W idle; `lacks` are functions that none of them knows."""

    NVMLError = NVMLError

    def __init__(self, count: int, used=None, lacks=()):
        self.count, self.lacks = count, set(lacks)
        self.used = used or [0] * count
        self.watts = 40.0
        self._joules, self._since = 0.0, time.monotonic()

    def work(self, watts: float) -> None:
        """Change the power of each device from now on."""
        now = time.monotonic()
        self._joules, self._since = self._joules + (now - self._since) * self.watts, now
        self.watts = watts

    def __getattribute__(self, name):
        if name.startswith("nvml") and name in object.__getattribute__(self, "lacks"):
            raise NVMLError("not supported")
        return object.__getattribute__(self, name)

    def nvmlDeviceGetCount(self):
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetUUID(self, handle):
        return f"GPU-{handle}000".encode()

    def nvmlDeviceGetName(self, handle):
        return "Fake"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=self.used[handle])

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=90 if self.watts > 40 else 0)

    def nvmlDeviceGetPowerUsage(self, handle):
        return int(1000 * self.watts)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        return int(1000 * (self._joules + (time.monotonic() - self._since) * self.watts))
