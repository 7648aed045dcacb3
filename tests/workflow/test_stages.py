"""`--logger stages`: a line per stage and long job, progress of decoding, and the whole error of a job that fails."""

import io
import os
import re
import subprocess
import sys

import pytest

from snakemake_logger_plugin_stages.stages import Job, Stages, decoding, duration, last_lines
from support.paths import ROOT

SNAKEFILE = """
rule all:
    input: expand("{model}.made", model=["a", "b"]), "whole"

rule generate:
    output: "{model}.made"
    log: "{model}.log"
    shell: "echo engine output | tee {log} >&2; touch {output}"

rule whole:
    input: expand("{model}.made", model=["a", "b"])
    output: "whole"
    log: "whole.log"
    shell: "(seq 100; echo the reason; test ! -e fail) > {log}; touch {output}"
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(folder, *more):
    (folder / "Snakefile").write_text(SNAKEFILE)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--logger",
        "stages",
        "--show-failed-logs",
        *more,
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    called = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return called.returncode, called.stderr


def test_a_run_says_a_line_per_stage_and_that_it_is_done(tmp_path):
    status, text = run(tmp_path)
    assert status == 0, text
    assert "3 jobs of 2 stages" in text
    assert re.search(r"^generate +2 jobs +[\d.]+ s +2 of 3 jobs done", text, re.MULTILINE)
    assert re.search(r"^whole +[\d.]+ s +3 of 3 jobs done$", text, re.MULTILINE)
    assert re.search(r"^3 of 3 jobs done in [\d.]+ s$", text, re.MULTILINE)
    assert len(text.splitlines()) < 15 and max(map(len, text.splitlines())) < 200
    status, text = run(tmp_path)
    assert status == 0 and "Nothing to be done" in text


def test_a_failed_job_is_shown_once_with_the_end_of_its_log(tmp_path):
    (tmp_path / "fail").touch()
    status, text = run(tmp_path)
    assert status == 1
    assert text.count("The job whole failed.") == 1
    assert text.count("    the reason") == 1 and "The end of whole.log:" in text
    assert "(61 lines before)" in text and "\n    61\n" not in text and "\n    62\n" in text
    assert ".snakemake/log" in text


def test_long_jobs_have_a_line_each_and_the_time_left_follows_from_the_time_spent():
    now, stream = [0.0], io.StringIO()
    stages = Stages(stream, lambda: now[0])
    stages.plan({"generate": 2, "grade": 10})
    for number, model in enumerate("ab"):
        stages.start(number, Job("generate", {"model": model, "study": "s"}, [], now[0]))
        now[0] += 60
        stages.end(number)
    for number in range(2, 12):
        stages.start(number, Job("grade", {"benchmark": "x", "study": "s"}, [], now[0]))
        now[0] += 1
        stages.end(number)
    lines = stream.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines] == ["12 jobs of 2 stages", "generate", "generate", "grade"]
    assert "a, 1 of 2" in lines[1] and "1 min 0 s" in lines[1] and "left" not in lines[1]
    assert "10 jobs" in lines[3] and "10 s" in lines[3] and lines[3].endswith("12 of 12 jobs done")
    stages = Stages(io.StringIO(), lambda: now[0])
    stages.plan({"grade": 8})
    for number in range(4):
        stages.start(number, Job("grade", {}, [], now[0]))
        now[0] += 30
        stages.end(number)
    assert stages.state() == "4 of 8 jobs done, about 2 min 0 s left"


def test_a_terminal_has_a_bar(tmp_path):
    stream = Terminal()
    stages = Stages(stream)
    stages.plan({"grade": 2})
    stages.start(1, Job("grade", {}, [], 0))
    stages.end(1)
    stages.close()
    assert "1/2 jobs |" in stream.getvalue()


def test_the_progress_of_decoding_is_read_from_the_log(tmp_path):
    log, stream = tmp_path / "g.log", io.StringIO()
    stages = Stages(stream)
    stages.plan({"generate": 1})
    stages.start(1, Job("generate", {"model": "m"}, [str(tmp_path / "none"), str(log)], 0))
    stages.look()
    log.write_text(
        "x" * 5000 + "\n1 of 9 problems done, 5 tokens/s\n2 of 9 problems done, 5 tokens/s, 1 s left\n"
    )
    stages.look()
    stages.look()
    assert stream.getvalue().count("m: 2 of 9 problems done, 5 tokens/s, 1 s left") == 1
    assert decoding([]) == ""


def test_a_log_that_is_missing_or_empty_says_so(tmp_path):
    (tmp_path / "empty").touch()
    assert last_lines(tmp_path / "empty") == ["(empty)"]
    assert last_lines(tmp_path / "none") == ["(No such file or directory)"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (59.4, "59 s"), (185, "3 min 5 s"), (7440, "2 h 4 min")]
)
def test_durations_are_written_for_readers(seconds, text):
    assert duration(seconds) == text
