"""A server on this machine that answers as the Hugging Face Hub does, and misbehaves on request."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".parquet", ".bin")
API = re.compile(r"/api/(datasets|models)/([^/]+/[^/]+)/(revision|tree)/([^/]+)")
FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Repository:
    """Files by name, at one commit; `gated` repositories give them to `token` alone."""

    files: dict[str, bytes]
    commit: str = COMMIT
    gated: bool = False
    token: str = "hf_accepted"


@dataclass
class Hub:
    """Repositories by "datasets/organisation/name", what was asked, and the faults to come.

    A fault is a text that the address must hold, and what happens: a status, "half" (the connection breaks
    in the middle of the file), "short" (the server means half to be all) or "damaged". Each happens once.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: list[tuple[str, object]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent: int = 0

    def fault(self, request: str) -> object:
        for number, (text, what) in enumerate(self.faults):
            if text in request:
                del self.faults[number]
                return what
        return None


def git_sum(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path}")
        fault = hub.fault(hub.asked[-1])
        if isinstance(fault, int):
            return self.refuse(fault)
        if found := API.fullmatch(path):
            kind, name, what, revision = found.groups()
        elif found := FILE.fullmatch(path):
            kind, name, revision, what = found[1] or "models", *found.groups()[1:]
        else:
            return self.refuse(404)
        repository = hub.repositories.get(f"{kind}/{name}")
        if repository is None:
            return self.refuse(401, "RepoNotFound")
        if revision not in (repository.commit, "main"):
            return self.refuse(404, "RevisionNotFound")
        if path.startswith("/api/"):
            return self.send(json.dumps(listing(repository, what)).encode(), {})
        given = self.headers.get("Authorization")
        if repository.gated and given != f"Bearer {repository.token}":
            return self.refuse(403 if given else 401, "GatedRepo")
        if what not in repository.files:
            return self.refuse(404, "EntryNotFound")
        content = repository.files[what]
        name = sha256(content) if what.endswith(LARGE) else git_sum(content)
        headers = {"ETag": f'"{name}"', "X-Linked-Size": len(content), "X-Repo-Commit": repository.commit}
        if fault == "damaged":
            content = bytes([content[0] ^ 1]) + content[1:]
        self.send(content, headers, fault)

    def send(self, content: bytes, headers: dict, fault: object = None):
        start, whole = 0, len(content)
        if span := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(span[1])
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        if fault == "short":
            content, whole = content[: whole // 2], whole // 2
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(max(len(content) - start, 0)))
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "HEAD":
            return
        body = content[start:]
        if fault == "half":
            body, self.close_connection = body[: len(body) // 2], True
        self.hub.sent += len(body)
        self.wfile.write(body)

    def refuse(self, status: int, code: str = ""):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if code:
            self.send_header("X-Error-Code", code)
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()


def listing(repository: Repository, what: str) -> object:
    """Return what the Hub tells of a commit: the commit with its files, or its files alone."""
    entries = []
    for name, content in repository.files.items():
        lfs = {"size": len(content), "pointerSize": 130} if name.endswith(LARGE) else None
        entry = {"size": len(content)}
        if what == "tree":
            entry |= {"type": "file", "path": name, "oid": git_sum(content)}
            entry |= {"lfs": lfs | {"oid": sha256(content)}} if lfs else {}
        else:
            entry |= {"rfilename": name, "blobId": git_sum(content)}
            entry |= {"lfs": lfs | {"sha256": sha256(content)}} if lfs else {}
        entries.append(entry)
    return entries if what == "tree" else {"id": "a/b", "sha": repository.commit, "siblings": entries}


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """Serve `hub`; yield the address."""
    handler = type("Bound", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
