"""A served model as the engine: any OpenAI-compatible completions endpoint that tells token ids, such as vLLM's.

Each request streams on a connection of its own. Prompts go out as token ids, and caps are checked on the
token ids that come back. What fails in a way that may pass (a lost connection, silence, 429, 5xx) is asked
again, with growing waits: a request carries its seed, so that the repetition writes the same.
"""

import json
import os
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from frontiers.core.cli import UserError
from frontiers.generation.requests import Completion, Request, before_text

KEY = "OPENAI_API_KEY"
PASSING = (408, 409, 425, 429, 500, 502, 503, 504)
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
PROBE = "Ana has 7 pens, naïve Ben 5 more: $\\frac{1}{2}$ of <b>12</b> 是六.\n"
"""A text that different tokenizers hardly cut alike."""


class Passing(Exception):
    """A failure that may pass; `wait` are the seconds the server asks for, if any."""

    def __init__(self, message: str, wait: float | None = None):
        super().__init__(message)
        self.wait = wait


class Endpoint:
    """Requests to the endpoint of a study's `engine` block, `max_num_seqs` of them at a time.

    `sampling` are the model's sampling parameters, `report` is told of what is tried again. The key comes
    from the environment variable that the block names, and goes nowhere but into the header.
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
        key = os.environ.get(self.key)
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(settings.get("timeout_seconds") or 600, connect=30),
            limits=httpx2.Limits(
                max_connections=self.capacity + 1, max_keepalive_connections=self.capacity + 1
            ),
        )
        self._asked: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Completion | BaseException] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._workers = 0
        self._waiting = 0
        self._told = 0.0
        wanted = _for(model, settings.get("served_model"))
        self.served = self._ask(lambda: self._served(wanted, settings["max_model_len"]))
        self.version = self._ask(self._version)
        self._ask(self._check_tokenizer)

    def submit(self, request: Request) -> None:
        """Take a request."""
        self._waiting += 1
        if self._workers < min(self._waiting, self.capacity):
            self._workers += 1
            # A daemon: the end of the job does not wait for what is still streaming.
            threading.Thread(target=self._work, daemon=True).start()
        self._asked.put(request)

    def receive(self) -> list[Completion]:
        """Return the next completions. Raises `UserError`, after what was completed before it has been returned."""
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
        """Return what is known of what ran; the device is not."""
        return {
            "engine_version": {"endpoint": self.version},
            "engine_start_seconds": None,
            "max_num_seqs": self.capacity,
            "served_model": self.served,
            "device": None,
        }

    def _work(self) -> None:
        while self._failure is None:
            request = self._asked.get()
            try:
                self._done.put(self._ask(lambda request=request: self._stream(request)))
            except BaseException as error:
                self._done.put(error)

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Return what `call` gives, calling again after failures that may pass, as long as patience lasts."""
        begun, wait = time.monotonic(), FIRST_WAIT
        while True:
            try:
                return call()
            except (Passing, httpx2.TransportError) as error:
                said = (
                    f"{self.url}: {type(error).__name__}: {error}" if str(error) else f"{self.url}: {error!r}"
                )
                if time.monotonic() - begun > self.patience:
                    raise UserError(
                        f"{said}, for {self.patience:.0f} s now. What was decoded is journalled; mend the endpoint and "
                        "run the same command to go on"
                    ) from error
                asked = getattr(error, "wait", None)
                pause = asked if asked is not None else wait * random.uniform(0.5, 1.0)
                if time.monotonic() - self._told > FIRST_WAIT:
                    self._told = time.monotonic()
                    self.report(f"{said}; trying again in {pause:.0f} s")
                time.sleep(pause)
                wait = min(2 * wait, LONGEST_WAIT)

    def _check(self, response) -> None:
        """Raise what a refusal means."""
        if response.is_success:
            return
        response.read()
        said = f"{self.url} answers {response.status_code}: {_message(response)}"
        if response.status_code in PASSING:
            asked = response.headers.get("Retry-After", "")
            raise Passing(said, min(float(asked), 10 * LONGEST_WAIT) if asked.isdigit() else None)
        if response.status_code in (401, 403):
            raise UserError(f"{said}. Put the key of the endpoint into the environment variable {self.key}")
        raise UserError(f"{said}. Check `url` of the study's engine, and what the endpoint serves")

    def _served(self, wanted: str | None, context: int) -> str:
        """Return the name of the model that the endpoint serves, with room for `context` tokens."""
        response = self._client.get(f"{self.url}/models")
        self._check(response)
        models = response.json()["data"]
        names = [model["id"] for model in models]
        if wanted not in names and (wanted or len(names) != 1):
            raise UserError(
                f"{self.url} serves {', '.join(names) or 'nothing'}, not {wanted or 'one model'}; correct `url` or "
                "`served_model` of the study's engine"
            )
        chosen = wanted or names[0]
        room = next(model for model in models if model["id"] == chosen).get("max_model_len")
        if room is not None and room < context:
            raise UserError(
                f"{self.url} serves {chosen} with a context of {room} tokens, the study's engine.max_model_len is "
                f"{context}; make them agree"
            )
        return chosen

    def _version(self) -> str | None:
        """Return the version that vLLM's server tells, None from others."""
        response = self._client.get(f"{self.url.removesuffix('/v1')}/version")
        return response.json().get("version") if response.is_success else None

    def _check_tokenizer(self) -> None:
        """Raise `UserError` if the endpoint cuts a text into other tokens, where it tells (vLLM's server does)."""
        asked = {"model": self.served, "prompt": PROBE, "add_special_tokens": False}
        response = self._client.post(f"{self.url.removesuffix('/v1')}/tokenize", json=asked)
        ours = self.tokenizer.encode(PROBE, add_special_tokens=False)
        if response.is_success and response.json().get("tokens") != list(ours):
            raise UserError(
                f"{self.url}: {self.served} has another tokenizer than the model's own; serve that one"
            )

    def _stream(self, request: Request) -> Completion:
        """Return the completion of `request`; its seconds run from the sending, in the company of others."""
        begun, first, last, reason, tokens = time.monotonic(), None, None, None, []
        body = body_of(request, self.sampling) | {
            "model": self.served,
            "stream": True,
            "return_token_ids": True,
        }
        with self._client.stream("POST", f"{self.url}/completions", json=body) as response:
            self._check(response)
            for chunk in _events(response.iter_lines()):
                if "error" in chunk:
                    raise Passing(f"it broke off: {str(chunk['error'])[:200]}")
                for choice in chunk.get("choices", ()):
                    if choice.get("token_ids") is None and choice.get("text"):
                        raise UserError(
                            f"{self.url} gives no token ids, and without them no cap can be checked. Serve the model "
                            "with vLLM 0.10.2 or newer (`return_token_ids`), or let vLLM run in process"
                        )
                    tokens += choice.get("token_ids") or []
                    last = time.monotonic() - begun
                    first = last if first is None and tokens else first
                    reason = choice.get("finish_reason")
        if reason not in ("stop", "length"):
            raise Passing(f"it ended a completion with the reason {reason}")
        return completion_of(request, tuple(tokens), reason, (first, last), self.tokenizer)


def _for(model: str, setting: str | dict | None) -> str | None:
    """Return what a setting says for `model`: it is one for all models, or one per model."""
    if not isinstance(setting, dict):
        return setting
    if model not in setting:
        raise UserError(
            f"the study's engine names nothing for model `{model}` in {', '.join(setting)}; add it"
        )
    return setting[model]


def _events(lines: Iterator[str]) -> Iterator[dict]:
    """Yield what the lines of an event stream hold."""
    for line in lines:
        if line.startswith("data:") and (text := line[5:].strip()) != "[DONE]":
            try:
                yield json.loads(text)
            except ValueError as error:
                raise Passing(f"a line of the stream is no JSON ({error})") from error


def _message(response) -> str:
    """Return the server's own words, as far as a line holds them."""
    try:
        found = response.json()
        found = found.get("error", found)
        text = found.get("message") if isinstance(found, dict) else found
    except (ValueError, AttributeError):
        text = response.text
    return " ".join(str(text or "no message").split())[:300]


def body_of(request: Request, sampling: dict) -> dict:
    """Return the body that asks for a completion of `request`, as `engine.parameters_of` asks vLLM in process.

    What the server would else take from the checkpoint's generation_config.json is set to no effect.
    """
    penalty = sampling.get("frequency_penalty", 0)
    written = Counter(request.prompt[-request.written :]) if penalty and request.written else {}
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
        **({"logit_bias": {str(t): -penalty * n for t, n in written.items()}} if written else {}),
    }


def completion_of(
    request: Request, tokens: tuple[int, ...], reason: str, seconds: tuple[float | None, float], tokenizer
) -> Completion:
    """Read what was streamed for a request; what it stopped at is left out."""
    decoded, stopped_at = len(tokens), None
    if decoded > request.max_tokens:
        raise UserError(f"the endpoint wrote {decoded} tokens where {request.max_tokens} were asked for")
    if reason == "stop":
        if tokens and tokens[-1] in request.stop:
            *tokens, stopped_at = tokens
        elif request.stop_text:
            tokens = before_text(tokens, request.stop_text, tokenizer)
    return Completion(request.id, tuple(tokens), decoded, reason, stopped_at, *seconds)
