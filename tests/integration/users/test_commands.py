"""The commands that talk to a node, against a real one."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import pytest

from scheduler.cli.exit_status import Exit
from tests.support.commands import COMMAND, Terminal, command, environment
from tests.support.nodes import ROOT, Node, Nodes
from tests.support.servers.ports import free_port
from tests.support.servers.stream_server import stream_server
from tests.unit.client.conftest import reply

NOBODYS = "ada/01a208bc-e538-7404-822a-df0cc3d7b9b4"


async def submitted(node: Node, *arguments: str) -> str:
    ended = await command(node, "submit", *arguments)
    assert (ended.status, ended.errors) == (0, "")
    return ended.output.strip()


async def test_the_output_of_submit_is_the_argument_of_the_other_commands(node: Node) -> None:
    """So it can be kept in a variable and be used with any of them."""
    name = await submitted(node, "ada", "echo", '{"n": [1, "ü"]}')
    waited = await command(node, "wait", name, "--json")
    assert (waited.status, waited.errors) == (0, "")
    assert waited.json["result"] == {"n": [1, "ü"]}
    assert name == f"ada/{waited.json['id']}"
    assert waited.json == await node.job(waited.json)
    shown = await command(node, "show", name)
    assert '{"n": [1, "ü"]}' in shown.output
    assert (await command(node, "show", name, "--json")).json == waited.json


async def test_children_are_submitted_shown_listed_and_aborted_with_their_parent(
    node: Node, tmp_path: Path
) -> None:
    """By the same ids that `submit` prints."""
    uid = f"family-{tmp_path.name}"[:100]
    data = json.dumps({"file": str(tmp_path / "begun")})
    parent = await submitted(node, uid, "wait", data)
    child = await submitted(node, uid, "wait", data, "--parent", parent.removeprefix(f"{uid}/"))

    shown = (await command(node, "show", child)).output
    assert ["parent", parent] in [line.split() for line in shown.splitlines()]
    listed = await command(node, "list", uid, "--parent", parent.removeprefix(f"{uid}/"), "--json")
    assert [f"{uid}/{each['id']}" for each in listed.json] == [child]

    aborted = await command(node, "abort", parent, "--children", "--json")
    assert aborted.json["status"] == "aborted"
    assert (await command(node, "wait", child)).status == Exit.ABORTED


async def test_data_comes_from_a_file_or_from_standard_input_too(
    node: Node, tmp_path: Path
) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"from": "a file"}')
    ended = await command(node, "submit", "ada", "echo", f"@{file}", "--json")
    assert ended.json["data"] == {"from": "a file"}
    ended = await command(node, "submit", "ada", "echo", "-", "--json", stdin="[1]")
    assert ended.json["data"] == [1]
    ended = await command(node, "submit", "ada", "echo", "--json")
    assert ended.json["data"] is None


async def test_a_job_is_run_again_only_once_where_it_has_a_unique_key(
    node: Node, begun: Path
) -> None:
    """The command prints the one that is there, or puts the new one in its place."""
    uid = f"again-{begun.parent.name}"[:100]
    name = await submitted(node, uid, "wait", json.dumps({"file": str(begun)}))
    await command(node, "abort", name)
    unique = ["rerun", name, "--unique", "k"]

    first = await command(node, *unique)
    assert (first.status, first.errors) == (0, "")
    second = await command(node, *unique)
    assert (second.output, second.errors) == (
        first.output,
        "it was there already: it has this unique key\n",
    )
    third = await command(node, *unique, "--on-conflict", "replace", "--json")
    (job,) = third.json
    assert job["replaces"] == first.output.strip().removeprefix(f"{uid}/")
    await command(node, "abort", f"{uid}/{job['id']}")


async def test_a_job_is_run_again_with_what_the_options_say(node: Node) -> None:
    name = (await command(node, "submit", "again", "echo", "1", "--group", "a", "--wait")).output
    hook = ["--hook", "http://127.0.0.1:9/", "--hook-retries"]

    answer = await command(
        node, "rerun", name.split()[0], "--data", "2", "--group", "b", *hook, "--json"
    )

    (job,) = answer.json
    assert (job["data"], job["group"], job["hook_retries"]) == (2, "b", True)
    assert job["hook"] == "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["submit", "ada", "echo", "{"], "it is not JSON"),
        (["submit", "ada", "echo", "NaN"], "it is not JSON"),
        (["submit", "ada", "echo", "@/nowhere"], "/nowhere: No such file or directory"),
        (["submit", "ada", "ecco"], "did you mean 'echo'?"),
        (["show", "ada"], "'ada' is not like ada/"),
        (["wait", NOBODYS, "--timeout", "-1"], "--timeout"),
        (["nodes", "--url", "localhost"], "is not like http://"),
        (["--config", "x.toml", "init"], "it is for a node"),
        (["list", "ada", "--status", "running,done"], "'done' is none of queued, running"),
        (["list", "ada", "--status", "failed"], "'failed' elsewhere are 'terminated' here"),
        (["dance"], "dance"),
    ],
)
async def test_wrong_usage_is_one_error_line(node: Node, arguments: list[str], said: str) -> None:
    """Status 2, nothing on standard output, and no page of help."""
    ended = await command(node, *arguments)
    assert (ended.status, ended.output) == (2, "")
    assert said in ended.errors
    assert ended.errors.startswith("atlanscheduler: ")
    assert ended.errors.count("\n") == 1


async def test_the_same_key_submits_once(node: Node) -> None:
    first = await submitted(node, "ada", "echo", "1", "--key", "once")
    assert await submitted(node, "ada", "echo", "1", "--key", "once") == first
    other = await command(node, "submit", "ada", "echo", "2", "--key", "once")
    assert other.status == 1
    assert "key" in other.errors


@pytest.mark.parametrize(
    ("task", "data", "status", "said"),
    [("echo", "1", 0, "successful"), ("fail", '"no"', 3, "terminated: ValueError: no")],
)
async def test_the_exit_status_of_wait_says_how_the_job_ended(
    node: Node, task: str, data: str, status: int, said: str
) -> None:
    ended = await command(node, "submit", "ada", task, data, "--wait")
    assert ended.status == status
    assert said in ended.output


async def test_a_job_is_aborted_with_its_receipt(node: Node, begun: Path) -> None:
    """A script reads the exit status, a person the line."""
    name = await submitted(node, "ada", "wait", f'{{"file": "{begun}"}}')
    late = await command(node, "wait", name, "--timeout", "0.1")
    assert (late.status, late.output) == (5, "")
    assert "did not end within 0.1 s" in late.errors
    aborted = await command(node, "abort", name, "--reason", "wrong\n[red]input")
    assert aborted.status == 0
    assert aborted.output.count("\n") == 1
    assert "ended, 0 survived" in aborted.output or "nothing ran" in aborted.output
    assert "(wrong [red]input)" in aborted.output
    waited = await command(node, "wait", name)
    assert (waited.status, waited.output) == (4, aborted.output)
    assert (await command(node, "abort", name, "--json")).json["status"] == "aborted"


async def test_a_job_that_has_ended_cannot_be_aborted(node: Node) -> None:
    name = await submitted(node, "ada", "echo", "--wait")
    ended = await command(node, "abort", name.split()[0])
    assert ended.status == 1
    assert "the job had ended before it could be aborted: it is successful" in ended.errors


async def test_all_jobs_of_a_user_are_listed_and_aborted(node: Node, begun: Path) -> None:
    data = f'{{"file": "{begun}"}}'
    first = await submitted(node, "eve", "until", data)
    second = await submitted(node, "eve", "echo", "--wait")
    listed = (await command(node, "list", "eve")).output.splitlines()
    assert [line.split()[0] for line in listed] == ["JOB", second.split()[0], first]
    assert "\x1b" not in "".join(listed)
    running = await command(node, "list", "eve", "--task", "until", "--json")
    assert [f"eve/{job['id']}" for job in running.json] == [first]
    several = await command(node, "list", "eve", "--status", "queued,running", "--json")
    assert [f"eve/{job['id']}" for job in several.json] == [first]
    assert (await command(node, "list", "eve", "--status", "aborted", "--json")).json == []
    assert (await command(node, "list", "eve", "--limit", "1", "--json")).json[0]["task"] == "echo"
    aborts = await command(node, "abort-all", "eve", "--json")
    assert sum(aborts.json.values()) == 1
    assert (await command(node, "wait", first)).status == 4


async def test_handlers_and_nodes_are_listed(node: Node) -> None:
    tasks = await command(node, "tasks")
    assert tasks.output.split()[:6] == ["TASK", "TIME", "LIMIT", "GRACE", "ON", "ABORT"]
    assert "Return the data." in tasks.output
    assert len((await command(node, "tasks", "--json")).json) > 10
    nodes = (await command(node, "nodes", "--json")).json
    assert [each["workers"] for each in nodes] == [2]
    assert nodes[0]["name"] in (await command(node, "nodes")).output


async def test_a_missing_job_and_a_node_that_does_not_answer_differ(
    node: Node,
) -> None:
    for arguments in (["show"], ["wait"], ["abort"], ["logs"]):
        ended = await command(node, *arguments, NOBODYS)
        assert (ended.status, ended.output) == (6, "")
        assert "has no job" in ended.errors
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ended = await command(None, "show", NOBODYS, "--url", url)
    assert (ended.status, ended.output) == (7, "")
    assert ended.errors == (
        f"atlanscheduler: no node answers at {url}: Connection refused"
        " (the URL is from --url; is a node there?)\n"
    )


async def test_another_server_is_named_as_such(node: Node) -> None:
    """A mistyped port often leads to some web server, whose 404 would look like a missing job."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("<h1>Not Found</h1>", status="404 Not Found", media="text/html"))
        await writer.drain()

    async with stream_server(refuse) as port:
        url = f"http://127.0.0.1:{port}"
        ended = await command(None, "show", NOBODYS, "--url", url)
    assert (ended.status, ended.output) == (7, "")
    assert ended.errors == (
        f"atlanscheduler: what answers at {url} is no AtlanScheduler (404, text/html); the URL is"
        " from --url: correct it, or name a node with --url or ATLANSCHEDULER_URL\n"
    )
    ended = await command(None, "nodes", "--url", f"{node.url}/-/ui/#x")
    assert (ended.status, f"the node's URL is {node.url} " in ended.errors) == (2, True)
    ended = await command(node, "nodes", "--url", f"{node.url}/jobs")
    said = f"nothing at this path; the URL {node.url}/jobs is from --url: is its path right?\n"
    assert (ended.status, ended.errors.endswith(said)) == (1, True)


async def test_the_commands_find_the_node_of_the_folder(start_node: Nodes, tmp_path: Path) -> None:
    """Who changed the port in config.toml need not name it with each command."""
    port = free_port()
    everywhere = "0.0.0.0"  # noqa: S104 - the host of a real installation
    started = start_node(HTTP__HOST=everywhere, HTTP__PORT=port, AUTH__INSECURE=True)
    name = f"http://127.0.0.1:{port}"
    (tmp_path / "config.toml").write_text(f'[http]\nhost = "{everywhere}"\nport = {port}\n')
    (tmp_path / "own.toml").write_text("[http]\nport = 1\n")

    (there,) = (await command(None, "nodes", "--json", folder=tmp_path)).json
    assert there["workers"] == 2
    other = await command(None, "--config", "own.toml", "nodes", folder=tmp_path)
    assert (other.status, "the URL is from own.toml; start a node here" in other.errors) == (
        7,
        True,
    )
    named = await command(None, "--config", "own.toml", "nodes", "--url", name, folder=tmp_path)
    assert named.status == 0

    assert started.drain() == 0
    gone = await command(None, "nodes", folder=tmp_path)
    assert gone.errors.startswith(f"atlanscheduler: no node answers at {name}: Connection refused")
    assert "the URL is from config.toml; start a node here with " in gone.errors

    (tmp_path / "config.toml").write_text("[http\n")
    broken = await command(None, "nodes", folder=tmp_path)
    assert (broken.status, broken.errors.count("\n")) == (2, 1)
    assert "config.toml: not a TOML file: " in broken.errors


async def test_the_jobs_of_all_users_are_listed(node: Node, tmp_path: Path) -> None:
    """Who runs the service does not know the users' names."""
    names = [await submitted(node, f"{tmp_path.name}-{n}", "echo", "1") for n in range(2)]
    listed = (await command(node, "list", "--json")).json
    assert [f"{job['uid']}/{job['id']}" for job in listed[:2]] == names[::-1]
    refused = await command(node, "submit", "health", "echo")
    assert (refused.status, "/uid: got" in refused.errors) == (2, True)
    assert "did you mean /-/health?" in (await command(node, "list", "health")).errors


async def test_the_output_of_a_job_is_printed(node: Node) -> None:
    name = (await submitted(node, "ada", "talk", "--wait")).split()[0]
    logs = await command(node, "logs", name)
    assert "printed ü\n" in logs.output
    assert "to stderr\n" in logs.output
    lines = [
        json.loads(line)
        for line in (await command(node, "logs", name, "--json")).output.splitlines()
    ]
    assert {"stream": "stderr", "text": "to stderr"} in [
        {key: line[key] for key in ("stream", "text")} for line in lines
    ]
    timed = (await command(node, "logs", "--times", name)).output.splitlines()
    assert timed == [f"{line['at']} {line['text']}" for line in lines]


async def test_the_output_of_a_job_is_followed_until_its_end(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "enough"
    name = await submitted(node, "ada", "talk_until", f'{{"file": "{file}"}}')
    async with Terminal(node, "logs", "-f", name) as terminal:
        await terminal.shows("begun")
        file.touch()
        assert await terminal.ended() == 0
        await terminal.shows("ended")


async def test_colours_are_only_for_terminals_that_want_them(node: Node) -> None:
    async with Terminal(node, "list", "ada") as coloured:
        assert await coloured.ended() == 0
        await coloured.shows("STATUS")
        assert "\x1b[" in coloured.shown
    async with Terminal(node, "list", "ada", NO_COLOR="1") as plain:
        await plain.ended()
        await plain.shows("STATUS")
        assert "\x1b[3" not in plain.shown


async def test_the_output_of_a_job_cannot_control_the_terminal(node: Node) -> None:
    """Else a user could write to the terminals of people who look at the job."""
    name = await submitted(node, "ada", "fail", r'"\u001b]0;pwned\u0007"')
    await command(node, "wait", name)
    async with Terminal(node, "show", name) as terminal:
        assert await terminal.ended() == 0
        await terminal.shows("pwned")
        assert "\x1b]" not in terminal.shown
        assert "\x07" not in terminal.shown


async def test_a_closed_pipe_is_no_error(node: Node) -> None:
    """`list … | head` is common."""
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("tasks", "--json"),
        env=environment(node),
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writer)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (1, b"")


async def test_a_shell_gets_completions(node: Node) -> None:
    """The question that `atlanscheduler --install-completion` makes the shell ask."""
    script = "import sys; sys.argv[0] = 'atlanscheduler'; import main; sys.exit(main.main())"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script),
        cwd=ROOT,
        env=environment(
            node,
            _ATLANSCHEDULER_COMPLETE="complete_bash",
            COMP_WORDS="atlanscheduler submit ada async_e",
            COMP_CWORD="3",
        ),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert output == b"async_echo\n"
