"""A proxy in front of a completions server that leaves out what only vLLM's has: token ids, and its extra routes."""

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = ""
    dropped = ("return_token_ids",)

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.send_error(404) if self.path != "/v1/models" else self.forward(None)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/completions":
            return self.send_error(404)
        return self.forward(json.dumps({k: v for k, v in body.items() if k not in self.dropped}).encode())

    def forward(self, body: bytes | None) -> None:
        headers = {"Content-Type": "application/json", "Authorization": self.headers.get("Authorization", "")}
        request = urllib.request.Request(self.target + self.path, body, headers)
        with urllib.request.urlopen(request) as reply, suppress(OSError):
            self.send_response(reply.status)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while part := reply.read1(65536):
                self.wfile.write(part)
                self.wfile.flush()


@contextmanager
def stripping(url: str, *dropped: str) -> Iterator[str]:
    """Serve what the server at `url` (which ends in /v1) serves without token ids; `dropped` fields reach it neither."""
    changes = {"target": url.removesuffix("/v1"), "dropped": (*Proxy.dropped, *dropped)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Proxy,), changes))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
