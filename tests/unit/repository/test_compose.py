"""compose.yaml and the Dockerfile, checked as text, since there may be no container engine here.

They are compared with the nodes' configuration, with the files of this repository, and with each
other.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from fnmatch import fnmatch
from itertools import pairwise
from typing import Any, Final

import pytest
import yaml

from scheduler.core.access.token import FORM
from scheduler.node.authentication import FILE, require_safe
from scheduler.node.config.loading import VARIABLES, Config, load
from tests.support.nodes import ROOT
from tests.support.pages.dockerfile import arguments, instructions
from tests.support.pages.readme import blocks

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]
NODE: Final[dict[str, Any]] = SERVICES["node"]
SECONDS: Final = {"s": 1, "m": 60}


def node_environment() -> dict[str, str]:
    """The environment of a node in the compose file: that of the image and of the service."""
    image = dict(pair.split("=", 1) for line in arguments("ENV") for pair in shlex.split(line))
    return {**image, **NODE["environment"]}


def seconds(text: str) -> int:
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([a-z]+)", text))


def test_there_are_three_nodes_with_postgresql_and_valkey() -> None:
    """As many workers as the original started, with a store and queue that the nodes share."""
    assert set(SERVICES) == {"node", "postgres", "valkey"}
    assert NODE["deploy"]["replicas"] == 3
    assert SERVICES["postgres"]["image"].startswith("postgres:18")
    assert SERVICES["valkey"]["image"].startswith("valkey/valkey:")


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_how_it_is_and_comes_back_by_itself(service: str) -> None:
    """Without a health check the nodes would start before their servers can answer."""
    check = SERVICES[service]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert seconds(check["interval"]) <= 5
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_has_more_rights_than_it_needs(service: str) -> None:
    """A handler that breaks out of its node is to find nothing to work with."""
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
    added = set(SERVICES[service].get("cap_add", ()))
    own_start = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert added == (set() if service == "node" else own_start)


def test_the_nodes_wait_for_healthy_servers() -> None:
    """A node waits 10 seconds itself, which a first start of PostgreSQL can exceed."""
    waits_for = {name: how["condition"] for name, how in NODE["depends_on"].items()}
    assert waits_for == {"postgres": "service_healthy", "valkey": "service_healthy"}


def test_the_nodes_are_configured_by_known_keys_and_reach_the_servers_of_the_file() -> None:
    """A misspelt variable makes the start of each node fail; so does a wrong password."""
    settings = {name: each for name, each in node_environment().items() if "SCHEDULER" in name}
    assert set(settings) <= set(VARIABLES)
    config = load(None, settings)
    database = SERVICES["postgres"]["environment"]
    assert config.store.url == (
        f"postgresql://{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}"
        f"@postgres/{database['POSTGRES_DB']}"
    )
    assert config.queue.url == "redis://valkey:6379/0"
    assert config.http.host == "0.0.0.0"  # noqa: S104 - inside of its container
    require_safe(config.auth, config.http.addresses)
    assert config.node.name == ""  # each container has a host name of its own


def test_the_nodes_ask_for_tokens_and_no_file_has_one() -> None:
    """A token in a file that everybody has is none; and the step to one's own is in the file."""
    assert load(None, node_environment()).auth.mode == "tokens"
    texts = [(ROOT / name).read_text() for name in ("compose.yaml", "Dockerfile", "config.toml")]
    assert not any(FORM.search(text) for text in texts)
    step = "docker compose exec node python main.py token admin me"
    assert step in texts[0]
    assert step in (ROOT / "README.md").read_text()
    assert arguments("WORKDIR") == ["/app"]  # where `main.py` is


def test_a_node_is_not_killed_before_its_drain_is_over() -> None:
    """Docker kills after stop_grace_period; a job in its last second would have to run again."""
    assert seconds(NODE["stop_grace_period"]) > Config().node.drain_s


def test_all_ports_are_open_to_this_machine_only() -> None:
    """The passwords of the servers are in the file, and what passes is not encrypted."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8000-8009:8000"]
    assert arguments("EXPOSE") == [str(Config().http.port)] == ["8000"]


def test_what_is_kept_is_on_volumes_that_the_file_declares() -> None:
    """`docker compose down` and `up` again must not lose a job."""
    mounted = {
        volume.partition(":")[0]: volume.partition(":")[2]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }
    assert mounted == {
        "postgres": "/var/lib/postgresql",  # where the image of PostgreSQL 18 keeps its data
        "valkey": "/data",
        "files": "/app/files",
    }
    assert set(COMPOSE["volumes"]) == set(mounted)
    assert "appendonly yes" in " ".join(SERVICES["valkey"]["command"])


def test_the_image_of_the_nodes_is_built_from_the_dockerfile() -> None:
    """Building it must need no other image, and its Python is one that CI tests."""
    assert NODE["build"] == "."
    assert (ROOT / "Dockerfile").is_file()
    (image,) = arguments("FROM")
    found = re.fullmatch(r"python:(3\.\d+)-slim", image)
    assert found
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {found[1]}" in project["classifiers"]


def test_everything_the_image_copies_is_there_and_not_ignored() -> None:
    """A COPY of a file that .dockerignore excludes would fail the build."""
    lines = (ROOT / ".dockerignore").read_text().split()
    sources = [source for line in arguments("COPY") for source in line.split()[:-1]]
    packages = {"scheduler", "atlanscheduler_client", "handlers"}
    assert {"requirements.txt", "main.py", "config.toml", *packages} == set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        ignored = False
        for line in lines:  # the last line that matches counts
            if fnmatch(source, line.removeprefix("!")):
                ignored = not line.startswith("!")
        assert not ignored, source


def test_the_image_runs_main_below_an_init_process_and_not_as_root() -> None:
    """Init reaps orphaned processes and forwards SIGTERM; no job needs root."""
    words = [word for word, _ in instructions()]
    (user,) = arguments("USER")
    assert re.search(rf"useradd\b.* {user}\b", " ".join(arguments("RUN")))
    assert user not in {"root", "0"}
    assert words.index("USER") > max(place for place, word in enumerate(words) if word == "RUN")
    assert arguments("ENTRYPOINT") == ['["tini", "--", "python", "main.py"]']
    assert " tini " in " ".join(arguments("RUN"))


def test_the_image_installs_what_is_pinned_and_nothing_else() -> None:
    """The same packages as `make run` has, checked by their hashes."""
    (install,) = re.findall(r"pip install [^&]*", " ".join(arguments("RUN")))
    assert "--require-hashes --requirement requirements.txt" in install


def test_the_image_keeps_its_folders_where_the_configuration_has_them() -> None:
    """The node cannot write to anything else in the image."""
    config = Config()
    folders = {f"/app/{config.node.data_dir}", f"/app/{config.handlers.files_dir}"}
    assert set(yaml.safe_load(*arguments("VOLUME"))) == folders
    assert arguments("WORKDIR") == ["/app"]
    owned = re.findall(r"chown scheduler ([\w ]+)", " ".join(arguments("RUN")))
    assert {f"/app/{folder}" for line in owned for folder in line.split()} == folders


def docker_run() -> list[str]:
    """The words of the one `docker run` of the README."""
    sessions = (
        each for block in blocks((ROOT / "README.md").read_text()) for each in block.sessions()
    )
    (line,) = (command for command, _ in sessions if command.startswith("docker run "))
    return shlex.split(line)


def options_of(words: list[str], name: str) -> list[str]:
    """What follows each `--name`."""
    return [value for option, value in pairwise(words) if option == f"--{name}"]


def test_the_docker_line_of_the_readme_fits_the_image() -> None:
    """It is copied as it stands: each path, port and time in it is one of the image."""
    words = docker_run()
    (port,) = options_of(words, "publish")
    assert port == f"127.0.0.1:8000:{arguments('EXPOSE')[0]}"
    mounted = dict(volume.split(":", 1) for volume in options_of(words, "volume"))
    handlers = mounted.pop("./handlers")
    assert handlers == f"/app/{Config().handlers.path}:ro"
    assert set(mounted.values()) == set(yaml.safe_load(*arguments("VOLUME")))
    assert not any("/" in volume for volume in mounted)  # named: Docker gives them to the user
    assert int(*options_of(words, "stop-timeout")) > Config().node.drain_s
    assert words[-1] == "atlanscheduler"
    readme = (ROOT / "README.md").read_text()
    assert "docker build --tag atlanscheduler ." in readme
    (name,) = options_of(words, "name")
    assert f"docker exec {name} cat {Config().node.data_dir}/{FILE}" in readme


def test_the_health_check_of_the_image_asks_where_the_node_listens() -> None:
    """The node listens on all addresses of its container; the check needs no more than one."""
    (check,) = arguments("HEALTHCHECK")
    assert f"http://127.0.0.1:{arguments('EXPOSE')[0]}/-/health" in check
    assert "SCHEDULER_HTTP__HOST=0.0.0.0" in " ".join(arguments("ENV"))
