"""The process that does a grader's algebra: one JSON object per line in, one verdict per line out.

Started by `grading`, never by hand. Input lines hold `answer`, `gold`,
`answer_type` and `kind` ("verify" or "readable"); output lines are `true`,
`false`, `null` or "memory". Arguments: seconds of processor time per item,
bytes of address space. A process that uses more time is ended by the kernel,
inside whatever operation it is.
"""

import json
import os
import resource
import signal
import sys

READY = "ready"
MEMORY = "memory"


def main() -> None:
    """Answer requests until standard input ends."""
    seconds, memory = float(sys.argv[1]), int(sys.argv[2])
    from sympy.core.random import seed

    from frontiers.equivalence import _math_verify, judge, readable

    _math_verify()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    replies = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.write(replies, json.dumps(READY).encode() + b"\n")
    for line in sys.stdin.buffer:
        task = json.loads(line)
        seed(0)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        reply: bool | str | None
        try:
            if task["kind"] == "readable":
                reply = readable(task["gold"], task["answer_type"])
            else:
                reply = judge(task["answer"], task["gold"], task["answer_type"])
        except MemoryError:
            reply = MEMORY
        except Exception:
            reply = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(replies, json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main()
