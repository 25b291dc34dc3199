"""A registry with one image, for a Docker daemon of the tests that has a network of its own."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence

from calicoctl.host import iproute

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@contextlib.contextmanager
def registry(process: int, content: bytes, command: Sequence[str]) -> Iterator[str]:
    """Run a registry on loopback in the network of a process; yields its address.

    Every repository has the tag `latest`: an image with the files of a tar archive, and a command.
    """
    layer = gzip.compress(content, mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": list(command)},
        "rootfs": {"type": "layers", "diff_ids": [_digest(content)]},
    }
    blobs = {_digest(blob): blob for blob in (layer, json.dumps(config).encode())}
    of_layer, of_config = blobs
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(blobs[of_config]), "digest": of_config},
            "layers": [{"mediaType": LAYER, "size": len(layer), "digest": of_layer}],
        }
    ).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, name = self.path.rstrip("/").split("/")[-2:]
            answers = {"latest": manifest, _digest(manifest): manifest} if kind == "manifests" else blobs
            body = b"{}" if self.path == "/v2/" else answers.get(name)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", MANIFEST if kind == "manifests" else "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            if kind == "manifests" and body is not None:
                self.send_header("Docker-Content-Digest", _digest(manifest))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body or b"")

        do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = _listener(process)
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def _listener(process: int) -> socket.socket:
    """Listen in the network of a process, which a thread of its own enters, and leaves by its end."""
    made: list[socket.socket] = []

    def listen() -> None:
        namespace = os.open(f"/proc/{process}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        iproute._change_namespace(namespace)
        os.close(namespace)
        made.append(socket.create_server(("127.0.0.1", 0)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    return made[0]


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
