"""The devices of data/hardware/: peak rates, bandwidth, memory, power and price."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

from frontiers.core import lineage, yaml_files
from frontiers.core.cli import UserError
from frontiers.core.paths import CONFIG_SCHEMAS, DATA
from frontiers.core.suggest import suggest

FOLDER = DATA / "hardware"
SCHEMA = CONFIG_SCHEMAS / "hardware.schema.json"


@dataclass(frozen=True)
class Hardware:
    """One device; `peaks` in FLOP/s of dense products by dtype, `bandwidth` in bytes/s, `memory` in bytes.

    `power` is in watts and `price` in US dollars per hour; None where unknown.
    """

    name: str
    label: str
    vendor: str
    peaks: Mapping[str, float]
    bandwidth: float
    memory: float | None
    power: float | None
    price: float | None

    def peak(self, dtype: str) -> float:
        """Return the peak rate in FLOP/s of products of `dtype`; raises `UserError` when none is given."""
        if dtype not in self.peaks:
            raise UserError(
                f"device `{self.name}` ({self.label}): no peak rate for {dtype}; it has {', '.join(self.peaks)}"
            )
        return self.peaks[dtype]

    def intensity(self, dtype: str | None = None) -> float:
        """Return FLOPs per byte: peak rate over bandwidth.

        `dtype` defaults to bfloat16, or to float32 on a device without a rate for it.
        """
        return self.peak(dtype or ("bfloat16" if "bfloat16" in self.peaks else "float32")) / self.bandwidth


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of the devices described in `folder`, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load(name: str, folder: Path = FOLDER) -> Hardware:
    """Return the device `name`; raises `UserError`, with the known names, when there is none."""
    if name not in (known := names(folder)):
        raise UserError(f"there is no device `{name}` in {folder}; {suggest(name, known, 'known are')}")
    return read(folder / f"{name}.yaml")


def read(path: str | Path) -> Hardware:
    """Return the device that a file describes; raises `UserError` when it does not match the schema."""
    path = Path(path)
    facts = yaml_files.read(path)
    lineage.note_file(path)
    for error in sorted(_validator().iter_errors(facts), key=lambda error: list(map(str, error.path))):
        place = ".".join(map(str, error.absolute_path)) or "the whole file"
        raise UserError(
            f"{path}: {place}: {error.message}. See workflow/schemas/config/{SCHEMA.name}; "
            "write rates as in 9.9e+14"
        )
    return Hardware(
        name=path.stem,
        label=facts["label"],
        vendor=facts["vendor"],
        peaks=facts["peak_flops"],
        bandwidth=facts["bandwidth"],
        memory=facts["memory"],
        power=facts["power"],
        price=facts["price"]["usd_per_hour"],
    )


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
