"""No secret that was configured gets out: a node with all of them is used, harmed and searched."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import stat
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from scheduler.core.access.token import Secret, new_secret
from tests.support.commands import Ended, command
from tests.support.eventually import eventually
from tests.support.nodes import Nodes
from tests.support.servers.certificates import Authority
from tests.support.servers.redis import RedisServer

STORE, QUEUE = (f"{what}-{uuid4().hex}" for what in ("store", "queue"))
HOOKS = base64.b64encode(uuid4().bytes + uuid4().bytes).decode()
FIRST, OPERATORS = new_secret(), new_secret()
TOKEN_VARIABLE = "ATLANSCHEDULER_TOKEN"  # noqa: S105 - a name


class Site:
    """Every secret that a node may be given, and what has come out of it."""

    def __init__(self, folder: Path, settings: dict[str, Any], secrets: dict[str, str]) -> None:
        self._folder, self.settings, self.secrets = folder, settings, secrets
        self._texts: dict[str, str] = {}
        self.url = ""
        """Of the node, once it is started."""

    def search(self, place: str, text: str) -> None:
        """Search a text for secrets later, when all of them are known."""
        self._texts[place] = self._texts.get(place, "") + text

    @property
    def found(self) -> set[tuple[str, str]]:
        """The secrets that are somewhere, and where."""
        return {
            (name, place)
            for place, text in self._texts.items()
            for name, secret in self.secrets.items()
            if secret in text
        }

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:  # noqa: ANN401 - JSON
        """Ask with the first token."""
        headers = {"Authorization": f"Bearer {FIRST.text}", **headers}
        connector = aiohttp.TCPConnector(ssl=False)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            text = await answer.text()
            for each in answer.cookies.values():
                self.secrets["a session"] = each.value
            if (method, path) != ("POST", "/-/tokens"):
                self.search(f"{method} {path}", text)
            return json.loads(text) if text.startswith(("{", "[")) else text

    async def job(self, task: str, data: object = None) -> Any:  # noqa: ANN401 - JSON
        """A job once it is final."""
        job = await self.ask("POST", "/", {"uid": "ada", "task": task, "data": data})
        return await self.ask("GET", f"/ada/{job['id']}?wait=30")

    async def command(self, *arguments: str, **changed: object) -> Ended:
        """Run the program with the node's settings, some of them changed."""
        settings = {**self.settings, "NODE__DATA_DIR": "data", "HTTP__PORT": "0", **changed}
        environ = {f"SCHEDULER_{key}": str(each) for key, each in settings.items()}
        ended = await command(None, *arguments, folder=self._folder, environ=environ)
        self.search(f"main.py {' '.join(arguments)} {changed}", ended.output + ended.errors)
        return ended


@pytest.fixture(name="site")
def site_fixture(
    tmp_path: Path,
    postgres_url: str,
    own_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    certificate, key = Authority(tmp_path / "authority").sign("node")
    for source in (certificate, key):
        shutil.copy(source, tmp_path)
    own_redis.command("ACL", "SETUSER", "node", "on", f">{QUEUE}", "~*", "&*", "+@all")
    settings: dict[str, Any] = {
        "NODE__WORKERS": 1,
        "STORE__URL": postgres_url.replace("@", f":{STORE}@"),
        "QUEUE__URL": own_redis.url.replace("//", f"//node:{QUEUE}@"),
        "HOOKS__SECRET": f"whsec_{HOOKS}",
        "AUTH__MODE": "tokens",
        "AUTH__ADMIN_TOKEN": FIRST.text,
        "HTTP__TLS_CERTIFICATE": tmp_path / certificate.name,
        "HTTP__TLS_KEY": tmp_path / key.name,
    }
    secrets = {
        "the store's password": STORE,
        "the queue's password": QUEUE,
        "the key of hooks": HOOKS,
        "the first token": FIRST.secret,
        "the operator's own token": OPERATORS.secret,
        "the key of the certificate": key.read_text("ascii").splitlines()[1],
    }
    monkeypatch.setenv(TOKEN_VARIABLE, OPERATORS.text)
    return Site(tmp_path, settings, secrets)


async def test_no_secret_leaves_a_node(
    site: Site, start_node: Nodes, own_redis: RedisServer
) -> None:
    """Logs, metrics, answers, processes, jobs and crashes are read by others than its operator."""
    node = start_node(**site.settings)
    site.url = node.url
    await _use(site)
    for pid in node.processes():
        site.search("the arguments of processes", Path(f"/proc/{pid}/cmdline").read_text())
        if pid != node.process.pid:  # that one has it from its operator, who can read it there
            site.search("their environments", Path(f"/proc/{pid}/environ").read_text())
    own_redis.stop()
    await eventually(lambda: "is away" in node.log, within_s=30)
    own_redis.start()
    node.signal(signal.SIGABRT)
    node.ended()
    assert node.process.stdout is not None
    site.search("the log", node.log)
    site.search("what it says", "".join([*node.said_first, node.ready_line]))
    site.search("what it says", node.process.stdout.read())
    assert node.log.count("job terminated") == 3, "all of it was done"
    assert len(site.secrets) == 8
    assert site.found == set()


async def _use(site: Site) -> None:
    """Whatever shows texts: jobs that fail, good and bad logins, problems, pages, hooks."""
    made = await site.ask("POST", "/-/tokens", {"name": "web", "role": "admin", "uids": ["*"]})
    site.secrets["a token that was made"] = made["token"].split("_", 2)[2]
    await site.ask("POST", "/-/login", {"token": made["token"]})
    for token in (FIRST, Secret(FIRST.id, new_secret().secret), new_secret()):
        wrong = {"token": f"{token.text}x"}
        await site.ask("POST", "/-/login", wrong, Authorization=f"Basic {token.text}")
        await site.ask("GET", "/ada", Authorization=f"Bearer {token.text} ")
    await site.ask("POST", "/-/login", {"tokn": made["token"]})
    assert (await site.job("environment"))["status"] == "successful"
    for task, data in (("fail", "why"), ("crash", 3), ("nonsense", "nan")):
        assert (await site.job(task, data))["status"] == "terminated"
    hooked = {"uid": "ada", "task": "echo", "data": 1, "hook": "http://127.0.0.1:9/hook"}
    job = await site.ask("POST", "/", hooked)
    await site.ask("GET", f"/ada/{job['id']}?wait=30")
    for path in (
        *(f"/ada/{job['id']}/hooks", f"/ada/{job['id']}/log", "/-/metrics", "/-/tokens"),
        *("/-/nodes", "/-/tasks", "/-/openapi.json", "/-/docs", "/-/ui/", "/-/ready"),
        *("/-/ui/data/me", "/-/ui/data/overview", "/nowhere/at/all/x", "/-/jobs?limit=x"),
    ):
        await site.ask("GET", path)


WRONG = {
    "an option of the store": {"STORE__URL": f"postgresql://ada:{STORE}@127.0.0.1/x?nonsense=1"},
    "its parameter": {"STORE__URL": f"postgresql://h/x?user=a&password={STORE}&sslmode=bad"},
    "its port": {"STORE__URL": f"postgresql://ada:{STORE}@127.0.0.1:port/x"},
    "the port of the queue": {"QUEUE__URL": f"redis://node:{QUEUE}@127.0.0.1:port/0"},
    "its sentinels": {"QUEUE__URL": f"redis+sentinel://h/m?sentinel_password={QUEUE}&x=1"},
    "its password": {"QUEUE__URL": f"redis://node:{QUEUE}x@127.0.0.1:{{port}}/0"},
    "the first token": {"AUTH__ADMIN_TOKEN": f"atl_{FIRST.id}_{OPERATORS.secret}"},
}
"""Settings that a start refuses after it has read them, by what is wrong."""


@pytest.mark.parametrize("arguments", [(), ("doctor",)], ids=["start", "doctor"])
async def test_a_refusal_shows_no_secret(
    site: Site, own_redis: RedisServer, arguments: tuple[str, ...]
) -> None:
    """Its line goes into the log of a service manager, or into a chat where somebody asks why."""

    async def refused(changed: dict[str, str]) -> None:
        filled = {key: each.format(port=own_redis.port) for key, each in changed.items()}
        ended = await site.command(*arguments, **filled)
        looked = arguments and "AUTH__ADMIN_TOKEN" in changed  # doctor does not log in
        assert looked or ended.status != 0, (changed, ended)

    async with asyncio.TaskGroup() as group:
        for changed in WRONG.values():
            group.create_task(refused(changed))
    assert site.found == set()


async def test_nobody_else_can_open_what_a_node_keeps(start_node: Nodes) -> None:
    """Jobs, digests of tokens and the first token are in it, whatever umask the node has."""
    data = start_node(AUTH__MODE="tokens").folder / "data"
    kept = [data, *data.rglob("*")]
    assert data / "admin-token" in kept
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in kept if not path.is_symlink()}
    assert modes[data] == 0o700
    assert modes[data / "scheduler.db"] == modes[data / "admin-token"] == 0o600
    assert {path.name: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
