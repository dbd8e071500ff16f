"""A web server on this machine, for downloads: honest unless told otherwise.  Files may be a folder's or bytes."""

import contextlib
import hashlib
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATE = "Wed, 01 Jan 2020 00:00:00 GMT"


@dataclass
class File:
    """How one path is served."""

    content: bytes
    etag: bool = True
    ranges: bool = True
    careless: bool = False  # about If-Range
    stops_after: int | None = None  # bytes of an answer's body, then the connection is closed
    stops: int = 1 << 30  # so many answers stop early, the others are whole
    status: int | None = None  # instead of the content
    well: int = 0  # so many answers come before those with `status`
    refusals: int = 1 << 30  # so many answers have `status`, the others are well
    location: str = ""  # of a redirect
    retry_after: str = ""
    length: int | None = None  # a Content-Length that is not the truth
    chunked: bool = False  # no Content-Length at all
    kind: str = "application/octet-stream"
    encoding: str = ""
    pause_s: float = 0.0  # before each of `pieces`
    pieces: int = 1
    fast: int = 0  # bytes that come without a pause


@dataclass
class Seen:
    """One request."""

    path: str
    range: str
    if_range: str
    status: int = 0
    sent: int = 0  # bytes of the body that went over the wire


@dataclass
class Server:
    """`files` by name may be changed at any time; `seen` are the requests so far."""

    files: dict[str, File] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server._answer(self)

            def handle(self):
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._http.server_port}"

    def add(self, name, content, **manners):
        self.files[name] = File(content, **manners)
        return f"{self.url}/{name}"

    @property
    def sent(self):
        return sum(one.sent for one in self.seen)

    def _answer(self, request):
        # A proxy is asked for the whole URL: this server answers for any host then.
        path = re.sub(r"^http://[^/]+", "", request.path).lstrip("/").partition("?")[0]
        seen = Seen(request.path, request.headers.get("Range", ""), request.headers.get("If-Range", ""))
        self.seen.append(seen)
        file = self.files.get(path)
        if file and file.well:
            file.well -= 1
        elif file is None or (file.status and file.refusals > 0):
            seen.status = file.status if file else 404
            if file:
                file.refusals -= 1
            request.send_response(seen.status)
            if file and file.location:
                request.send_header("Location", file.location)
            if file and file.retry_after:
                request.send_header("Retry-After", file.retry_after)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        etag = f'"{hashlib.md5(file.content).hexdigest()}"'
        start = int(match[1]) if file.ranges and (match := re.match(r"bytes=(\d+)-$", seen.range)) else 0
        if seen.if_range and not file.careless and seen.if_range not in ((etag,) if file.etag else (DATE,)):
            start = 0
        if start and start >= len(file.content):
            seen.status = 416
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(file.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = file.content[start:]
        seen.status = 206 if start else 200
        request.send_response(seen.status)
        request.send_header("Content-Type", file.kind)
        if file.encoding:
            request.send_header("Content-Encoding", file.encoding)
        request.send_header("ETag" if file.etag else "Last-Modified", etag if file.etag else DATE)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(file.content) - 1}/{len(file.content)}")
        if file.chunked:
            request.send_header("Connection", "close")
        else:
            request.send_header("Content-Length", str(file.length if file.length is not None else len(body)))
        request.end_headers()
        if file.stops_after is not None and file.stops > 0:
            file.stops -= 1
            body = body[: file.stops_after]
            request.close_connection = True
        if file.chunked or file.length is not None:
            request.close_connection = True
        step = -(-len(body) // file.pieces) or 1
        for place in range(0, len(body), step):
            if place >= file.fast:
                time.sleep(file.pause_s)
            try:
                request.wfile.write(body[place : place + step])
            except OSError:  # the client has gone
                request.close_connection = True
                return
            seen.sent += len(body[place : place + step])
