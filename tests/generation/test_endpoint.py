"""The endpoint as engine: faults from a server of this test's own, tokens from vLLM's server on a pocket model."""

import json
import socket
import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import pytest

from frontiers.core.cli import UserError
from frontiers.generation import scheduler
from frontiers.generation.engines import endpoint
from frontiers.generation.engines.endpoint import Endpoint, spelled_by
from frontiers.generation.journal import Journal, encoded, parsed
from frontiers.generation.requests import Request, fault_of
from support import completions_server, stripping_proxy, vllm_server
from support.completions_server import END, Completions, written
from support.jobs import ENGINE, THINKING, Job
from support.paths import ROOT
from support.writer import TOKENIZER

FOLDER = ROOT / "data/pocket/models/small"
SAMPLING = {"temperature": 0.6, "top_p": 0.95, "top_k": 0, "frequency_penalty": 0.0}
REQUESTS = [Request((9, n), 100 + n, 12, (END,)) for n in range(40)]
SECRET = "sk-never-shown"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.02)
    monkeypatch.delenv(endpoint.KEY, raising=False)


@pytest.fixture
def server(quick):
    """A server, and how to make an engine of it; `said` is what the engine has reported."""
    state = Completions()
    state.said = []
    with completions_server.serving(state) as url:

        def make(**changes):
            settings = {"url": url, "max_num_seqs": 8, "max_model_len": 256, "patience_seconds": 5, **changes}
            return Endpoint(settings, "m", SAMPLING, TOKENIZER, state.said.append)

        state.make = make
        yield state


def run(engine, requests):
    """Return the completions by request, handed over as the schedule does: no more than `capacity` at a time."""
    waiting, done, flying = list(requests), {}, 0
    while waiting or flying:
        while waiting and flying < engine.capacity:
            engine.submit(waiting.pop(0))
            flying += 1
        for completion in engine.receive():
            done[completion.id] = completion
            flying -= 1
    return done


def expected(request):
    """Return tokens and finish reason that the server's rule gives."""
    tokens, reason = written(
        {"prompt": list(request.prompt), "seed": request.seed, "max_tokens": request.max_tokens}
    )
    return tuple(t for t in tokens if t != END), reason


def check(done, requests):
    assert set(done) == {request.id for request in requests}
    for request in requests:
        completion = done[request.id]
        assert (completion.tokens, completion.finish_reason) == expected(request)
        assert completion.stopped_at == (END if completion.finish_reason == "stop" else None)
        assert completion.decoded == len(completion.tokens) + (completion.finish_reason == "stop")
        assert 0 < completion.first_seconds <= completion.seconds


def test_requests_run_together_up_to_the_capacity(server):
    check(run(server.make(), REQUESTS), REQUESTS)
    assert 1 < server.most <= 8
    assert len(server.asked) == len(REQUESTS) and server.said == []


def test_a_request_says_all_that_shapes_its_tokens(server):
    request = replace(REQUESTS[0], prompt=(9, 5, 5, 7), written=3, stop_text="</think>")
    engine_ = server.make()
    engine_.sampling = {**SAMPLING, "frequency_penalty": 0.5}
    run(engine_, [request])
    (body,) = server.asked
    assert body == {
        "model": "tiny", "stream": True, "stream_options": {"include_usage": True}, "return_token_ids": True,
        "prompt": [9, 5, 5, 7], "seed": request.seed,
        "max_tokens": 12, "stop_token_ids": [END], "stop": ["</think>"], "temperature": 0.6, "top_p": 0.95,
        "top_k": 0, "frequency_penalty": 0.5, "presence_penalty": 0.0, "repetition_penalty": 1.0, "min_p": 0.0,
        "logit_bias": {"5": -1.0, "7": -0.5},
    }  # fmt: skip


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, "break", "error", "silence", "abort"])
def test_what_passes_is_asked_again_and_writes_the_same(server, fault):
    server.faults += [fault] * 5
    silent = fault == "silence"
    check(run(server.make(timeout_seconds=0.3 if silent else 60), REQUESTS), REQUESTS)
    # On a busy machine more may be silent for that long.
    assert len(server.asked) >= len(REQUESTS) + 5 if silent else len(server.asked) == len(REQUESTS) + 5
    assert any("trying again" in line for line in server.said)


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        (400, "answers 400: no, 400. Check `url`"),
        (404, "answers 404"),
        (
            401,
            "answers 401: no, 401. Set the environment variable OPENAI_API_KEY to the key of the endpoint",
        ),
        (403, "OPENAI_API_KEY"),
        ("other text", "do not spell its text, 'another another"),
        ("too many", "wrote 13 tokens, but max_tokens was 12"),
        ("endless", "wrote 13 tokens, but max_tokens was 12"),
        ("long line", "a line of over 4 MB"),
        ("two choices", "returns several choices"),
        ("page", "answers with no stream of tokens but '<!DOCTYPE html><title>Sign in</title>'"),
        ("error object", "no credit left"),
        ("endless page", "no stream of tokens but '<p>Sign in</p> <p>"),
        ("filtered", "finish reason 'content_filter', not stop or length"),
        ("no such model", "no such model"),
    ],
)
def test_what_does_not_pass_ends_the_job_at_once(server, fault, wanted):
    server.faults.append(fault)
    with pytest.raises(UserError) as error:
        run(server.make(), REQUESTS)
    assert wanted in str(error.value)
    assert len(server.asked) <= len(REQUESTS)


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("empty", "ran out of its budget of tokens without writing one"),
        ("negative", "token id -1"),
        ("huge", "token id 1000000000000"),
        ("texts", "not all integers"),
        ("fractions", "not all integers"),
        ("goes on", "goes on after a token that ends a text"),
    ],
)
def test_a_reply_that_cannot_be_used_is_never_journalled(server, tmp_path, fault, wanted):
    server.faults += [fault]
    journal = Journal(tmp_path / "j.jsonl")
    with pytest.raises(UserError) as error:
        scheduler.drive([asking(journal)], server.make(), print)
    assert wanted in str(error.value) and "j.jsonl" in str(error.value) and "rerun" in str(error.value)
    journal.close()
    left = Journal(tmp_path / "j.jsonl").entries
    assert all(fault_of(left[r.id], r, len(TOKENIZER)) is None for r in REQUESTS if r.id in left)
    again = asking(Journal(tmp_path / "j.jsonl"))
    scheduler.drive([again], server.make(), print)
    check({c.id: c for c in again.results[0]}, REQUESTS)


def asking(journal):
    """Return a benchmark of one episode that asks for all requests at once."""

    def episode():
        return (yield REQUESTS)

    return scheduler.BenchmarkRun(journal, [episode()], len(TOKENIZER))


POISON = {
    "empty": {"tokens": [], "decoded": 0, "finish_reason": "length"},
    "negative": {"tokens": [5, -3]},
    "huge": {"tokens": [5, 10**15]},
    "texts": {"tokens": ["five"]},
    "goes on": {"tokens": [5, END, 7]},
    "reason": {"finish_reason": None},
    "decoded": {"decoded": 0, "tokens": [5, 6]},
    "no tokens": {"tokens": None},
}


@pytest.mark.parametrize("poison", POISON)
def test_a_poisoned_journal_is_repaired_and_counts_what_it_drops(server, tmp_path, poison):
    path = tmp_path / "j.jsonl"
    whole = asking(Journal(path))
    scheduler.drive([whole], server.make(), print)
    whole.journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    for number in (0, 7):
        lines[number] = encoded(parsed(lines[number]) | POISON[poison])
    path.write_bytes(b"".join(lines))
    asked = len(server.asked)
    again = asking(Journal(path))
    scheduler.drive([again], server.make(), print)
    assert (again.journal.rejected, again.journal.dropped, len(server.asked) - asked) == (2, 0, 2)
    check({c.id: c for c in again.results[0]}, REQUESTS)
    again.journal.compact()
    again.journal.close()
    clean = asking(Journal(path))
    assert scheduler.replay([clean]) == clean.journal.rejected == 0


def test_what_follows_a_finish_reason_is_no_part_of_the_completion(server):
    server.faults += ["goes on later"] * 3
    check(run(server.make(), REQUESTS[:3]), REQUESTS[:3])


@pytest.mark.parametrize("fault", ["comments", *completions_server.TRICKLES])
def test_what_holds_no_token_does_not_outlast_the_timeout(server, fault):
    server.faults += [fault] * 2
    check(run(server.make(timeout_seconds=0.4), REQUESTS[:3]), REQUESTS[:3])
    wanted = "not valid JSON" if fault == "deep" else "sent no token for 0 s"
    assert any(wanted in line and "trying again" in line for line in server.said)


@pytest.mark.parametrize(
    "page",
    [
        *(completions_server.PAGE, b'{"detail": "Not authenticated"}', b"[]", b'{"data": [1]}', b"\xff"),
        *(b'{"data": [{"id": "tiny", "max_model_len": 1e999}]}', b"[" * 100_000),
    ],
)
def test_a_list_of_models_that_is_none_is_shown_at_once(server, page):
    server.page = page
    with pytest.raises(UserError, match="not a list of models; correct `url`") as error:
        server.make()
    assert server.said == []
    if page.isascii() and b"<" in page:
        assert "Sign in" in str(error.value)


def test_a_key_that_the_server_echoes_is_hidden(server, monkeypatch):
    monkeypatch.setenv(endpoint.KEY, SECRET)
    server.faults += ["echo"]
    with pytest.raises(UserError) as error:
        run(server.make(), REQUESTS[:1])
    assert SECRET not in str(error.value) and "bad header Bearer [hidden]" in str(error.value)


def test_patience_ends(server):
    server.faults += [503] * 1000
    with pytest.raises(
        UserError, match=r"503: no, 503, for 0 s now\. What was decoded is in the journal; fix"
    ):
        run(server.make(patience_seconds=0.2), REQUESTS[:2])


def test_the_key_comes_from_the_environment_and_is_never_shown(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", SECRET)
    server.faults += [429, "break", 401]
    runner = server.make(key_variable="MY_KEY")
    with pytest.raises(UserError) as error:
        run(runner, REQUESTS[:1])
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {SECRET}"}
    shown = (
        str(error.value)
        + repr(error.getrepr(chain=True))
        + "".join(server.said)
        + json.dumps(runner.describe())
    )
    assert "MY_KEY" in shown and SECRET not in shown


@pytest.mark.parametrize(
    ("models", "settings", "wanted"),
    [
        ([], {}, "serves nothing, not one model"),
        ([{"id": "a"}, {"id": "b"}], {}, "serves a, b, not one model"),
        ([{"id": "a"}], {"served_model": "c"}, "serves a, not c"),
        (
            [{"id": "a", "max_model_len": 128}],
            {},
            "context of 128 tokens, but the study's engine.max_model_len is 256",
        ),
        ([{"id": "a"}], {"url": {"other": "http://127.0.0.1:9"}}, "engine block has no entry for model `m`"),
    ],
)
def test_an_endpoint_that_serves_something_else_is_refused(server, models, settings, wanted):
    server.models = models
    with pytest.raises(UserError, match=wanted):
        server.make(**settings)


def test_an_endpoint_with_another_tokenizer_is_refused(server):
    server.tokens_of = [1, 2, 3]
    with pytest.raises(UserError, match="does not have the tokenizer of the study's model"):
        server.make()
    server.tokens_of = list(TOKENIZER.encode(endpoint.PROBE, add_special_tokens=False))
    server.make()


def test_an_endpoint_that_comes_late_or_is_lost_for_a_while_is_waited_for(quick):
    """The server starts after the job, is taken away in the middle, and comes back at the same address."""
    state, said = Completions(), []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lost = threading.Event()

    def serve():
        time.sleep(0.3)
        with completions_server.serving(state, port):
            while len(state.asked) < 15:
                time.sleep(0.005)
        time.sleep(0.3)
        with completions_server.serving(state, port):
            lost.wait()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings = {
        "url": f"http://127.0.0.1:{port}/v1",
        "max_num_seqs": 4,
        "max_model_len": 256,
        "patience_seconds": 20,
    }
    check(run(Endpoint(settings, "m", SAMPLING, TOKENIZER, said.append), REQUESTS), REQUESTS)
    lost.set()
    thread.join()
    assert sum("ConnectError" in line for line in said) >= 2


def test_what_is_journalled_is_not_asked_again(server, tmp_path):
    """A job that a fault ends goes on where it stopped."""

    def episode(request):
        (completion,) = yield [request]
        return completion

    def begin():
        return scheduler.BenchmarkRun(
            Journal(tmp_path / "j.jsonl"), [episode(request) for request in REQUESTS]
        )

    server.faults += [*[None] * 19, 400]
    first = begin()
    with pytest.raises(UserError, match="400"):
        scheduler.drive([first], server.make(), lambda line: None)
    first.journal.close()
    kept = len(Journal(tmp_path / "j.jsonl").entries)
    assert 0 < kept < len(REQUESTS)
    state, second = Completions(), begin()
    with completions_server.serving(state) as url:
        scheduler.drive([second], server.make(url=url), lambda line: None)
    assert len(state.asked) == len(REQUESTS) - kept
    check({completion.id: completion for completion in second.results}, REQUESTS)


# vLLM's own server


@pytest.fixture(scope="module")
def served(forks, tmp_path_factory):
    """The small pocket model behind vLLM's server."""
    if not (FOLDER / "model.safetensors").exists():
        pytest.skip("the pocket model is not here")
    with vllm_server.serving(FOLDER, tmp_path_factory.mktemp("server"), SECRET, forks=forks) as url:
        yield url


@pytest.mark.parametrize("ids", [True, False], ids=["with token ids", "with text alone"])
@pytest.mark.parametrize("end", ["</think>", ". Ben"])
def test_the_endpoint_writes_what_the_engine_in_process_writes(forks, served, tmp_path, end, ids):
    """Also where the end marker is a text of several tokens, and where the server returns no token ids."""
    assert (len(TOKENIZER.encode(end, add_special_tokens=False)) > 1) == (end != "</think>")
    with nullcontext(served) if ids else stripping_proxy.stripping(served) as url:
        compare_with_process(forks, url, tmp_path, end, ids)


def compare_with_process(forks, url, tmp_path, end, ids):
    far = {"kind": "endpoint", "url": url, "max_model_len": 256, "max_num_seqs": 32, "piece_tokens": 4096}
    found = []
    for engine in (far, ENGINE):
        folder = tmp_path / engine.get("kind", "vllm")
        folder.mkdir()
        job = Job(folder, problems=20)
        job.engine, job.samples, job.identity = (
            engine,
            2,
            job.identity | {"thinking": THINKING | {"end": end}},
        )
        status, said = forks.run(job, f"import os; os.environ[{endpoint.KEY!r}] = {SECRET!r}")
        assert status == 0, said
        found.append(job)
    table = found[0].whole_table()
    assert len(table) == 160 and table["ended"].nunique() == 2
    assert (table["seconds"] > 0).all()
    assert found[0].table().equals(found[1].table())
    told = found[0].provenance()
    assert (told["tokenised_again"] is None) == ids
    if ids:
        assert told["engine_version"]["endpoint"].startswith("0.")
    else:
        assert told["tokenised_again"]["completions"] > 100


def test_a_text_that_hides_its_end_is_refused(served, monkeypatch):
    monkeypatch.setenv(endpoint.KEY, SECRET)
    prompt = tuple(
        TOKENIZER.encode("Ana has 7 pens . How many pens does Ana have ? <think>", add_special_tokens=False)
    )
    marker = TOKENIZER.convert_tokens_to_ids("</think>")
    settings = {"max_num_seqs": 8, "max_model_len": 256, "patience_seconds": 5}
    with stripping_proxy.stripping(served, "skip_special_tokens") as url:
        engine = Endpoint(settings | {"url": url}, "m", SAMPLING, TOKENIZER, print)
        with pytest.raises(UserError, match="does not show the special token '</think>'"):
            run(engine, [Request(prompt, 5, 120, (END, marker))])


def test_a_server_that_forgets_its_ids_once_is_asked_again(server):
    server.faults.append("no ids")
    check(run(server.make(), REQUESTS), REQUESTS)
    assert len(server.asked) == len(REQUESTS) + 1 and "tokenised again" in server.said[0]


def test_a_key_is_hidden_before_a_message_is_cut_and_in_what_is_stored(server, monkeypatch):
    monkeypatch.setenv(endpoint.KEY, SECRET)
    server.page = b"x" * 290 + b" " + SECRET.encode()
    with pytest.raises(UserError) as error:
        server.make()
    assert SECRET[:6] not in str(error.value)
    server.page = None
    server.models = [{"id": SECRET}]
    assert server.make().describe()["served_model"] == "[hidden]"


def test_a_text_that_goes_on_after_its_end_is_refused():
    request = Request((9,), 1, 12, (END,), "<x> <y>")
    tokens = TOKENIZER.encode("Ana has 7", add_special_tokens=False)
    stopped = replace(request, stop_text=TOKENIZER.decode(tokens[1:2]))
    with pytest.raises(UserError, match="goes on after"):
        endpoint.completion_of(stopped, tuple(tokens), "length", (0.1, 0.2), TOKENIZER)
    done = endpoint.completion_of(request, tuple(tokens), "length", (0.1, 0.2), TOKENIZER)
    assert done.tokens == tuple(tokens)


def test_a_text_without_its_special_tokens_its_end_or_broken_characters_is_spelled_by_its_ids():
    ids = TOKENIZER.encode("Ana has 7 pens", add_special_tokens=False)
    whole, prompt = TOKENIZER.decode(ids), tuple(ids[:2])
    assert spelled_by("", prompt, ids, TOKENIZER)
    assert spelled_by(whole, prompt, ids, TOKENIZER)
    assert spelled_by(f" {whole}\ufffd", prompt, [*ids, END], TOKENIZER)
    assert spelled_by(TOKENIZER.decode(ids[:-1]), prompt, ids, TOKENIZER)
    assert spelled_by("anything", prompt, [-1], TOKENIZER)
    assert not spelled_by("Ben has 7 pens", prompt, ids, TOKENIZER)
    assert not spelled_by(f"{whole} and more", prompt, ids, TOKENIZER)
