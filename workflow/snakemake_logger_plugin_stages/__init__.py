"""A logger for Snakemake, `--logger stages`: a line per stage and per long job instead of the scheduler's own lines.

Snakemake finds it by its name where PYTHONPATH holds the folder of this package. What it leaves out is in
`.snakemake/log`, the output of a job in its log.
"""

import os
import sys
import threading
from logging import WARNING, LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from .stages import Job, Stages

INTERVAL = 15.0
"""Seconds between two looks at the logs of running jobs."""
TOLD = ("Nothing to be done", "Complete log(s)")
"""How those of Snakemake's remarks begin that are shown."""


class LogHandler(LogHandlerBase):
    """Hands Snakemake's records to `Stages`. Jobs inherit the variable that keeps an engine's output in its log."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        os.environ["STAGES"] = "1"
        self.stages = Stages(sys.stderr)
        self.over = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self.over.wait(INTERVAL):
            self.stages.look()

    def emit(self, record: LogRecord) -> None:
        """Show what of a record matters."""
        try:
            self._emit(record)
        except Exception:
            self.handleError(record)

    def _emit(self, record: LogRecord) -> None:
        stages, found = self.stages, record.__dict__
        match found.get("event"):
            case LogEvent.RUN_INFO:
                stages.plan({rule: n for rule, n in found["stats"].items() if rule not in ("total", "all")})
            case LogEvent.JOB_INFO if found["rule_name"] != "all":
                wildcards = dict(found["wildcards"] or {})
                job = Job(found["rule_name"], wildcards, list(found["log"] or ()), stages.clock())
                stages.start(found["jobid"], job)
            case LogEvent.JOB_FINISHED if found["job_id"] in stages.running:
                stages.end(found["job_id"])
            case LogEvent.JOB_ERROR:
                stages.fail(found["jobid"], found["rule_name"], found["log"] or ())
            case None | LogEvent.ERROR:
                text = record.getMessage()
                if record.levelno >= WARNING or text.startswith(TOLD):
                    stages.say(text)

    def close(self) -> None:
        """End the run's lines."""
        self.over.set()
        self.stages.close()
        super().close()
