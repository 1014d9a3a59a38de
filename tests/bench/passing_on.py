"""A proxy between browser and stack that leaves out one header.

While Lighthouse traces, this Chromium's tab crashes at any answer that has a Referrer-Policy. It costs no points.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

_LEFT_OUT = {"referrer-policy", "transfer-encoding", "connection"}


@contextmanager
def proxy() -> Iterator[str]:
    """→ its address, as `--proxy-server` takes it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Passing)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        there = http.client.HTTPConnection(url.netloc, timeout=30)
        path = url.path + (f"?{url.query}" if url.query else "")
        there.request(self.command, path, body or None, dict(self.headers))
        answer = there.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _LEFT_OUT | {"content-length"}:
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        there.close()
        with suppress(BrokenPipeError):  # the browser no longer wants it
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _pass_on

    def log_message(self, *_: object) -> None:
        pass
