import hashlib
import json

import pytest

from frontiers.core.cli import UserError
from frontiers.data.problems import Problem, read_problems
from frontiers.grading.grades import check_gold

ROW = {
    "id": "a",
    "question": "How many?",
    "answer": "3",
    "answer_type": "number",
    "licence": "MIT",
    "source": "made here",
}


def write(path, *rows):
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def test_reads_problems_in_order(tmp_path):
    path = write(tmp_path / "p.jsonl", ROW, {**ROW, "id": "b", "steps": 2})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    first, second = read_problems(path, sha256=digest.upper(), rows=2)
    assert first == Problem("a", "How many?", "3", "number", "MIT", "made here")
    assert second.id == "b"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({**ROW, "id": ""}, "line 2: `id` is empty"),
        ({**ROW, "id": "a"}, "line 2: duplicate id 'a', first in line 1"),
        ({**ROW, "id": 7}, "line 2: expected text in `id`, found int"),
        ({**ROW, "id": "b", "question": " \n"}, "line 2: `question` is empty"),
        ({**ROW, "id": "b", "answer": ""}, "line 2: `answer` is empty"),
        ({**ROW, "id": "b", "answer": 3}, "line 2: expected text in `answer`, found int; put it in quotes"),
        ({**ROW, "id": "b", "answer": None}, "line 2: expected text in `answer`, found NoneType"),
        (
            {**ROW, "id": "b", "answer_type": "essay"},
            "line 2: unknown answer type 'essay'; use one of number",
        ),
        (
            {"id": "b", "question": "?"},
            r"line 2: the fields \['answer', 'answer_type', 'licence', 'source'\]",
        ),
        (["a"], r"line 2: expected an object with .*, found list"),
        (b'{"id": "b"', "line 2: not JSON"),
        (b"", "line 2: not JSON"),
        (b'{"id": "\xff"}', "line 2: not UTF-8"),
        (b"[" * 100_000, "line 2: not JSON"),
        (
            {**ROW, "id": "b", "question": "a\ud83d b"},
            r"line 2: `question` has half of a surrogate pair, \\ud83d, at character 1",
        ),
        ({**ROW, "id": "b\0"}, r"line 2: `id` has a NUL, \\u0000, at character 1: remove it"),
    ],
)
def test_bad_line_is_named(tmp_path, bad, message):
    path = write(tmp_path / "p.jsonl", ROW, bad, {**ROW, "id": "c"})
    with pytest.raises(UserError, match=message):
        read_problems(path)


def test_wrong_file_is_named(tmp_path):
    path = write(tmp_path / "p.jsonl", ROW)
    with pytest.raises(
        UserError, match=r"its sha256 is .* and has 1 rows, not 3\..*update `sha256` and `rows`"
    ):
        read_problems(path, sha256="0" * 64, rows=3)
    with pytest.raises(UserError, match=r"its sha256 is [0-9a-f]{64}, config.yaml says 0000"):
        read_problems(path, sha256="0" * 64)
    with pytest.raises(UserError, match=r"1 problems, config\.yaml says 2 rows"):
        read_problems(path, rows=2)
    with pytest.raises(UserError, match="cannot be read"):
        read_problems(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="the benchmark has no problems"):
        read_problems(write(tmp_path / "empty.jsonl"))


def test_gold_that_cannot_be_read_is_named():
    kind = {"question": "?", "licence": "MIT", "source": "made", "answer_type": "expression"}
    good = [Problem(id=str(i), answer=a, **kind) for i, a in enumerate(["3", r"\frac{1}{2}", r"\text{east}"])]
    check_gold(good, "made")
    bad = Problem(id="x", answer=r"\frac{1}{", **kind)
    with pytest.raises(UserError, match=r"made: 1 gold answers cannot be read as expression \(x: "):
        check_gold([*good, bad], "made")
    with pytest.raises(UserError, match="cannot be read as choice"):
        check_gold([Problem(id="y", answer="12", **{**kind, "answer_type": "choice"})], "made")
