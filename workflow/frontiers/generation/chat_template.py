"""A model's chat template, a program by the model's author, run in a process that the kernel limits.

The process is forked, so it starts in milliseconds with the tokenizer loaded, and serves one conversation after another.
"""

import contextlib
import json
import os
import resource
import signal
import traceback
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from frontiers.core.escapes import one_line

SECONDS = 10.0
"""Processor time that one conversation may take."""
MEMORY = 1 << 30
"""Bytes of address space that the process may take in addition to those it begins with."""
SHOWN = 300
"""Characters of a template's own message that are shown."""
CLOCK = "strftime_now"
"""The function by which templates read the clock."""


class TemplateFault(ValueError):
    """A chat template that cannot render a conversation; the message says why and, if known, in which line.

    With `clock` it reads the clock, although no day is pinned.
    """

    def __init__(self, message: str, clock: bool = False) -> None:
        super().__init__(message)
        self.clock = clock


class ClockRead(Exception):
    """The template reads the clock."""


def _no_clock(_format: str) -> str:
    raise ClockRead("it reads the clock, so it would write another text every day")


class Renderer:
    """The chat template of `tokenizer`, called with `options` of `apply_chat_template`.

    It may not read the clock unless `CLOCK` is among the options.
    The process starts with the first call and ends with the `with` statement, or with the renderer. `seconds` of
    processor time are allowed for each conversation, `memory` bytes for all.
    """

    def __init__(self, tokenizer, options: dict, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.tokenizer, self.seconds, self.memory = tokenizer, seconds, memory
        self.options = {CLOCK: _no_clock, **options}
        self._child = 0

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_) -> None:
        if self._child:
            self._end()

    def _start(self) -> None:
        asked, self._asking = os.pipe()
        told, telling = os.pipe()
        with _no_parallel_tokenizers():
            self._child = os.fork()
        if self._child == 0:
            try:
                os.dup2(asked, 0)
                os.dup2(telling, 1)
                self._serve()
            finally:
                os._exit(1)
        os.close(asked)
        os.close(telling)
        self._replies = os.fdopen(told, "rb")
        self._end = weakref.finalize(self, _end, self._child, self._asking, self._replies)

    def __call__(self, messages: Sequence[dict]) -> list[int] | str:
        """Return a conversation as token ids, or as text with the option `tokenize=False`.

        Raises `TemplateFault` if the template is wrong, or takes too much time or memory.
        """
        if not self._child:
            self._start()
        with contextlib.suppress(BrokenPipeError):
            _write(self._asking, json.dumps(list(messages)).encode() + b"\n")
        reply = self._replies.readline()
        if not reply.endswith(b"\n"):
            ended = os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOWAIT)
            if ended.si_status == signal.SIGPROF:
                raise TemplateFault(f"takes more than {self.seconds:g} s of processor time")
            raise TemplateFault(f"ended the process that ran it (status {ended.si_status})")
        found = json.loads(reply)
        if "fault" in found:
            raise TemplateFault(found["fault"], found.get("clock", False))
        return found["rendered"]

    def _serve(self) -> None:
        """Render the conversations on standard input until it ends, in the child."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        for number in (signal.SIGPROF, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        begun = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (begun + self.memory, begun + self.memory))
        with open(0, "rb") as asked:
            for line in asked:
                signal.setitimer(signal.ITIMER_PROF, self.seconds)
                reply = json.dumps(self._reply(json.loads(line))).encode() + b"\n"
                signal.setitimer(signal.ITIMER_PROF, 0)
                _write(1, reply)

    def _reply(self, messages: list[dict]) -> dict:
        """Return what the template makes of a conversation, or why it makes nothing."""
        try:
            rendered = self.tokenizer.apply_chat_template(messages, **self.options)
        except ClockRead as error:
            return {"fault": str(error), "clock": True}
        except MemoryError:
            return {"fault": f"takes more than {self.memory / 2**30:.3g} GiB of memory"}
        except Exception as error:
            return {"fault": f"fails{_place(error)}: {type(error).__name__}: {one_line(str(error)[:SHOWN])}"}
        return {"rendered": rendered if isinstance(rendered, list | str) else list(rendered["input_ids"])}


def _end(child: int, asking: int, replies: BinaryIO) -> None:
    """End the process."""
    os.close(asking)
    replies.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _place(error: Exception) -> str:
    """Return the line of the template in which an error was raised, nothing if that is unknown."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"
    ]
    line = lines[-1] if lines else getattr(error, "lineno", None)
    return f" in line {line}" if line else ""


@contextlib.contextmanager
def _no_parallel_tokenizers():
    """Let no tokenizer in a process forked meanwhile use threads, of which a fork has none."""
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        os.environ.pop("TOKENIZERS_PARALLELISM")
        if before is not None:
            os.environ["TOKENIZERS_PARALLELISM"] = before


def _write(pipe: int, content: bytes) -> None:
    """Write all of `content`."""
    while content:
        content = content[os.write(pipe, content) :]
