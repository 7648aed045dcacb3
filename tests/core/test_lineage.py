"""What a table says it was made of, and that readers find tables that do not belong together."""

import sys

import pytest

from frontiers.analysis.checks.lineage import mismatches
from frontiers.core import lineage, tables
from frontiers.core.cli import UserError
from support.tables import grades


@pytest.fixture
def step(tmp_path, monkeypatch):
    """A function that makes a table of others as a rule does, in a process that has read nothing before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["workflow/scripts/made.py"])

    def run(*sources, output, by="c0de"):
        with monkeypatch.context() as patch:
            patch.setattr(lineage, "_read", {})
            patch.setattr(lineage, "_known", {})
            patch.setenv("MADE_BY", by) if by else patch.delenv("MADE_BY", raising=False)
            frame = grades(range(3))
            for source in sources:
                if source.endswith(".parquet"):
                    frame = tables.read_table(source, "grades")
                else:
                    lineage.note_file(source)
                    frame["extracted"] = (tmp_path / source).read_text()
            tables.write_table(frame, output, "grades")

    return run


@pytest.fixture
def chain(step, tmp_path):
    (tmp_path / "problems").write_text("1")
    for sources, output in [
        (["problems"], "a.parquet"),
        (["a.parquet"], "b.parquet"),
        (["a.parquet"], "c.parquet"),
    ]:
        step(*sources, output=output)
    return step


def of(path):
    return lineage.record(tables.footer(path))


def test_a_table_records_by_what_and_of_what_it_was_made(chain, tmp_path):
    assert of("b.parquet") == {
        "as": "b.parquet", "by": "c0de", "script": "made", "of": {"a.parquet": tables.content_digest("a.parquet")}
    }  # fmt: skip
    assert list(of("a.parquet")["of"]) == ["problems"]
    assert mismatches([tmp_path / "c.parquet", tmp_path / "b.parquet"], {"made": "c0de"}) == ([], 3)


def test_a_table_under_the_name_of_another_is_found_by_its_reader_and_by_the_check(chain, tmp_path):
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes())
    with pytest.raises(
        UserError, match=r"^b\.parquet: this is the table a\.parquet under another name\. Delete b"
    ):
        chain("b.parquet", output="d.parquet")
    faults, _ = mismatches([tmp_path / "b.parquet"], {"made": "c0de"})
    assert len(faults) == 1 and "under another name" in faults[0]


def test_outside_a_rule_nothing_is_recorded(step, tmp_path):
    (tmp_path / "problems").write_text("1")
    step("problems", output="a.parquet", by=None)
    assert of("a.parquet") is None
    [fault], _ = mismatches([tmp_path / "a.parquet"], {})
    assert "does not say what it was made of" in fault


@pytest.mark.parametrize(
    ("stale", "sources", "fault"),
    [
        ("a.parquet", ["b.parquet", "a.parquet"], "b.parquet: made of another a.parquet than there is now"),
        ("a.parquet", ["a.parquet", "b.parquet"], "b.parquet: made of another a.parquet than there is now"),
        ("problems", ["problems", "a.parquet"], "a.parquet: made of another problems than there is now"),
        ("b.parquet", ["b.parquet", "c.parquet"], "c.parquet: made of another a.parquet than b.parquet was"),
    ],
)
def test_a_reader_refuses_tables_that_do_not_belong_together(chain, tmp_path, stale, sources, fault):
    (tmp_path / "problems").write_text("2")
    if stale != "problems":
        chain("problems", output="a.parquet")
    if stale == "b.parquet":
        chain("a.parquet", output="b.parquet")
    with pytest.raises(UserError, match=fault) as error:
        chain(*sources, output="d.parquet")
    assert "rerun the command" in str(error.value) and not (tmp_path / "d.parquet").exists()


def test_a_study_names_every_table_that_is_stale(chain, tmp_path):
    (tmp_path / "problems").write_text("2")
    faults, tables_seen = mismatches([tmp_path / "b.parquet"], {})
    assert tables_seen == 2 and len(faults) == 1 and "a.parquet: made of another problems" in faults[0]
    assert "delete a.parquet and rerun the command" in faults[0]
    (tmp_path / "problems").unlink()
    assert mismatches([tmp_path / "b.parquet"], {})[0] == [], "what is gone cannot be compared"
    faults, _ = mismatches([tmp_path / "b.parquet"], {"made": "other"})
    assert len(faults) == 2 and all("made by other code or settings of made" in fault for fault in faults)
