"""A server of completions that writes by a rule, streams as vLLM's does, and misbehaves on request."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.writer import TOKENIZER

END = 1


@dataclass
class Completions:
    """What the server does: `faults` happen once each, in order, to the next completions asked for.

    A fault is a status, "break" (the connection ends in the middle), "error" (the stream says so), "silence",
    "no ids" (text alone), "other text" (than the ids spell), "too many" (tokens) or "abort" (no finish reason);
    for others see `FAULTY` and `stream`. Each completion begins after `pause` seconds. `page` is what /models
    answers instead.
    """

    faults: list[object] = field(default_factory=list)
    asked: list[dict] = field(default_factory=list)
    headers: list[dict] = field(default_factory=list)
    models: list[dict] = field(default_factory=lambda: [{"id": "tiny", "max_model_len": 256}])
    tokens_of: list[int] | None = None
    page: bytes | None = None
    pause: float = 0.0
    together: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


FAULTY = {
    "empty": lambda tokens: ([], "length"),
    "negative": lambda tokens: ([5, -1, END], "stop"),
    "huge": lambda tokens: ([5, 10**12, END], "stop"),
    "texts": lambda tokens: ([5, "7", END], "stop"),
    "fractions": lambda tokens: ([5, 7.0, END], "stop"),
    "goes on": lambda tokens: ([5, END, 7, END], "stop"),
}
"""Faults in the tokens of a completion."""
TRICKLES = {
    "no choices": b'data: {"choices": []}\n\n',
    "no tokens": b'data: {"choices": [{"index": 0, "token_ids": []}]}\n\n',
    "no newline": b":",
    "deep": b"data: " + b"[" * 100_000 + b"\n\n",
}
"""What is sent again and again and holds no token."""
PAGE = b"<!DOCTYPE html><title>Sign in</title>"


def written(body: dict) -> tuple[list[int], str]:
    """Return tokens and finish reason: they depend on prompt and seed alone."""
    draw = random.Random(str((body["prompt"], body["seed"])))
    tokens = [draw.randrange(5, 60) for _ in range(draw.randrange(1, 30))] + [END]
    if len(tokens) <= body["max_tokens"]:
        return tokens, "stop"
    return tokens[: body["max_tokens"]], "length"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Completions

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if self.path == "/v1/models" and self.state.page is not None:
            return self.answer(self.state.page)
        if self.path == "/v1/models":
            return self.reply({"data": self.state.models})
        return self.reply({"version": "0.32.0"}) if self.path == "/version" else self.refuse(404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            return self.reply({"tokens": self.state.tokens_of}) if self.state.tokens_of else self.refuse(404)
        state = self.state
        with state.lock:
            state.asked.append(body)
            state.headers.append(dict(self.headers))
            state.together += 1
            state.most = max(state.most, state.together)
            fault = state.faults.pop(0) if state.faults else None
        try:
            if isinstance(fault, int):
                return self.refuse(fault)
            if fault == "page":
                return self.answer(PAGE)
            if fault == "error object":
                return self.reply({"error": {"message": "no credit left"}})
            if fault == "echo":
                return self.reply({"error": {"message": f"bad header {self.headers['Authorization']}"}}, 400)
            self.stream(body, fault)
        finally:
            with state.lock:
                state.together -= 1

    def stream(self, body: dict, fault: object) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        time.sleep(self.state.pause)
        tokens, reason = written(body)
        if fault == "too many":
            tokens, reason = [7] * (body["max_tokens"] + 1), "length"
        if fault in FAULTY:
            tokens, reason = FAULTY[fault](tokens)
        if fault == "empty":
            self.event({"choices": [{"index": 0, "text": "", "token_ids": [], "finish_reason": reason}]})
        if fault == "comments":
            while self.comment(b": ping\n\n"):
                time.sleep(0.05)
            return
        if fault in TRICKLES:
            while self.comment(TRICKLES[fault]):
                time.sleep(0.02)
            return
        if fault in ("filtered", "no such model", "goes on later"):
            code = {"error": {"message": "no such model", "code": 404}}
            self.event(
                code
                if fault == "no such model"
                else {
                    "choices": [
                        {
                            "index": 0,
                            "token_ids": tokens,
                            "finish_reason": "content_filter" if fault == "filtered" else reason,
                        }
                    ]
                }
            )
            if fault == "goes on later":
                self.event({"choices": [{"index": 0, "token_ids": [6], "finish_reason": "stop"}]})
            return
        if fault == "endless page":
            while self.comment(b"<p>Sign in</p>\n"):
                pass
            return
        if fault == "endless":
            while self.comment(
                b"data: " + json.dumps({"choices": [{"index": 0, "token_ids": [7]}]}).encode() + b"\n\n"
            ):
                pass
            return
        if fault == "long line":
            while self.comment(b"x" * 65536):
                pass
            return
        for number, token in enumerate(tokens):
            if number == len(tokens) // 2 and fault in ("break", "silence", "error"):
                if fault == "silence":
                    time.sleep(0.6)
                if fault == "error":
                    self.event({"error": {"message": "engine died", "code": 500}})
                return
            text = (
                TOKENIZER.decode([token]) if isinstance(token, int) and 0 <= token < len(TOKENIZER) else "?"
            )
            if fault == "other text":
                text = "another "
            choice = {"index": 0, "text": text, "token_ids": [token], "finish_reason": None}
            if fault == "no ids":
                del choice["token_ids"]
            if number == len(tokens) - 1:
                choice["finish_reason"] = "abort" if fault == "abort" else reason
            self.event({"choices": [choice, choice | {"index": 1}] if fault == "two choices" else [choice]})
        time.sleep(0.01)
        self.wfile.write(b"data: [DONE]\n\n")

    def comment(self, line: bytes) -> bool:
        """Send a line; return whether the client still listens."""
        try:
            self.wfile.write(line)
            self.wfile.flush()
        except OSError:
            return False
        return True

    def answer(self, page: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def event(self, chunk: dict) -> None:
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()

    def reply(self, content: dict, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int) -> None:
        self.reply({"error": {"message": f"no, {status}"}}, status)


@contextmanager
def serving(state: Completions, port: int = 0) -> Iterator[str]:
    """Serve completions; yield the address."""
    handler = type("Bound", (Handler,), {"state": state})
    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
