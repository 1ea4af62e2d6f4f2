"""Proxies in front of a node, set up as `docs/proxies.md` shows them, or not at all.

front   a node behind each of them, at the root and below a path
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Final

import pytest

from tests.support.effort import variants
from tests.support.nodes import ROOT, Node
from tests.support.pages.readme import blocks
from tests.support.programs import program
from tests.support.servers.ports import free_port

START_S: Final = 20.0
DEFAULTS: Final = """
server {
    listen 80;
    location /jobs/ { proxy_pass http://127.0.0.1:8000/; }
}
"""
NGINX: Final = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""
CADDY: Final = "{{\n admin off\n auto_https off\n}}\n{server}"


def shown(language: str, *, users: bool = False) -> str:
    """The configuration that the page shows, or the one that says who the user is."""
    page = (ROOT / "docs" / "proxies.md").read_text("utf-8")
    texts = [block.text for block in blocks(page) if block.language == language]
    (text,) = (each for each in texts if ("X-Forwarded-User" in each) == users)
    return text


@contextmanager
def in_front(kind: str, folder: Path, *, behind: str, path: str) -> Iterator[str]:
    """A proxy that serves the node `behind` below a path; its URL, without a slash at the end.

    Args:
        kind: "defaults" of nginx, or what the page shows for "nginx" or "caddy", or for "users":
            nginx that knows its users, `ada`, `bob` and `eve`, by their names as passwords.
    """
    port = free_port()
    server = _server(kind)
    (folder / "users").write_text("ada:{PLAIN}ada\nbob:{PLAIN}bob\neve:{PLAIN}eve\n")
    for old, new in (
        ("listen 80", f"listen 127.0.0.1:{port}"),
        ("http://jobs.example {", f"http://127.0.0.1:{port} {{"),
        ("http://127.0.0.1:8000", behind),
        ("127.0.0.1:8000", behind.removeprefix("http://")),
        ("/jobs/", f"{path}/"),
        ("/etc/nginx/users", str(folder / "users")),
    ):
        server = server.replace(old, new)
    command = _caddy(folder, server) if kind == "caddy" else _nginx(folder, server)
    with (folder / "front.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_for(port, process, folder / "front.log")
        yield f"http://127.0.0.1:{port}{path}"
    finally:
        process.terminate()
        process.wait(START_S)


def _server(kind: str) -> str:
    match kind:
        case "defaults":
            return DEFAULTS
        case "users":
            return shown("nginx", users=True)
        case _:
            return shown(kind)


def _nginx(folder: Path, server: str) -> list[str]:
    user = "user root root;" if os.geteuid() == 0 else ""  # else a worker cannot use the folder
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, user=user, server=server))
    return [program("nginx"), "-p", str(folder), "-e", str(folder / "nginx.log"), "-c", str(file)]


def _caddy(folder: Path, server: str) -> list[str]:
    file = folder / "Caddyfile"
    file.write_text(CADDY.format(server=server))
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), START_S).close()
        except ConnectionRefusedError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        else:
            return


@pytest.fixture(
    params=variants(
        ["defaults /", "nginx /jobs/", "caddy /jobs/"],
        long=["defaults /jobs/", "nginx /", "caddy /"],
    )
)
def front(request: pytest.FixtureRequest, node: Node, tmp_path: Path) -> Iterator[Node]:
    """The shared node, as it is reached through a proxy."""
    kind, path = request.param.split(" ")
    with in_front(kind, tmp_path, behind=node.url, path=path.rstrip("/")) as url:
        behind = copy(node)
        behind.url = url
        yield behind
