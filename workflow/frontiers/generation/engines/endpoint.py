"""A served model as the engine: any OpenAI-compatible completions endpoint, best one that returns token ids, as vLLM's.

Each request streams on its own connection. Prompts are sent as token ids, and caps are checked on the token ids
that come back; of a server that returns none, on those of its text (`endpoint_texts`). Transient failures (a lost
connection, silence, 429, 5xx) are retried with growing waits: a request carries its seed, so a retry writes the same.
"""

import json
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx2
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay

from frontiers.core import secrets
from frontiers.core.cli import UserError
from frontiers.generation.engines import endpoint_texts
from frontiers.generation.engines.vllm import BIAS_LIMIT, penalty_bias
from frontiers.generation.requests import Completion, Request, kept_of

KEY = "OPENAI_API_KEY"
TRANSIENT = (408, 409, 425, 429, 500, 502, 503, 504)
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
LONGEST_ANSWER = 1 << 14
"""Characters of an answer that is no stream, beyond which it is not read."""
TOO_MUCH = (OverflowError, RecursionError)
"""What reading JSON raises for numbers and depths that no server means."""
CONTEXT = 8
"""Tokens of the prompt that are decoded along with a completion, as its first may end a character of theirs."""
LONGEST_LINE = 1 << 22
"""Bytes of a line of a stream; one token with its text needs a few hundred."""
PROBE = "Ana has 7 pens, naïve Ben 5 more: $\\frac{1}{2}$ of <b>12</b> 是六.\n"
"""A text that different tokenizers hardly ever split alike."""


class Transient(Exception):
    """A failure worth a retry; `wait` is the number of seconds that the server asks for, if any."""

    def __init__(self, message: str, wait: float | None = None):
        super().__init__(message)
        self.wait = wait


class Endpoint:
    """Requests to the endpoint of a study's `engine` block, `max_num_seqs` of them at a time.

    `sampling` are the model's sampling parameters; `report` gets a line about retries. The key comes from the
    environment variable that the block names, and is used in the header only.
    """

    devices = 0

    def __init__(self, settings: dict, model: str, sampling: dict, tokenizer, report: Callable[[str], None]):
        self.url = _for(model, settings["url"]).rstrip("/")
        self.key = settings.get("key_variable") or KEY
        self.sampling = sampling
        self.tokenizer = tokenizer
        self.report = report
        self.capacity = settings["max_num_seqs"]
        self.patience = settings.get("patience_seconds") or 900
        key = secrets.known(os.environ.get(self.key))
        self.silence = settings.get("timeout_seconds") or 600
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(self.silence, connect=30),
            limits=httpx2.Limits(
                max_connections=self.capacity + 1, max_keepalive_connections=self.capacity + 1
            ),
        )
        self._requested: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Completion | BaseException] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._workers = 0
        self._waiting = 0
        self._reported = 0.0
        self._texts = Texts()
        wanted = _for(model, settings.get("served_model"))
        self.served = self._ask(lambda: self._served(wanted, settings["max_model_len"]))
        self.version = self._ask(self._version)
        self._ask(self._check_tokenizer)

    def submit(self, request: Request) -> None:
        """Accept a request."""
        self._waiting += 1
        if self._workers < min(self._waiting, self.capacity):
            self._workers += 1
            # A daemon: the job can end while requests are streaming.
            threading.Thread(target=self._work, daemon=True).start()
        self._requested.put(request)

    def receive(self) -> list[Completion]:
        """Return the next completions. Raises `UserError` once all completions before it have been returned."""
        found: list[Completion] = []
        while not found or not self._done.empty():
            item = self._failure or self._done.get()
            if isinstance(item, BaseException):
                self._failure = item
                if not found:
                    raise item
                break
            found.append(item)
        self._waiting -= len(found)
        return found

    def describe(self) -> dict:
        """Return the server's version and model; its device is not known."""
        return {
            "engine_version": {"endpoint": self.version},
            "engine_start_seconds": None,
            "max_num_seqs": self.capacity,
            "served_model": secrets.redacted(self.served),
            "device": None,
            "tokenised_again": self._texts.told(),
        }

    def _work(self) -> None:
        while self._failure is None:
            request = self._requested.get()
            try:
                self._done.put(self._ask(lambda request=request: self._stream(request)))
            except BaseException as error:
                self._done.put(error)

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Return the result of `call`, retrying transient failures until `patience` seconds have passed."""
        retrying = Retrying(
            retry=retry_if_exception_type((Transient, httpx2.TransportError)),
            wait=_pause,
            stop=stop_after_delay(self.patience),
            before_sleep=self._report,
            retry_error_callback=self._give_up,
        )
        return retrying(call)

    def _report(self, state: RetryCallState) -> None:
        if time.monotonic() - self._reported > FIRST_WAIT:
            self._reported = time.monotonic()
            self.report(f"{self._failure_of(state)}; trying again in {state.next_action.sleep:.0f} s")

    def _give_up(self, state: RetryCallState) -> None:
        raise UserError(
            f"{self._failure_of(state)}, for {self.patience:.0f} s now. What was decoded is in the journal; fix the "
            "endpoint and rerun the command to continue"
        ) from state.outcome.exception()

    def _failure_of(self, state: RetryCallState) -> str:
        error = state.outcome.exception()
        text = f"{type(error).__name__}: {error}" if str(error) else repr(error)
        return f"{self.url}: {text}"

    def _check(self, response) -> None:
        """Raise the error that a status other than success means."""
        if response.is_success:
            return
        response.read()
        failure = f"{self.url} answers {response.status_code}: {_message(response)}"
        if response.status_code in TRANSIENT:
            after = response.headers.get("Retry-After", "")
            raise Transient(failure, min(float(after), 10 * LONGEST_WAIT) if after.isdigit() else None)
        if response.status_code in (401, 403):
            raise UserError(f"{failure}. Set the environment variable {self.key} to the key of the endpoint")
        raise UserError(f"{failure}. Check `url` in the study's engine block, and the endpoint")

    def _served(self, wanted: str | None, context: int) -> str:
        """Return the name of the served model; it must have room for `context` tokens."""
        response = self._client.get(f"{self.url}/models")
        self._check(response)
        try:
            models = response.json()["data"]
            names = [str(model["id"]) for model in models]
            rooms = [int(model.get("max_model_len") or context) for model in models]
        except (ValueError, KeyError, TypeError, AttributeError, *TOO_MUCH) as error:
            raise UserError(
                f"{self.url}/models answers {_message(response)!r}, not a list of models; correct `url` in the study's "
                "engine block: it ends in /v1"
            ) from error
        if wanted not in names and (wanted or len(names) != 1):
            raise UserError(
                f"{self.url} serves {', '.join(names) or 'nothing'}, not {wanted or 'one model'}; correct `url` or "
                "`served_model` in the study's engine block"
            )
        chosen = wanted or names[0]
        room = rooms[names.index(chosen)]
        if room < context:
            raise UserError(
                f"{self.url} serves {chosen} with a context of {room} tokens, but the study's engine.max_model_len "
                f"is {context}; lower it, or serve the model with a larger --max-model-len"
            )
        return chosen

    def _version(self) -> str | None:
        """Return the version of vLLM's server, None for others."""
        response = self._client.get(f"{self.url.removesuffix('/v1')}/version")
        found = _object(response) if response.is_success else {}
        return _shown(found["version"]) if "version" in found else None

    def _check_tokenizer(self) -> None:
        """Raise `UserError` if the endpoint tokenizes a text differently, where it can be asked (as vLLM's server can)."""
        body = {"model": self.served, "prompt": PROBE, "add_special_tokens": False}
        response = self._client.post(f"{self.url.removesuffix('/v1')}/tokenize", json=body)
        ours = self.tokenizer.encode(PROBE, add_special_tokens=False)
        found = _object(response) if response.is_success else {}
        if "tokens" in found and found["tokens"] != list(ours):
            raise UserError(
                f"{self.url}: {self.served} does not have the tokenizer of the study's model; serve that model"
            )

    def _stream(self, request: Request) -> Completion:
        """Return the completion of `request`; its seconds run from sending it, while other requests run too."""
        begun, first, last, reason, tokens, texts = time.monotonic(), None, None, None, [], []
        silence = _Silence(self.silence)
        read = endpoint_texts.begin(request, self.tokenizer) if self._texts.alone else None
        body = body_of(request, self.sampling) | {
            "model": self.served,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_token_ids": True,
        }
        if read:
            # Such a server does not say at what it stopped: it is asked to stop at ends of sequence alone.
            body.pop("stop", None)
            body["stop_token_ids"] = [t for t in request.stop if t not in read.marks.values()]
            body["skip_special_tokens"] = False
        with self._client.stream("POST", f"{self.url}/completions", json=body) as response:
            self._check(response)
            for chunk in self._events(response, silence):
                if "error" in chunk:
                    raise self._broken_off(chunk["error"])
                if read and (used := _used(chunk)) is not None:
                    read.used = used
                # What follows the finish reason is read, to keep the connection, and no part of the completion.
                if (choice := self._choice(chunk)) is None or reason is not None:
                    continue
                new, text = choice.get("token_ids"), str(choice.get("text") or "")
                if text and new is None and not tokens:
                    if read is None:
                        self._begin_texts()
                        return self._stream(request)
                    read.add(text)
                elif text and new is None:
                    raise UserError(
                        f"{self.url} returns token ids of a part of a completion only; serve the model with vLLM"
                    )
                if new:
                    tokens += new
                if new or (read and text):
                    silence.broken()
                texts.append(text)
                if len(tokens) > request.max_tokens or (
                    read and (read.endless or read.stopped_at is not None)
                ):
                    break
                last = time.monotonic() - begun
                first = last if first is None and (tokens or text) else first
                reason = choice.get("finish_reason")
        if len(tokens) > request.max_tokens or (read and read.endless):
            written = f"{len(tokens)} tokens" if tokens else f"{len(read.text)} characters"
            raise UserError(
                f"{self.url} wrote {written}, but max_tokens was {request.max_tokens}; use a server that "
                "keeps to it"
            )
        if read and read.stopped_at is not None:
            reason, last = "stop", time.monotonic() - begun
        if reason not in ("stop", "length", "abort", None):
            raise UserError(
                f"{self.url} ended a completion with finish reason {_shown(reason)!r}, not stop or length; use a server "
                "that writes what the model writes"
            )
        if reason not in ("stop", "length"):
            raise Transient(f"it ended a completion with finish reason {reason}")
        if read and not tokens:
            self._refuse_hidden(read, reason)
            found, reason = endpoint_texts.tokens_of(read, reason, self.url, self.tokenizer)
            self._texts.count(len(found), read.used)
            completion = completion_of(request, found, reason, (first, last), self.tokenizer)
            # A text may have fewer tokens than the server spent on it: the budget is spent all the same.
            return replace(completion, decoded=request.max_tokens) if reason == "length" else completion
        if not spelled_by("".join(texts), request.prompt, tokens, self.tokenizer):
            raise UserError(
                f"{self.url}: the token ids of a completion do not spell its text, {_shown(''.join(texts))[:80]!r}: they "
                "are of another tokenizer. Serve the study's model, with the tokenizer of its checkpoint"
            )
        return completion_of(request, tuple(tokens), reason, (first, last), self.tokenizer)

    def _begin_texts(self) -> None:
        """Read texts from now on."""
        if not self._texts.alone:
            self._texts.alone = True
            self.report(
                f"{self.url} returns no token ids: its texts are tokenised again, and caps cut these tokens"
            )

    def _refuse_hidden(self, read: endpoint_texts.Text, reason: str) -> None:
        """Raise `UserError` where a text may have ended at a mark that the server does not show."""
        mark = endpoint_texts.hidden_mark(read, self.tokenizer)
        if mark is not None and read.stopped_at == mark:
            self._texts.shows_special = True
        if (
            mark is not None
            and read.stopped_at is None
            and reason == "stop"
            and not self._texts.shows_special
        ):
            raise UserError(
                f"{self.url} returns no token ids, and its text does not show the special token {mark!r}, at which a text "
                "may end. Serve the model with vLLM 0.10.2 or newer (`return_token_ids`), or run vLLM in process"
            )

    def _broken_off(self, error: object) -> Exception:
        """Return the exception that an error in the stream means: one worth a retry unless its code says otherwise."""
        message = f"the stream broke off: {_shown(error)}"
        code = error.get("code") if isinstance(error, dict) else None
        if isinstance(code, int) and 400 <= code < 500 and code not in TRANSIENT:
            return UserError(
                f"{self.url}: {message}. Check `url` in the study's engine block, and the endpoint"
            )
        return Transient(message)

    def _choice(self, chunk: dict) -> dict | None:
        """Return the one choice of an event, None of an event without; raises `UserError` for any other form."""
        choices = chunk.get("choices", [])
        if choices == []:
            return None
        if not (isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)):
            raise UserError(f"{self.url}: an event has no list of choices; serve the model with vLLM")
        if len(choices) > 1 or choices[0].get("index", 0) != 0:
            raise UserError(
                f"{self.url} returns several choices for a request that asks for one; use a server that keeps to `n`"
            )
        if not isinstance(choices[0].get("token_ids") or [], list):
            raise UserError(f"{self.url}: `token_ids` is not a list; serve the model with vLLM")
        return choices[0]

    def _events(self, response, silence: "_Silence") -> Iterator[dict]:
        """Yield the events of a stream; raises `UserError` for what is none, with what the server says."""
        seen, other = False, ""
        for line in _lines(response, silence):
            if line.startswith("data:"):
                seen, text = True, line[5:].strip()
                if text != "[DONE]":
                    yield _event(text)
            elif not seen and not line.startswith(("event:", "id:", "retry:", ":")):
                other = f"{other} {line.strip()}".strip()
                if len(other) > LONGEST_ANSWER:
                    break
        if not seen and other:
            raise UserError(
                f"{self.url}/completions answers with no stream of tokens but {_shown(other)!r}; check `url` in the "
                "study's engine block, and the endpoint"
            )


class Texts:
    """Whether a server returns texts `alone`, whether these `shows_special` tokens, and how its counts compare."""

    def __init__(self) -> None:
        self.alone = self.shows_special = False
        self._lock, self._counted = (
            threading.Lock(),
            {"completions": 0, "tokens": 0, "tokens_by_the_server": 0},
        )

    def count(self, tokens: int, used: int | None) -> None:
        """Note a completion of so many tokens, of which the server counts `used`, None where it does not say."""
        if used is not None:
            with self._lock:
                for name, more in zip(self._counted, (1, tokens, used), strict=True):
                    self._counted[name] += more

    def told(self) -> dict | None:
        """Return the sums over the completions with a count of the server, None if it returns token ids."""
        return dict(self._counted) if self.alone else None


def _used(chunk: dict) -> int | None:
    """Return the server's count of the tokens of a completion, None where the event has none."""
    usage = chunk.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return count if type(count) is int and count >= 0 else None


class _Silence:
    """How long a stream has sent no token: neither comments, empty events nor bytes of a line are a sign of life."""

    def __init__(self, limit: float) -> None:
        self.limit, self._heard = limit, time.monotonic()

    def broken(self) -> None:
        """Count from now on."""
        self._heard = time.monotonic()

    def check(self) -> None:
        """Raise `Transient` once the limit has passed."""
        if time.monotonic() - self._heard > self.limit:
            raise Transient(f"it sent no token for {self.limit:.0f} s")


def _lines(response, silence: _Silence) -> Iterator[str]:
    """Yield the lines of a response; raises `UserError` for one without end, which would fill the memory."""
    rest = b""
    for part in response.iter_bytes():
        silence.check()
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace").rstrip("\r")
        if len(rest) > LONGEST_LINE:
            raise UserError(
                f"the endpoint sends a line of over {LONGEST_LINE >> 20} MB; check what answers at `url`"
            )
    if rest:
        yield rest.decode("utf-8", "replace")


def _event(text: str) -> dict:
    """Return the event in a line of a stream."""
    try:
        event = json.loads(text)
    except (ValueError, *TOO_MUCH) as error:
        raise Transient(f"a line of the stream is not valid JSON ({type(error).__name__})") from error
    if not isinstance(event, dict):
        raise Transient(f"a line of the stream is no object: {_shown(text)}")
    return event


def _object(response) -> dict:
    """Return the JSON object of a response, empty if it holds none."""
    try:
        found = response.json()
    except (ValueError, *TOO_MUCH):
        return {}
    return found if isinstance(found, dict) else {}


def _pause(state: RetryCallState) -> float:
    """Return the seconds to wait before a retry: what the server asks for, or exponential backoff with jitter."""
    asked = getattr(state.outcome.exception(), "wait", None)
    if asked is not None:
        return asked
    return min(2 ** min(state.attempt_number - 1, 30) * FIRST_WAIT, LONGEST_WAIT) * random.uniform(0.5, 1.0)


def _for(model: str, setting: str | dict | None) -> str | None:
    """Return a setting for `model`, which is one value for all models or a mapping of models."""
    if not isinstance(setting, dict):
        return setting
    if model not in setting:
        raise UserError(
            f"the study's engine block has no entry for model `{model}` among {', '.join(setting)}; add it"
        )
    return setting[model]


def _message(response) -> str:
    """Return the server's own message, shortened to a line."""
    try:
        found = response.json()
        found = found.get("error", found)
        text = found.get("message") if isinstance(found, dict) else found
    except (ValueError, AttributeError, *TOO_MUCH):
        text = response.text
    return _shown(text or response.text or "no message")


def _shown(text: object) -> str:
    """Return what a server sent as a line without secrets, shortened only then: a part of a key is one too."""
    return secrets.redacted(" ".join(str(text)[:LONGEST_ANSWER].split()))[:300]


def body_of(request: Request, sampling: dict) -> dict:
    """Return the body of a request for a completion, equal to `vllm.parameters_of` for vLLM in process.

    It overrides the defaults that a server would take from the checkpoint's generation_config.json. Which of vLLM's
    model runners serves is not known, so a penalty keeps to the limit of the second.
    """
    bias = penalty_bias(request, sampling, BIAS_LIMIT)
    return {
        "presence_penalty": 0.0,
        "repetition_penalty": 1.0,
        "min_p": 0.0,
        **sampling,
        "prompt": list(request.prompt),
        "seed": request.seed,
        "max_tokens": request.max_tokens,
        "stop_token_ids": list(request.stop),
        **({"stop": [request.stop_text]} if request.stop_text else {}),
        **({"logit_bias": {str(token): value for token, value in bias.items()}} if bias else {}),
    }


def spelled_by(text: str, prompt: Sequence[int], tokens: Sequence[int], tokenizer) -> bool:
    """Return whether `tokens` can be what a server decoded to `text`; any spell no text, and ids that are none any text.

    A server leaves out special tokens, what it stopped at, and characters that are not whole; the last tokens of
    the `prompt` may begin a character that the first of `tokens` ends. White space is not compared.
    """
    if not set(map(type, tokens)) <= {int} or not all(0 <= token < len(tokenizer) for token in tokens):
        return True
    shown = [*prompt[-CONTEXT:], *tokens]
    return any(
        _squeezed(text) in _squeezed(tokenizer.decode(shown, skip_special_tokens=left_out))
        for left_out in (True, False)
    )


def _squeezed(text: str) -> str:
    """Return a text without white space and without characters that were not whole."""
    return "".join(text.replace("\ufffd", "").split())


def completion_of(
    request: Request, tokens: tuple[int, ...], reason: str, seconds: tuple[float | None, float], tokenizer
) -> Completion:
    """Read the streamed tokens of a request; what it stopped at is left out."""
    goes_on = reason != "stop" and request.stop_text and not request.keep
    if goes_on and request.stop_text in tokenizer.decode(tokens):
        raise UserError(
            f"the endpoint goes on after {request.stop_text!r}, which `stop` names as the end of a text; use a server that "
            "keeps to it"
        )
    kept, stopped_at = kept_of(request, tokens, reason, tokenizer)
    return Completion(request.id, kept, len(tokens), reason, stopped_at, *seconds)
