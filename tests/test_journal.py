import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.journal import Journal, fingerprint, request_id


def filled(path, names="abc"):
    journal = Journal(path)
    for name in names:
        journal.append({"id": name, "tokens": [1, 2, 3]})
    journal.close()
    return path.read_bytes()


def test_what_was_appended_is_read_again(tmp_path):
    filled(tmp_path / "j.jsonl")
    again = Journal(tmp_path / "j.jsonl")
    assert list(again.entries) == ["a", "b", "c"]
    assert again.dropped == 0


@pytest.mark.parametrize("kept", range(1, 30))
def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(tmp_path, kept):
    path = tmp_path / "j.jsonl"
    whole = filled(path)
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    path.write_bytes(whole[: last + kept])
    journal = Journal(path)
    assert list(journal.entries) == ["a", "b"]
    assert journal.dropped == 1
    journal.append({"id": "d", "tokens": []})
    journal.close()
    assert list(Journal(path).entries) == ["a", "b", "d"]


def test_a_last_line_without_its_newline_is_whole(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_bytes(filled(path).rstrip(b"\n"))
    journal = Journal(path)
    journal.append({"id": "d", "tokens": []})
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


def test_a_fingerprint_depends_on_values_and_not_on_their_order():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_a_request_is_named_by_prompt_and_sampling():
    names = {
        request_id([1, 2], seed=1, max_tokens=5),
        request_id([1, 3], seed=1, max_tokens=5),
        request_id([1, 2], seed=2, max_tokens=5),
        request_id([1, 2], seed=1, max_tokens=6),
    }
    assert len(names) == 4
