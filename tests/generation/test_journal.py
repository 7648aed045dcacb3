import errno
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.core.cli import UserError
from frontiers.generation.journal import Journal, Tally, encoded, last_tally
from frontiers.generation.requests import Completion, Request, fingerprint
from support.writer import completion


def filled(path, names="abc"):
    journal = Journal(path)
    for number, name in enumerate(names, start=1):
        journal.tally.tokens = number
        journal.append(completion(name))
    journal.close()
    return path.read_bytes()


def test_what_was_appended_is_read_again(tmp_path):
    filled(tmp_path / "j.jsonl")
    again = Journal(tmp_path / "j.jsonl")
    assert list(again.entries) == ["a", "b", "c"]
    assert Completion.from_entry(again.entries["b"]) == completion("b")
    assert again.dropped == 0
    assert again.tally == last_tally(tmp_path / "j.jsonl") == Tally(tokens=3)


@pytest.mark.parametrize("kept", range(1, 60, 3))
def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(tmp_path, kept):
    path = tmp_path / "j.jsonl"
    whole = filled(path)
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    path.write_bytes(whole[: last + kept])
    journal = Journal(path)
    assert list(journal.entries) == ["a", "b"]
    assert journal.dropped == 1
    assert journal.tally.tokens == last_tally(path).tokens == 2
    journal.append(completion("d"))
    journal.close()
    assert list(Journal(path).entries) == ["a", "b", "d"]


def test_a_last_line_without_its_newline_is_whole(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_bytes(filled(path).rstrip(b"\n"))
    journal = Journal(path)
    journal.append(completion("d"))
    journal.close()
    assert list(Journal(path).entries) == ["a", "b", "c", "d"]


@given(st.data())
def test_a_flipped_byte_loses_its_line_and_no_other(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    content = bytearray(filled(path, "abcdef"))
    place = data.draw(st.integers(0, len(content) - 1).filter(lambda i: content[i] != ord("\n")))
    content[place] ^= data.draw(st.integers(1, 255).filter(lambda b: content[place] ^ b != ord("\n")))
    path.write_bytes(content)
    journal = Journal(path)
    assert len(journal.entries) == 5
    assert journal.dropped == 1


def test_a_full_disk_tears_nothing_and_says_so(tmp_path, monkeypatch):
    path = tmp_path / "j.jsonl"
    whole, write = filled(path), os.write

    def full(file, line):
        if len(line) > 20:
            return write(file, line[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(path)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(
        UserError, match=r"no space left on its disk\. The 3 requests journalled so far are kept"
    ):
        journal.append(completion("d", range(6)))
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert "d" not in journal.entries
    journal.append(completion("d", range(6)))
    journal.close()
    again = Journal(path)
    assert list(again.entries) == ["a", "b", "c", "d"]
    assert again.dropped == 0


def test_a_second_writer_is_refused_until_the_first_has_closed(tmp_path):
    first, second = Journal(tmp_path / "j.jsonl"), Journal(tmp_path / "j.jsonl")
    first.append(completion("a"))
    with pytest.raises(UserError, match="another job is writing this file"):
        second.append(completion("b"))
    first.close()
    second.append(completion("b"))
    second.close()
    assert list(Journal(tmp_path / "j.jsonl").entries) == ["a", "b"]


def test_compacting_joins_pieces_and_drops_what_was_torn(tmp_path):
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    journal.append(completion("a", (1, 2)))
    journal.append(completion("b", (7,)))
    journal.append(completion("c", (3, 4)), after="a", start=2)
    journal.append(replace(completion("d", (5,), "stop"), decoded=2, stopped_at=9), after="a", start=4)
    journal.append(completion("e"), after="lost", start=3)
    journal.close()
    path.write_bytes(path.read_bytes() + b"0bad0bad {torn")
    again = Journal(path)
    again.tally = Tally(total=2, done=2, gpu_seconds=5.0)
    again.compact()
    compact = Journal(path)
    assert compact.dropped == 0
    assert list(compact.entries) == ["a", "b", "e"]
    whole = Completion.from_entry(compact.entries["a"])
    assert whole.tokens == (1, 2, 3, 4, 5)
    assert (whole.decoded, whole.finish_reason, whole.stopped_at) == (6, "stop", 9)
    assert whole.seconds == pytest.approx(1.5)
    assert compact.tally == last_tally(path) == Tally(total=2, done=2, gpu_seconds=5.0)


def test_an_empty_journal_has_no_tally(tmp_path):
    (tmp_path / "j.jsonl").touch()
    assert last_tally(tmp_path / "j.jsonl") is None


def test_a_fingerprint_depends_on_values_and_not_on_their_order():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_a_request_is_named_by_what_it_starts_from_and_not_by_its_budget():
    request = Request((1, 2), 1, 5, (3,))
    others = [
        replace(request, prompt=(1, 3)),
        replace(request, seed=2),
        replace(request, stop=(4,)),
        replace(request, stop_text="x"),
    ]
    assert len({request.id, *(other.id for other in others)}) == 5
    assert replace(request, max_tokens=6, written=1).id == request.id


NO_LINES = [
    [1],
    "text",
    {"id": "x", "after": "y"},
    {"id": "x", "after": "y", "start": None},
    {"id": "x", "after": "y", "start": 1.0},
]


@pytest.mark.parametrize("entry", NO_LINES)
def test_a_whole_line_that_is_none_of_a_journal_is_dropped(tmp_path, entry):
    path = tmp_path / "j.jsonl"
    path.write_bytes(encoded(entry))
    journal = Journal(path)
    assert journal.dropped == 1 and not journal.entries
    journal.compact()
    journal.close()
    assert Journal(path).dropped == 0


def test_an_unknown_tally_counts_for_nothing(tmp_path):
    path = tmp_path / "j.jsonl"
    odd = encoded({"tally": {"done": "many", "later": 1, "tokens": 7}})
    path.write_bytes(odd + encoded({"tally": [1]}))
    assert Journal(path).tally == Tally()
    path.write_bytes(odd)
    assert Journal(path).tally == last_tally(path) == Tally(tokens=7)
