"""download_benchmark and download_model: whole files, or a message that says what to mend."""

import csv
import errno
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from frontiers.core import files
from frontiers.core.cli import UserError
from frontiers.data import benchmark_source, checkpoints
from frontiers.data.problems import read_problems
from support.downloads import (
    CONFIG,
    FIELDS,
    SHARED,
    fails,
    make_checkpoint,
    needs_shared,
    run_benchmark,
    run_model,
    sha256,
    weights,
)
from support.paths import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def local(tmp_path) -> tuple[Path, dict]:
    """A benchmark file in its final form and its block."""
    rows = [
        {"id": f"p{i}", "question": f"What is {i} + 1?", "answer": str(i + 1), **FIELDS} for i in range(5)
    ]
    path = write_lines(tmp_path / "sums.jsonl", rows)
    return path, {"path": str(path), "sha256": sha256(path), "rows": 5, **FIELDS}


# Benchmarks


def test_local_benchmark_is_copied_with_its_origin(local, tmp_path):
    path, block = local
    output = tmp_path / "out" / "sums.jsonl"
    run_benchmark(block, output)
    assert output.read_bytes() == path.read_bytes()
    origin = json.loads(output.with_suffix(".json").read_text())
    assert origin == {
        "path": str(path),
        "sha256": sha256(path),
        "rows": 5,
        "problems_sha256": sha256(path),
        "licence": "MIT",
        "source": "a test",
        "made_by": None,
    }
    assert sorted(p.name for p in output.parent.iterdir()) == ["sums.json", "sums.jsonl"]


def test_prompt_is_written_into_the_question_and_only_the_problem_is_filled_in(local, tmp_path):
    _, block = local
    run_benchmark({**block, "prompt": "{question} Use \\boxed{}, {x}."}, tmp_path / "out.jsonl")
    problem = read_problems(tmp_path / "out.jsonl")[0]
    assert problem.question == "What is 0 + 1? Use \\boxed{}, {x}."


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"sha256": "0" * 64}, ("sums.jsonl", "0000", "config.yaml")),
        ({"rows": 6}, ("5", "6", "rows", "config.yaml")),
        ({"path": "nowhere.jsonl"}, ("nowhere.jsonl", "path")),
        ({"answer_type": "choice"}, ("sums.jsonl", "number", "choice", "correct either")),
    ],
)
def test_wrong_local_benchmark_writes_nothing(local, tmp_path, change, wanted):
    _, block = local
    output = tmp_path / "out" / "sums.jsonl"
    fails(run_benchmark, {**block, **change}, output, wanted=wanted)
    assert not output.parent.exists() or not list(output.parent.iterdir())


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"id": "p0"}, ("p0",)),
        ({"id": ""}, ("`id` is empty",)),
        ({"answer": "}{"}, ("benchmark `sums`", "cannot be read as number", "}{")),
    ],
)
def test_bad_problem_of_a_local_benchmark(local, tmp_path, row, wanted):
    path, block = local
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_lines(path, [*rows[:4], rows[4] | row])
    fails(run_benchmark, {**block, "sha256": sha256(path)}, tmp_path / "o" / "sums.jsonl", wanted=wanted)
    assert not list((tmp_path / "o").glob("*") if (tmp_path / "o").exists() else [])


def test_failure_leaves_the_previous_output(local, tmp_path):
    _, block = local
    output = tmp_path / "sums.out.jsonl"
    run_benchmark(block, output)
    before = output.read_bytes()
    fails(run_benchmark, {**block, "rows": 9}, output, wanted=("9",))
    assert output.read_bytes() == before


def test_full_disk_is_said(local, tmp_path, monkeypatch):
    def full(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    fails(
        run_benchmark, local[1], tmp_path / "o.jsonl", wanted=("no space left", "o.jsonl", "free some space")
    )


def mapped(path: Path, name: str) -> dict:
    """Return the shipped block of a benchmark, read from a local file with the Hub's columns or nearly so."""
    block = {
        k: v for k, v in CONFIG["benchmarks"][name].items() if k not in ("repository", "revision", "subset")
    }
    block = {k: v for k, v in block.items() if k not in ("split", "label")}
    if name in ("aime-2025", "hmmt-feb-2025"):
        block["columns"] = {**block["columns"], "id": "id"}
    return {**block, "path": str(path), "sha256": sha256(path)}


@needs_shared
@pytest.mark.parametrize(
    ("name", "file", "first"),
    [
        ("gsm8k", "gsm8k_test.jsonl", ("gsm8k-0000", "18")),
        ("aime-2025", "aime_2025.matharena.jsonl", ("aime_2025_I/1", "70")),
    ],
)
def test_real_benchmarks(tmp_path, name, file, first):
    block = mapped(SHARED / file, name)
    run_benchmark(block, tmp_path / "out.jsonl", name)
    problems = read_problems(tmp_path / "out.jsonl", rows=block["rows"])
    assert (problems[0].id, problems[0].answer) == first
    assert len({problem.id for problem in problems}) == block["rows"]
    assert all(problem.question.endswith("within \\boxed{}.") for problem in problems)
    assert {problem.answer_type for problem in problems} == {block["answer_type"]}


@needs_shared
@pytest.mark.parametrize("name", ["gsm8k", "math500"])
def test_checksum_is_that_of_the_public_file(name):
    block = CONFIG["benchmarks"][name]
    rows = benchmark_source.source_rows((SHARED / f"{name}_test.jsonl").read_bytes(), name)
    assert benchmark_source.rows_checksum(rows, benchmark_source.used_columns(block)) == block["sha256"]


@needs_shared
def test_real_benchmark_cut_short(tmp_path):
    content = (SHARED / "gsm8k_test.jsonl").read_bytes()
    path = tmp_path / "gsm8k.jsonl"
    path.write_bytes(b"".join(content.splitlines(keepends=True)[:1000]))
    block = mapped(path, "gsm8k")
    fails(run_benchmark, block, tmp_path / "o.jsonl", wanted=("expected 1319 rows, found 1000",))
    block["sha256"] = sha256(SHARED / "gsm8k_test.jsonl")
    fails(run_benchmark, block, tmp_path / "o.jsonl", wanted=("expected sha256 3730d312", "damaged"))


COLUMNS = {"columns": {"question": "q", "answer": "a", "id": None}, "rows": 1, **FIELDS}


@pytest.mark.parametrize(
    ("row", "block", "wanted"),
    [
        ({"q": "x"}, {}, ("row 0: no column `a`", "the columns are: q", "columns")),
        (
            {"q": "x", "a": "12"},
            {"gold_pattern": "#### (.*)"},
            ("row 0", "`gold_pattern` finds no answer", "12"),
        ),
        ({"q": "x", "a": None}, {}, ("the gold answer is empty",)),
        ({"q": "", "a": "1"}, {}, ("benchmark `sums`", "`question` is empty")),
    ],
)
def test_rows_that_cannot_become_problems(tmp_path, row, block, wanted):
    path = write_lines(tmp_path / "rows.jsonl", [row])
    block = {**COLUMNS, **block, "path": str(path), "sha256": sha256(path)}
    fails(run_benchmark, block, tmp_path / "o.jsonl", wanted=wanted)


def test_line_that_is_no_json(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": "x", "a": "1"}\n{"q": \n')
    block = {**COLUMNS, "path": str(path), "sha256": sha256(path)}
    fails(run_benchmark, block, tmp_path / "o.jsonl", wanted=("rows.jsonl, line 2: not JSON",))


def test_options_hold_all_and_the_letter_points_to_the_right_one():
    texts = ["right", "wrong 1", "wrong 2", "wrong 3"]
    letters = []
    for i in range(400):
        question, letter = benchmark_source.with_options("Which?", texts[0], texts[1:], f"gpqa/{i}")
        lines = question.split("\n\n")[1].split("\n")
        assert sorted(line[3:] for line in lines) == sorted(texts)
        assert [line[:3] for line in lines] == ["A) ", "B) ", "C) ", "D) "]
        assert lines["ABCD".index(letter)] == f"{letter}) right"
        assert benchmark_source.with_options("Which?", texts[0], texts[1:], f"gpqa/{i}") == (question, letter)
        letters.append(letter)
    counts = [letters.count(letter) for letter in "ABCD"]
    assert min(counts) > 70 and max(counts) < 130


def test_order_of_the_options_never_changes():
    """The order is part of the benchmark: another one would make old generations unreadable."""
    question, letter = benchmark_source.with_options("Which?", "r", ["x", "y", "z"], "gpqa-diamond/rec1")
    assert (question, letter) == ("Which?\n\nA) z\nB) x\nC) r\nD) y", "C")


# Checkpoints


@pytest.mark.parametrize("shards", [1, 2])
def test_manifest_of_a_local_checkpoint(tmp_path, shards):
    folder = make_checkpoint(tmp_path / "tiny", shards)
    manifest = run_model({"path": str(folder)}, tmp_path / "out" / "tiny.json")
    assert manifest["folder"] == str(folder)
    assert (manifest["commit"], manifest["parameters"], manifest["weight_bytes"]) == (None, 35, 134)
    weights = sorted(path.name for path in folder.glob("*.safetensors"))
    assert set(weights) | {"config.json", "tokenizer.json", "tokenizer_config.json"} <= set(manifest["files"])
    assert not {"README.md", "training.json"} & set(manifest["files"])
    assert all(manifest["files"][name] == sha256(folder / name) for name in manifest["files"])


def test_a_card_changes_no_manifest_and_a_weight_does(tmp_path):
    folder = make_checkpoint(tmp_path / "tiny")
    before = run_model({"path": str(folder)}, tmp_path / "m.json")
    (folder / "README.md").write_text("another card")
    assert run_model({"path": str(folder)}, tmp_path / "m.json") == before
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    assert run_model({"path": str(folder)}, tmp_path / "m.json")["files"] != before["files"]


def test_checksum_of_the_weights(tmp_path):
    folder = make_checkpoint(tmp_path / "tiny", 2)
    whole = files.sha256_of(*sorted(folder.glob("*.safetensors")))
    run_model({"path": str(folder), "sha256": whole}, tmp_path / "m.json")
    wanted = ("expected sha256 000", f"found {whole}", "git checkout")
    fails(run_model, {"path": str(folder), "sha256": "0" * 64}, tmp_path / "m.json", wanted=wanted)


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def edit_header(path: Path, change) -> None:
    """Apply `change` to the header of a safetensors file, leaving its data as it is."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header)
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + content[8 + length :])


# What is done to a checkpoint, and what the message must hold.
DAMAGE = {
    "no folder": (lambda f: f.rename(f.with_name("gone")), ("there is no such folder",)),
    "no config": (lambda f: (f / "config.json").unlink(), ("config.json: cannot be read",)),
    "config cut short": (lambda f: cut(f / "config.json", 9), ("config.json: damaged: not JSON",)),
    "config of nothing": (lambda f: (f / "config.json").write_text("{}"), ("config.json: no `model_type`",)),
    "config is a list": (
        lambda f: (f / "config.json").write_text("[]"),
        ("expected a JSON object, found list",),
    ),
    "no tokenizer": (
        lambda f: (f / "tokenizer.json").unlink(),
        ("no tokenizer: expected one of tokenizer.json",),
    ),
    "no weights": (lambda f: weights(f).unlink(), ("no weights: expected *.safetensors, found", "README.md")),
    "pickle only": (
        lambda f: weights(f).rename(f / "pytorch_model.bin"),
        ("weights are pickles only (pytorch_model.bin)", "safetensors"),
    ),
    "empty weights": (
        lambda f: cut(weights(f), 0),
        ("expected the length of its header, found a file of 0 bytes",),
    ),
    "header cut short": (
        lambda f: cut(weights(f), 40),
        ("damaged: expected a header of", "found a file of 40 bytes"),
    ),
    "data cut short": (
        lambda f: cut(weights(f), weights(f).stat().st_size - 1),
        ("model.safetensors: damaged: expected", "bytes, found"),
    ),
    "data too long": (
        lambda f: weights(f).write_bytes(weights(f).read_bytes() + b"x"),
        ("model.safetensors: damaged: expected", "bytes, found"),
    ),
    "header is no JSON": (
        lambda f: weights(f).write_bytes(struct.pack("<Q", 4) + b"abcd" + bytes(99)),
        ("damaged: not a safetensors header",),
    ),
    "header without offsets": (
        lambda f: edit_header(weights(f), lambda h: h["a"].pop("data_offsets")),
        ("damaged: not a safetensors header",),
    ),
    "wrong shape": (
        lambda f: edit_header(weights(f), lambda h: h["a"].update(shape=[4, 9])),
        ("tensor a should take 144 bytes, found 128",),
    ),
    "overlap": (
        lambda f: edit_header(weights(f), lambda h: h["b"].update(data_offsets=[126, 132])),
        ("tensor b should begin at byte 128, found 126",),
    ),
    "pointer": (
        lambda f: weights(f).write_text(
            "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"
        ),
        ("Git LFS pointer", "git lfs pull"),
    ),
}


@pytest.mark.parametrize(("damage", "wanted"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_checkpoint(tmp_path, damage, wanted):
    folder = make_checkpoint(tmp_path / "tiny")
    damage(folder)
    message = fails(run_model, {"path": str(folder)}, tmp_path / "m.json", wanted=(str(folder), *wanted))
    assert "pickles" in message or "Restore the folder of model `tiny`" in message
    assert not (tmp_path / "m.json").exists()


def test_index_against_files(tmp_path):
    folder = make_checkpoint(tmp_path / "tiny", 2)
    second = folder / "model-00002-of-00002.safetensors"
    save_file({"c": np.zeros(3, np.float16)}, second)
    wanted = (str(second), "no tensor b, which the index expects in it")
    fails(run_model, {"path": str(folder)}, tmp_path / "m.json", wanted=wanted)
    second.unlink()
    wanted = ("missing model-00002-of-00002.safetensors, listed in the index",)
    fails(run_model, {"path": str(folder)}, tmp_path / "m.json", wanted=wanted)
    (folder / checkpoints.INDEX).write_text("{}")
    fails(run_model, {"path": str(folder)}, tmp_path / "m.json", wanted=(checkpoints.INDEX, "weight_map"))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_cut_is_found(tmp_path_factory, data):
    """Whatever is missing from the end of a safetensors file, it is noticed, as a fault of the file."""
    path = tmp_path_factory.mktemp("cut") / "model.safetensors"
    save_file({"a": np.ones((2, 3), np.float32), "b": np.zeros(5, np.int8)}, path)
    whole = checkpoints.read_header(path)
    assert {name: entry["shape"] for name, entry in whole.items()} == {"a": [2, 3], "b": [5]}
    cut(path, data.draw(st.integers(0, path.stat().st_size - 1)))
    with pytest.raises(UserError, match="damaged"):
        checkpoints.read_header(path)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_message(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "model.safetensors"
    path.write_bytes(struct.pack("<Q", max(len(content) - 3, 0)) + content)
    with pytest.raises(UserError, match=r"model\.safetensors"):
        checkpoints.read_header(path)


def test_shipped_pocket_models_are_whole(tmp_path):
    blocks = {
        n: b
        for n, b in CONFIG["models"].items()
        if "path" in b and (ROOT / b["path"] / "config.json").exists()
    }
    if not blocks:
        pytest.skip("no pocket model has been trained yet")
    for name, block in blocks.items():
        manifest = run_model({"path": str(ROOT / block["path"])}, tmp_path / f"{name}.json", name)
        assert manifest["parameters"] < 6_000_000


def test_published_labels_name_the_benchmarks_of_the_table():
    with (ROOT / "data" / "published" / "open_models.csv").open() as file:
        found = {row["benchmark"] for row in csv.DictReader(file)}
    assert found >= set(CONFIG["studies"]["published"]["labels"])
