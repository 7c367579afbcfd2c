"""A small HTTP server for downloads: it serves what a test puts into it, and fails where the test says so."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote


class FileServer(ThreadingHTTPServer):
    """Serves `files` by path, with ranges; whatever goes wrong happens once for each entry of `troubles`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self.headers: dict[str, str] = {}  # of every answer, beside the usual ones; an empty one is left out
        self.troubles: dict[
            str, list[int | str]
        ] = {}  # by path: a status, "cut 300", "to URL", "no ranges", "stall 300"
        self.requests: list[tuple[str, Message]] = []
        self.closing = threading.Event()

    def ranges(self, path: str) -> list[str | None]:
        """The Range header of each request for a path."""
        return [headers["Range"] for asked, headers in self.requests if asked == path]

    def zenodo(self, record: int, files: Mapping[str, bytes]) -> None:
        """Serve a record of Zenodo with its listing."""
        listed = []
        for name, content in files.items():
            self.files[f"/records/{record}/{name}"] = content
            checksum = f"md5:{hashlib.md5(content).hexdigest()}"
            links = {"self": f"{self.url}/records/{record}/{name}"}
            listed.append({"key": name, "size": len(content), "checksum": checksum, "links": links})
        self.files[f"/api/records/{record}"] = json.dumps({"files": listed}).encode()

    def hub(self, dataset: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Serve a folder of a data set as the Hugging Face Hub does, with its listing."""
        listed = []
        for name, content in files.items():
            path = f"{folder}/{name}"
            self.files[f"/datasets/{dataset}/resolve/main/{path}"] = content
            lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            listed.append({"type": "file", "path": path, "oid": "0" * 40, "size": len(content), "lfs": lfs})
        self.files[f"/api/datasets/{dataset}/tree/main/{quote(folder, safe='')}"] = json.dumps(listed).encode()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.requests.append((path, self.headers))
        trouble, _, more = str((self.server.troubles.get(path) or [""]).pop(0)).partition(" ")
        content = self.server.files.get(path)
        if trouble.isdecimal() or content is None:
            return self.send_error(int(trouble or 404))
        start = 0 if trouble == "no" else int((self.headers["Range"] or "bytes=0-")[6:-1])
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(content) - start)}
        headers |= {"Location": more} if trouble == "to" else self.server.headers
        self.send_response(302 if trouble == "to" else 206 if start else 200)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[start : int(more) if trouble in ("cut", "stall") else None])
        if trouble == "stall":
            self.server.closing.wait(20)


@contextmanager
def serving() -> Iterator[FileServer]:
    """Run a server until the block ends."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
