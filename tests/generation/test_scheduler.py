"""The order in which episodes are served, how it is booked and told, and several journals in one job."""

import pytest

from frontiers.generation import scheduler
from frontiers.generation.journal import Journal, Tally, last_tally
from frontiers.generation.requests import Request, complete
from support.writer import EOS, THINKING, Writer, decode


def episode(number, answers=2, length=30):
    """A trace, then answers to it."""
    (trace,) = yield from complete([Request((number,), number, length, THINKING.end)], None)
    asked = [Request((number, *trace.tokens, n), n, 9, (EOS,)) for n in range(answers)]
    done = yield from complete(asked, None)
    return number, len(trace.tokens), [answer.id for answer in done]


def test_results_stand_in_the_order_of_the_courses(tmp_path):
    results, _ = decode([episode(n) for n in range(7)], tmp_path / "j.jsonl", Writer())
    assert [number for number, _, _ in results] == list(range(7))
    assert all(len(set(answers)) == 2 for _, _, answers in results)


def test_what_a_course_asks_next_goes_before_what_is_new(tmp_path):
    writer = Writer(capacity=2)
    decode([episode(n) for n in range(4)], tmp_path / "j.jsonl", writer)
    order = [("trace" if r in writer.traces else "answer", r.prompt[0]) for r in writer.asked]
    # The first trace is answered before the third is begun, though that was waiting longer.
    assert order.index(("answer", 0)) < order.index(("trace", 2))
    assert order[:2] == [("trace", 0), ("trace", 1)]


def test_the_engine_is_kept_full_and_never_overfull(tmp_path):
    levels = []

    class Watched(Writer):
        def receive(self):
            levels.append(len(self.held))
            return super().receive()

    decode([episode(n) for n in range(9)], tmp_path / "j.jsonl", Watched(capacity=4))
    assert max(levels) == 4
    assert all(level == 4 for level in levels[:-8])


def test_benchmarks_of_one_job_have_a_journal_each_and_no_gap_between_them(tmp_path):
    runs = [
        scheduler.BenchmarkRun(Journal(tmp_path / f"{name}.jsonl"), [episode(n + first) for n in range(3)])
        for name, first in (("a", 0), ("b", 100))
    ]
    together = []

    class Watched(Writer):
        def receive(self):
            together.append({request.prompt[0] >= 100 for request in self.held})
            return super().receive()

    scheduler.drive(runs, Watched(capacity=3), lambda line: None)
    assert {False, True} in together
    for run, first in zip(runs, (0, 100), strict=True):
        run.journal.close()
        assert [number for number, _, _ in run.results] == [first, first + 1, first + 2]
        assert run.requests == 9
        tally = last_tally(run.journal.path)
        assert (tally.total, tally.done) == (3, 2)  # as of the last line, before the last episode ended
        assert run.journal.tally.done == run.journal.tally.worked == 3


def test_the_tally_books_tokens_and_device_seconds_of_every_job(tmp_path):
    path = tmp_path / "j.jsonl"
    writer = Writer()
    with pytest.raises(KeyboardInterrupt):
        decode([episode(n) for n in range(5)], path, Writer(dies_at=6, capacity=1))
    stopped = last_tally(path)
    _, run = decode([episode(n) for n in range(5)], path, writer)
    tally = run.journal.tally
    assert tally.tokens == writer.tokens
    assert tally.done == 5
    assert tally.worked == 3
    assert stopped.gpu_seconds > 0
    assert tally.gpu_seconds == pytest.approx(stopped.gpu_seconds + 2 * tally.seconds, rel=0.5)
    assert tally.gpu_seconds > stopped.gpu_seconds


def test_a_job_with_nothing_to_decode_asks_the_engine_for_nothing_and_leaves_the_journal(tmp_path):
    path = tmp_path / "j.jsonl"
    first, _ = decode([episode(n) for n in range(3)], path, Writer())
    before = path.read_bytes()
    again, run = decode([episode(n) for n in range(3)], path, Writer(dies_at=0))
    assert again == first
    assert path.read_bytes() == before
    assert run.journal.tally.worked == 0


def test_progress_says_how_far_and_how_long():
    assert scheduler.progress([Tally(total=10)]) == "0 of 10 problems done, 0 tokens/s"
    half = Tally(total=1000, done=600, worked=500, tokens=9000, seconds=30.0)
    rest = Tally(total=1000)
    assert scheduler.progress([half, rest]) == "600 of 2,000 problems done, 300 tokens/s, 84 s left"
    assert [scheduler.duration(s) for s in (99, 600, 7200)] == ["99 s", "10 min", "2.0 h"]


def test_progress_is_told_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler, "REPORT_SECONDS", 0)
    lines = []
    decode([episode(n) for n in range(3)], tmp_path / "j.jsonl", Writer(), lines.append)
    assert lines[-1].startswith("3 of 3 problems done")
    assert len(lines) > 3
