"""Work divided among jobs makes the same table as one job."""

import itertools
import json
import os
import shutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import collect
from frontiers.config import study as config
from frontiers.core import sealed, tables
from frontiers.core.cli import UserError
from frontiers.core.files import sha256_of
from frontiers.generation import scheduler, shards, status
from frontiers.generation.strategies import chain
from support.writer import PROBLEMS, THINKING, TOKENIZER, Writer, settings_of

MANIFEST = {"folder": "m", "files": {"config.json": "1"}}
ASKED = {"identity": {"sampling": {}}, "caps": [0, 8, None], "samples": 2, "seed": 7, "code": "c0de"}


def names(count):
    return config.shards({"shards": count})


def generate(folder, shard, writer, problems=PROBLEMS, caps=(0, 8, None), dies=False):
    """Generate a shard as generate.py does; write its table and provenance, return the run."""
    journal = shards.open_journal(folder / "journal", "b.cot", shard)
    wanted = chain.episodes(
        shards.problems_of(problems, shard), TOKENIZER, THINKING, {}, settings_of(caps, samples=2)
    )
    run = scheduler.BenchmarkRun(journal, wanted)
    try:
        scheduler.drive([run], writer, lambda line: None)
    finally:
        journal.close()
    table = chain.tabulate(list(itertools.chain(*run.results)), TOKENIZER)
    out = folder / f"made{shard}"
    tables.write_table(table, out / "b.cot.parquet", "generations")
    said = {
        "wall_seconds": 2.0, "engine_seconds": 1.0, "decoded_requests": run.requests, "begun": "2026",
        "journalled_requests": run.known, "decoded_tokens": 10, "truncated": 1, "looping": 0,
        "finish_reasons": {"stop": 2}, "energy_joules": 5.0, "measured": {"joules": 5.0}, "model": "m",
        "problems_sha256": sha256_of(write_problems(folder, problems)), "fingerprint": "f", "manifest": MANIFEST,
        **ASKED,
    }  # fmt: skip
    sealed.write(out / "b.cot.json", said)
    return run


def write_problems(folder, problems=PROBLEMS):
    source = folder / "b.jsonl"
    source.write_text("".join(json.dumps(vars(problem)) + "\n" for problem in problems))
    return source


def put_together(folder, count, problems=PROBLEMS):
    source, manifest = write_problems(folder, problems), folder / "manifest.json"
    manifest.write_text(json.dumps(MANIFEST | {"made_by": "x"}))
    folders = [str(folder / f"made{name[1:]}") for name in names(count)]
    collect.main(
        ["--folders", *folders, "--name", "b.cot", "--problems", str(source), "--manifests",
         str(manifest), "--asked", json.dumps(ASKED), "--output",
         str(folder / "whole.parquet"), "--provenance", str(folder / "whole.json")]
    )  # fmt: skip
    return (folder / "whole.parquet").read_bytes(), sealed.read(folder / "whole.json")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_shards_merge_to_the_identical_table(tmp_path, count):
    one = tmp_path / "one"
    generate(one, "", Writer())
    expected, _ = put_together(one, 1)
    assert expected == (one / "made/b.cot.parquet").read_bytes()
    many = tmp_path / "many"
    asked = [generate(many, name[1:], Writer()).requests for name in names(count)]
    found, said = put_together(many, count)
    assert found == expected
    assert said["decoded_requests"] == sum(asked) == generate(tmp_path / "again", "", Writer()).requests
    assert said["energy_joules"] == 5.0 * count and said["finish_reasons"] == {"stop": 2 * count}
    assert len(said.get("shards", [1])) == count


@given(st.integers(0, 50), st.integers(1, 12))
@settings(deadline=None)
def test_every_problem_is_in_one_shard_and_shards_are_alike(problems, count):
    parts = [shards.problems_of(range(problems), name[1:]) for name in names(count)]
    assert sorted(itertools.chain(*parts)) == list(range(problems))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_another_number_of_shards_decodes_nothing_again(tmp_path):
    alone, writer = Writer(), Writer(dies_at=7)
    generate(tmp_path / "alone", "", alone)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, "", writer)
    done = 7
    writers = [Writer() for _ in range(2)]
    for name, each in zip(names(2), writers, strict=True):
        generate(tmp_path, name[1:], each)
    assert done + sum(len(each.asked) for each in writers) == len(alone.asked)
    last = Writer()
    generate(tmp_path, "", last)
    assert last.asked == []
    assert put_together(tmp_path, 2)[0] == (tmp_path / "made/b.cot.parquet").read_bytes()


def test_shards_beside_each_other_do_not_count_each_others_work(tmp_path):
    generate(tmp_path, "1of2", Writer())
    assert generate(tmp_path, "2of2", Writer()).known == 0


def test_shards_that_do_not_make_up_the_benchmark_are_refused(tmp_path):
    for name in ("1of2", "2of2"):
        generate(tmp_path, name, Writer())
    shutil.copytree(tmp_path / "made1of2", tmp_path / "made")
    with pytest.raises(
        UserError, match=r"do not make up the benchmark: 2 problems are missing .* \(p1, p3\)"
    ):
        put_together(tmp_path, 1)
    shutil.copy(tmp_path / "made1of2/b.cot.parquet", tmp_path / "made2of2/b.cot.parquet")
    with pytest.raises(UserError, match="do not make up"):
        put_together(tmp_path, 2)


def test_other_problems_than_were_answered_are_refused(tmp_path):
    generate(tmp_path, "", Writer())
    changed = [*PROBLEMS[:-1], replace(PROBLEMS[-1], answer="1")]
    with pytest.raises(
        UserError,
        match=r"b\.cot\.json: not what the study asks for: problems_sha256 differ. Rerun the command",
    ):
        put_together(tmp_path, 1, changed)


def edit(path, **facts):
    sealed.write(path, {**sealed.read(path), **facts})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("manifest", {"folder": "other", "files": {"config.json": "2"}}), ("seed", 8), ("caps", [0, None]),
        ("identity", {"sampling": {"temperature": 1}}), ("code", "0ther"), ("reward_model", {"name": "r"}),
    ],
)  # fmt: skip
def test_generations_of_another_model_or_study_are_refused(tmp_path, key, value):
    generate(tmp_path, "", Writer())
    edit(tmp_path / "made/b.cot.json", **{key: value})
    with pytest.raises(UserError, match=f"not what the study asks for: {key} differ"):
        put_together(tmp_path, 1)
    assert not (tmp_path / "whole.parquet").exists()


def test_shards_of_two_engines_are_refused(tmp_path):
    for name in ("1of2", "2of2"):
        generate(tmp_path, name, Writer())
    edit(tmp_path / "made2of2/b.cot.json", fingerprint="g")
    with pytest.raises(UserError, match=r"several engines .*made1of2: f, .*made2of2: g.*--forcerun generate"):
        put_together(tmp_path, 2)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_torn_provenance_is_refused(tmp_path, content):
    generate(tmp_path, "", Writer())
    (tmp_path / "made/b.cot.json").write_bytes(content)
    with pytest.raises(
        UserError, match=r"cannot be read .* Delete the whole folder .*made and rerun the command"
    ):
        put_together(tmp_path, 1)


def test_of_a_damaged_table_the_whole_folder_is_to_go(tmp_path):
    generate(tmp_path, "", Writer())
    table = tmp_path / "made/b.cot.parquet"
    table.write_bytes(table.read_bytes()[:-5])
    with pytest.raises(UserError) as error:
        put_together(tmp_path, 1)
    assert f"{table}: cannot be read as a table" in str(error.value)
    assert f"Delete the whole folder {table.parent} and rerun the command: what was decoded is in" in str(
        error.value
    )


def test_the_status_of_shards_is_that_of_their_sum(tmp_path):
    """An older journal of another division does not count beside it."""
    for shard in ("1of3", "2of3"):
        generate(tmp_path, shard, Writer())
    generate(tmp_path / "before", "", Writer())
    folder = tmp_path / "journal/m/mark"
    folder.parent.mkdir()
    (tmp_path / "before/journal").rename(folder)
    os.utime(folder / "b.cot.jsonl", (1, 1))
    for path in (tmp_path / "journal").glob("*.jsonl"):
        path.rename(folder / path.name)
    (found,) = status.states("s", {("m", "b", "cot"): 8}, tmp_path)
    assert (found.done, found.tally.total) == (
        4,
        6,
    )  # the last line of each journal was before its last problem
