"""Lines about the stages of a run and its long jobs, with a bar below them where they go to a terminal."""

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

OWN_LINE = 10.0
"""Seconds from which a job gets a line of its own."""
DECODING = re.compile(r"^[\d,]+ of [\d,]+ problems done.*$", re.MULTILINE)
"""What `generate` says of its progress."""
SHOWN_LINES = 40
"""Last lines of a failed job's log that are shown."""


@dataclass
class Job:
    """A running job."""

    rule: str
    wildcards: Mapping[str, str]
    logs: list[str]
    begun: float
    told: str = ""

    @property
    def subject(self) -> str:
        """What the job is about: its model, benchmark or study."""
        names = [self.wildcards.get(key) for key in ("model", "benchmark", "study")]
        return next(filter(None, names), "")


@dataclass
class Stages:
    """Lines about jobs as they start and end, on `stream`; a bar below them where that is a terminal."""

    stream: TextIO
    clock: Callable[[], float] = time.monotonic
    counts: Mapping[str, int] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)
    ended: Counter = field(default_factory=Counter)
    seconds: Counter = field(default_factory=Counter)
    failed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.bar: tqdm | None = None
        self.lock = threading.RLock()

    @property
    def total(self) -> int:
        """Jobs of the run."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """Jobs that have ended well."""
        return sum(self.ended.values())

    def plan(self, counts: Mapping[str, int]) -> None:
        """Begin a run of so many jobs of each rule."""
        self.counts, self.begun = dict(counts), self.clock()
        self.say(f"{self.total:,} jobs of {len(self.counts)} stages")
        self.bar = tqdm(
            total=self.total,
            disable=None,
            file=self.stream,
            leave=False,
            bar_format="{n}/{total} jobs |{bar}| {elapsed}",
        )

    def start(self, number: int, job: Job) -> None:
        """Note that a job has started."""
        with self.lock:
            self.running[number] = job

    def end(self, number: int) -> None:
        """Note that a job has ended well; say so of a long job and of the last one of a stage."""
        with self.lock:
            job = self.running.pop(number)
            took = self.clock() - job.begun
            self.ended[job.rule] += 1
            self.seconds[job.rule] += took
            wanted, ended = self.counts.get(job.rule, 1), self.ended[job.rule]
            if self.bar is not None:
                self.bar.update()
            if wanted > 1 and took >= OWN_LINE:
                self.tell(job.rule, f"{job.subject}, {ended} of {wanted}", took)
            elif ended == wanted and job.rule != "all":
                subject = job.subject if wanted == 1 else f"{wanted} jobs"
                self.tell(job.rule, subject, self.seconds[job.rule])

    def tell(self, rule: str, subject: str, seconds: float) -> None:
        """Print the line of a stage or a job."""
        self.say(f"{rule:<22} {subject:<34} {duration(seconds):>10}   {self.state()}")

    def state(self) -> str:
        """Return how many jobs are done and about how long the others will take, once that can be guessed."""
        elapsed = self.clock() - self.begun
        text = f"{self.done:,} of {self.total:,} jobs done"
        if self.done >= min(10, self.total / 4) and self.done < self.total:
            text += f", about {duration((self.total - self.done) * elapsed / self.done)} left"
        return text

    def look(self) -> None:
        """Say how far the running jobs that decode have come."""
        with self.lock:
            for job in self.running.values():
                if (found := decoding(job.logs)) and found != job.told:
                    job.told = found
                    self.say(f"{job.rule:<22} {job.subject}: {found}")

    def fail(self, number: int, rule: str, logs: Iterable[str]) -> None:
        """Show once that a job has failed, and the end of its log."""
        with self.lock:
            if number in self.failed:
                return
            self.failed.add(number)
            job = self.running.pop(number, None)
            about = f" of {job.subject}" if job and job.subject else ""
            self.say(f"\nThe job {rule}{about} failed.")
            for path in logs:
                self.say(
                    f"The end of {path}:\n" + "\n".join(f"    {line}" for line in last_lines(Path(path)))
                )

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        tqdm.write(line, file=self.stream)
        self.stream.flush()

    def close(self) -> None:
        """Take the bar away and say how long the run took."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
            if not self.failed:
                self.say(
                    f"{self.done:,} of {self.total:,} jobs done in {duration(self.clock() - self.begun)}"
                )


def decoding(logs: Iterable[str]) -> str:
    """Return the last line about decoding in the end of a job's logs, empty if there is none."""
    for path in logs:
        try:
            with open(path, "rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - 4096, 0))
                found = DECODING.findall(file.read().decode("utf-8", "replace"))
        except OSError:
            continue
        if found:
            return found[-1]
    return ""


def last_lines(path: Path) -> list[str]:
    """Return the last lines of a log, with a remark where there are more, or why there are none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return [f"({error.strerror})"]
    left_out = len(lines) - SHOWN_LINES
    return [*([f"({left_out:,} lines before)"] if left_out > 0 else []), *lines[-SHOWN_LINES:]] or ["(empty)"]


def duration(seconds: float) -> str:
    """Return seconds for a reader: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
