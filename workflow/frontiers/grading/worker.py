"""The process that does a grader's algebra: one JSON object per line in, one verdict per line out.

Started by `pool`, never by hand. Input lines hold `answer`, `gold`, `answer_type`
and `kind` ("verify" or "readable"); output lines are `true`, `false`, `null` or
one of `LIMIT`, `MEMORY` and `LOST`. Arguments: seconds of processor time per
item, bytes of address space, items per child.

The process imports math-verify once and forks a child that judges. The kernel
kills a child that exceeds its time, inside any operation; the next one is ready
in milliseconds and shares no state with the last.
"""

import json
import os
import resource
import signal
import sys
from typing import Any

READY = "ready"
LIMIT = "limit"
"""The item took too much processor time."""
MEMORY = "memory"
"""The item ran out of memory, perhaps because of items judged before it."""
LOST = "lost"
"""The child died while judging the item."""
_AGAIN, _ENDED = 0, 3
_WARM = (r"\frac{1}{2}", r"2\sqrt{3}-1", "(1,2)", "x^2+1", "[0,1)", "x=3", r"\frac{\pi}{3}", "1,2")


def main() -> None:
    """Judge in one child after another until standard input ends."""
    seconds, memory, life = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    from frontiers.grading.equivalence import judge

    for text in _WARM:
        judge(text, "1+x", "expression")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    replies = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    _reply(replies, READY)
    while True:
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            os._exit(_serve(replies, seconds, life))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == _ENDED:
            return
        if status != _AGAIN:
            _reply(replies, LIMIT if status == -signal.SIGPROF else LOST)


def _serve(replies: int, seconds: float, life: int) -> int:
    """Judge item after item; return `_ENDED` at the end of input, `_AGAIN` if a new child should continue."""
    for _ in range(life):
        line = sys.stdin.buffer.readline()
        if not line:
            return _ENDED
        signal.setitimer(signal.ITIMER_PROF, seconds)
        verdict = _judge(json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _reply(replies, verdict)
        if verdict == MEMORY:
            break
    return _AGAIN


def _judge(task: dict[str, str]) -> Any:
    """Return the verdict on one item, None if judging it failed."""
    from sympy.core.random import seed

    from frontiers.grading.equivalence import judge, readable

    seed(0)
    try:
        if task["kind"] == "readable":
            return readable(task["gold"], task["answer_type"])
        return judge(task["answer"], task["gold"], task["answer_type"])
    except MemoryError:
        return MEMORY
    except Exception:
        return None


def _reply(pipe: int, message: Any) -> None:
    """Write one line."""
    os.write(pipe, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
