"""A webhook on the loopback address: keeps what it receives, and can be told to refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Webhook:
    """What came in, oldest first: apprise's JSON payloads with `title`, `message` and `type`."""

    url: str = ""
    refuse: bool = False
    received: list[dict[str, str]] = field(default_factory=list)

    def take(self) -> list[dict[str, str]]:
        """What came in since the last look."""
        found, self.received = self.received, []
        return found


@contextmanager
def receiving() -> Iterator[Webhook]:
    """Listen on a free port; `url` is the address as apprise wants it."""
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not webhook.refuse:
                webhook.received.append(json.loads(body))
            self.send_response(500 if webhook.refuse else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    webhook.url = f"json://127.0.0.1:{server.server_port}/"
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
