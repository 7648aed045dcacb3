"""What `status` says of a study, from journals in every state."""

import os

import pytest
import yaml

import status as script
from frontiers.generation import status
from frontiers.generation.journal import Journal, Tally
from frontiers.generation.requests import Completion
from support.workflow_copy import ROOT


def journal(folder, model, benchmark, tally, mark="0" * 16, age=0.0):
    path = folder / f"journal/{model}/{mark}/{benchmark}.cot.jsonl"
    written = Journal(path)
    written.tally = tally
    written.append(Completion("x", (1, 2), 2, "length", None, None, None))
    written.close()
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def table(folder, model, benchmark, age=0.0):
    path = folder / f"pocket/generations/{model}/{benchmark}.cot.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def cells(folder, monkeypatch, wanted=100):
    """Return the row that says how far model m is on benchmark b."""
    monkeypatch.setattr(status.time, "time", lambda: 1e9)
    found = status.states("pocket", {("m", "b", "cot"): wanted}, folder)
    return dict(zip(status.HEAD, status.row(found[0]), strict=True))


def test_what_has_not_begun_is_empty(tmp_path, monkeypatch):
    row = cells(tmp_path, monkeypatch)
    assert (row["done"], row["of"], row[""]) == ("0", "100", "0 %")
    assert {row[name] for name in ("tokens/s", "left", "GPU hours", "last request")} == {""}


def test_a_job_at_work_shows_rate_time_left_and_device_hours(tmp_path, monkeypatch):
    tally = Tally(total=100, done=50, worked=25, tokens=30000, seconds=60.0, gpu_seconds=7200.0)
    journal(tmp_path, "m", "b", tally, age=3)
    row = cells(tmp_path, monkeypatch)
    assert row == {
        "model": "m", "benchmark": "b", "done": "50", "of": "100", "": "50 %", "tokens/s": "500",
        "left": "2 min", "GPU hours": "2.00", "last request": "3 s ago",
    }  # fmt: skip


def test_a_table_is_done_unless_a_younger_journal_is_at_work(tmp_path, monkeypatch):
    path = journal(tmp_path, "m", "b", Tally(total=100, done=99, worked=99, seconds=1.0), age=60)
    table(tmp_path, "m", "b", age=30)
    row = cells(tmp_path, monkeypatch)
    assert (row["done"], row[""], row["left"]) == ("100", "100 %", "")
    os.utime(path, (1e9, 1e9))
    assert cells(tmp_path, monkeypatch)["done"] == "99"


def test_the_newest_of_several_journals_counts_and_a_torn_line_does_not(tmp_path, monkeypatch):
    journal(tmp_path, "m", "b", Tally(total=100, done=90), mark="a" * 16, age=500)
    newest = journal(tmp_path, "m", "b", Tally(total=100, done=7), mark="b" * 16)
    newest.write_bytes(newest.read_bytes() + b'12345678 {"id": "torn", "tally": {"done": 99')
    os.utime(newest, (1e9, 1e9))
    assert cells(tmp_path, monkeypatch)["done"] == "7"


def test_the_last_line_sums_and_columns_are_aligned(tmp_path, monkeypatch):
    journal(tmp_path, "m", "b", Tally(done=50, gpu_seconds=3600.0))
    table(tmp_path, "other", "b")
    wanted = {(model, "b", "cot"): 100 for model in ("m", "other", "third")}
    lines = status.lines(status.states("pocket", wanted, tmp_path))
    assert lines[-1].split() == ["all", "150", "300", "50", "%", "1.00"]
    assert len({line.index("%") for line in lines[1:]}) == 1


def test_the_script_reports_the_measured_studies_that_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    table(tmp_path, "pocket-small", "short-chains")
    script.main(["--config", str(tmp_path / "config.yaml"), "--results", str(tmp_path)])
    said = capsys.readouterr().out
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = config["studies"]["pocket"]
    assert said.startswith("pocket:\n  model")
    assert len(said.splitlines()) == 3 + len(study["models"]) * len(study["benchmarks"])
    assert "published:" not in said
    script.main(
        ["--config", str(tmp_path / "config.yaml"), "--results", str(tmp_path), "--studies", "open-reasoning"]
    )
    assert "hmmt-feb-2025" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no study `pockt`"):
        script.main(["--studies", "pockt"])
