"""Configuration: file and environment are read, and all errors are shown in one line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scheduler.core.errors import StartError
from scheduler.node.config.loading import SECTIONS, VARIABLES, Config, load
from scheduler.node.config.quotas import UserLimits
from scheduler.node.config.sections import Section, allowed
from tests.support.pages.readme import meanings

SHIPPED = Path(__file__).parents[3] / "config.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.toml"


def complaint(file: Path, text: str, **environ: str) -> str:
    """The error line for this file and environment."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(StartError) as caught:
        load(file, environ)
    line = str(caught.value).replace(str(file), "own.toml")
    assert "\n" not in line
    return line


def test_the_shipped_file_shows_every_key_at_its_default() -> None:
    """A reader of config.toml sees every key and its default."""
    shown = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert {name: list(keys) for name, keys in shown.items()} == {
        name: list(model.model_fields) for name, model in SECTIONS.items()
    }
    assert load(SHIPPED, {}) == Config()


def test_every_key_has_a_description_and_bounds() -> None:
    """The table in docs/configuration.md and the error messages are made from these."""
    models: list[type[Section]] = [*SECTIONS.values(), UserLimits]
    for model in models:
        assert list(meanings(model)) == list(model.model_fields)
        for key, field in model.model_fields.items():
            assert "\n" not in meanings(model)[key]
            assert allowed(field)


def test_without_a_file_all_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python main.py` in an empty folder starts."""
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Config()


def test_config_toml_in_the_working_folder_is_read_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is where an operator looks first."""
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text("[http]\nport = 81\n")
    assert load(None, {}).http.port == 81


def test_a_named_file_must_exist(file: Path) -> None:
    """With defaults instead, the operator would get a node that nobody configured."""
    with pytest.raises(StartError, match=r"own\.toml: No such file or directory"):
        load(file, {})


def test_a_folder_instead_of_the_file_is_an_error(tmp_path: Path) -> None:
    """Docker creates a folder where a file to mount is missing."""
    with pytest.raises(StartError, match="Is a directory"):
        load(tmp_path, {})


@pytest.mark.parametrize("text", ["[http\n", "[http]\nport = \n", "x = " + "[" * 9999])
def test_invalid_toml_is_an_error_with_its_position(file: Path, text: str) -> None:
    """The operator finds a typing error at once."""
    line = complaint(file, text)
    assert line.startswith("own.toml: not a TOML file: ")
    assert re.search(r"at line \d|recursion", line)


def test_a_file_in_another_encoding_is_an_error(file: Path) -> None:
    """TOML is UTF-8; an editor on Windows may use another encoding."""
    file.write_bytes('[node]\nname = "Müller"\n'.encode("latin-1"))
    with pytest.raises(StartError, match="not a TOML file: 'utf-8'"):
        load(file, {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[http]\nport = "80"', '[http] port = "80": must be an integer from 0 to 65535'),
        ("[http]\nport = 80.0", "[http] port = 80.0: must be an integer from 0 to 65535"),
        ("[http]\nport = true", "[http] port = true: must be an integer from 0 to 65535"),
        ("[http]\nport = 65536", "[http] port = 65536: must be an integer from 0 to 65535"),
        (
            '[http]\nhost = ""',
            '[http] host = "": must be a host name or an IP address, or a list of them',
        ),
        ("[node]\nlease_s = 0.5", "[node] lease_s = 0.5: must be a number from 1 to 3600"),
        ("[node]\nlease_s = nan", "[node] lease_s = NaN: must be a number from 1 to 3600"),
        ("[node]\nlease_s = inf", "[node] lease_s = Infinity: must be a number from 1 to 3600"),
        ("[node]\nlease_s = true", "[node] lease_s = true: must be a number from 1 to 3600"),
        ("[node]\nworkers = -1", "[node] workers = -1: must be an integer from 0 to 1024"),
        (
            '[node]\nname = "a\\nb"',
            '[node] name = "a\\nb": must be at most 200 printable characters',
        ),
        ('[node]\ndata_dir = ""', '[node] data_dir = "": must be a path of 1 to 4000 characters'),
        (
            '[queue]\nnamespace = "{a}"',
            (
                '[queue] namespace = "{a}": must be 1 to 100 characters '
                "without braces, blanks and control characters"
            ),
        ),
        (
            '[store]\nurl = "sqlite:/x"',
            '[store] url = "sqlite:/x": must be sqlite, sqlite:///path or postgresql://…',
        ),
        (
            '[queue]\nurl = "amqp://h"',
            (
                '[queue] url = "amqp://h": must be embedded, redis://…, rediss://…,'
                " redis+sentinel://…, redis+cluster://… or unix://…"
            ),
        ),
        ("http = 5", "http = 5: must be a section, [http]"),
        ("port = 8001", '"port" stands in no section; such a key is in [http]'),
        ('url = "sqlite"', '"url" stands in no section; such a key is in [store] and [queue]'),
        ("x = 1", '"x" stands in no section'),
        ("[node]\nname = 5", "[node] name = 5: must be a text: at most 200 printable characters"),
        (
            '[hooks]\nallow = ["::1/128", "10.0.0.1/8"]',
            (
                '[hooks] allow = "10.0.0.1/8": must be a list of networks, '
                'such as ["10.0.0.0/8", "fd00::/8"]; '
                "'10.0.0.1/8' has host bits set; did you mean '10.0.0.0/8'?"
            ),
        ),
        ("[[http]]\nport = 5", 'http = [{"port": 5}]: must be a section, [http]'),
    ],
)
def test_a_wrong_value_is_an_error_with_its_key_and_what_is_allowed(
    file: Path, text: str, line: str
) -> None:
    """The operator can fix it without the documentation; nothing is silently converted."""
    assert complaint(file, text) == f"own.toml: {line}"


def test_a_whole_number_is_accepted_where_fractions_are_allowed(file: Path) -> None:
    """`lease_s = 6` is clear."""
    file.write_text("[node]\nlease_s = 7\n")
    assert load(file, {}).node.lease_s == 7.0


@pytest.mark.parametrize(
    ("section", "url"),
    [
        ("store", "sqlite:////var/lib/my scheduler.db"),
        ("store", "postgres://h/d"),
        ("store", "postgresql://u:p@h:5432/d?sslmode=require"),
        ("queue", "redis://h"),
        ("queue", "rediss://:p@h:6380/1"),
        ("queue", "redis+sentinel://:p@h,i:26379/main"),
        ("queue", "rediss+cluster://:p@h,i"),
        ("queue", "unix:///run/valkey.sock?db=1"),
    ],
)
def test_every_documented_kind_of_url_is_accepted(file: Path, section: str, url: str) -> None:
    """The configuration's documentation lists them."""
    file.write_text(f'[{section}]\nurl = "{url}"\n')
    assert getattr(load(file, {}), section).url == url


def test_a_misspelt_key_is_an_error_with_the_one_that_was_meant(file: Path) -> None:
    """An operator would believe that the key has an effect."""
    assert complaint(file, "[http]\nprt = 80") == (
        'own.toml: [http] unknown key "prt"; did you mean port?'
        " (known: host, port, hosts, path_prefix, tls_certificate, tls_key)"
    )


def test_a_misspelt_section_is_an_error_with_the_one_that_was_meant(file: Path) -> None:
    """Else all of its keys would be ignored."""
    line = complaint(file, "[quue]\nurl = 'embedded'")
    assert line.startswith('own.toml: unknown section "quue"; did you mean queue? (known: node, ')


def test_all_errors_are_shown_at_once_up_to_a_limit(file: Path) -> None:
    """One start shows what is to be fixed, in a line that stays readable."""
    two = complaint(file, "[http]\nport = -1\n[node]\nworkers = -1\n")
    assert two.count("; own.toml: ") == 1
    seven = complaint(file, "[node]\n" + "".join(f"unknown_{i} = 1\n" for i in range(7)))
    assert seven.count("unknown key") == 5
    assert seven.endswith("; and 2 more")


def test_the_first_look_must_not_be_later_than_the_longest(file: Path) -> None:
    """The watcher's sleeps grow from the first to the longest."""
    assert complaint(file, "[abort]\nfirst_look_s = 60") == (
        "[abort] first_look_s = 60.0 must be at most longest_look_s = 30.0"
    )


def test_the_environment_overrides_the_file(file: Path) -> None:
    """A container is configured without a file."""
    file.write_text('[http]\nhost = "::1"\nport = 81\n[queue]\nurl = "embedded"\n')
    config = load(
        file,
        {
            "SCHEDULER_HTTP__PORT": "82",
            "SCHEDULER_NODE__LEASE_S": "7",
            "SCHEDULER_NODE__NAME": "12",
            "PATH": "/bin",
        },
    )
    assert (config.http.host, config.http.port) == ("::1", 82)
    assert (config.node.lease_s, config.node.name) == (7.0, "12")


def test_every_key_can_be_overridden() -> None:
    """The documentation promises this for each key."""
    shipped = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    environ = {name: str(shipped[section][key]) for name, (section, key) in VARIABLES.items()}
    assert len(environ) == sum(map(len, shipped.values()))
    assert load(SHIPPED, environ) == Config()


@pytest.mark.parametrize(
    "text", ["127.0.0.1,::1", "127.0.0.1, ::1", '["127.0.0.1", "::1"]', '"127.0.0.1,::1"']
)
def test_several_hosts_may_stand_in_the_environment(text: str) -> None:
    """As a list, or as people write one there."""
    config = load(None, {"SCHEDULER_HTTP__HOST": text})
    assert config.http.addresses == ("127.0.0.1", "::1")


def test_a_host_is_a_text_or_a_list(file: Path) -> None:
    """One is the usual case, and most files have it as a text."""
    for value, hosts in {'"::"': ("::",), '["::1", "localhost"]': ("::1", "localhost")}.items():
        file.write_text(f"[http]\nhost = {value}\n")
        assert load(file, {}).http.addresses == hosts


@pytest.mark.parametrize(
    "value", ["[]", "5", '[""]', '["a b"]', "[1]", '["a", "\\u0007"]', '"a,,b"']
)
def test_a_host_that_cannot_be_one_is_an_error(file: Path, value: str) -> None:
    assert "must be a host name or an IP address, or a list of them" in complaint(
        file, f"[http]\nhost = {value}"
    )


@pytest.mark.parametrize("value", ["jobs", "/jobs/", "/", "//jobs", "/a b", "/a?b", "/a#b", "/<a>"])
def test_a_path_prefix_is_a_path_without_a_slash_at_its_end(file: Path, value: str) -> None:
    """It stands before paths in answers, so it must make no other address of them."""
    assert "must be empty, or a path such as /jobs" in complaint(
        file, f'[http]\npath_prefix = "{value}"'
    )
    for right in ("", "/jobs", "/a/b-c", "/%C3%BC"):
        file.write_text(f'[http]\npath_prefix = "{right}"')
        assert load(file, {}).http.path_prefix == right


@pytest.mark.parametrize("text", ["", "x", '"82"', "82.5", "82\nhost = 1", "1979-05-27", "[82]"])
def test_a_wrong_value_in_the_environment_is_an_error_with_its_variable(
    file: Path, text: str
) -> None:
    """The operator has to look in the environment, not in the file."""
    line = complaint(file, "", SCHEDULER_HTTP__PORT=text)
    assert line.startswith("environment: SCHEDULER_HTTP__PORT = ")
    assert line.endswith(": must be an integer from 0 to 65535")


@pytest.mark.parametrize(
    "secret", ["whsec_c2hvcnQ=", "whsec_*", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "whsec_\u00e4"]
)
def test_a_wrong_signing_key_is_not_shown(file: Path, secret: str) -> None:
    """It may be wrong by one letter, and many people read logs."""
    line = complaint(file, f'[hooks]\nsecret = "{secret}"')
    assert line.startswith("own.toml: [hooks] secret = ***: must be empty, or whsec_ and 24 to 64")
    line = complaint(file, "", SCHEDULER_HOOKS__SECRET=secret)
    assert line.startswith("environment: SCHEDULER_HOOKS__SECRET = ***: must be ")


def test_signing_keys_are_never_shown(file: Path) -> None:
    """Neither one key nor two, while one replaces the other."""
    file.touch()
    key = "whsec_" + "YWFh" * 8
    config = load(file, {"SCHEDULER_HOOKS__SECRET": f"{key} {key}"})
    assert config.hooks.secret == f"{key} {key}"
    assert "whsec" not in repr(config)


def test_networks_are_a_list_of_networks(file: Path) -> None:
    """Also in the environment, as TOML."""
    file.touch()
    config = load(file, {"SCHEDULER_HOOKS__ALLOW": '["10.0.0.0/8", "::1/128"]'})
    assert config.hooks.allow == ("10.0.0.0/8", "::1/128")
    line = complaint(file, '[hooks]\nallow = ["10.0.0.0/8", "localhost"]')
    assert line.startswith('own.toml: [hooks] allow = "localhost": must be a list of networks')
    assert complaint(file, "[hooks]\nallow = 1").startswith("own.toml: [hooks] allow = 1: must be")


def test_an_override_does_not_hide_that_a_section_is_no_table(file: Path) -> None:
    """Nothing in a file is silently replaced."""
    line = complaint(file, "http = 5", SCHEDULER_HTTP__PORT="80")
    assert line == "own.toml: http = 5: must be a section, [http]"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SCHEDULER_HTTP_PORT", "SCHEDULER_HTTP__PORT"),
        ("SCHEDULER_HTP__PORT", "SCHEDULER_HTTP__PORT"),
        ("SCHEDULER_NODE__WORKER", "SCHEDULER_NODE__WORKERS"),
    ],
)
def test_a_misspelt_variable_is_an_error_with_the_one_that_was_meant(
    file: Path, name: str, meant: str
) -> None:
    """An underscore is as easily lost as a letter."""
    line = complaint(file, "", **{name: "1"})
    assert line.startswith(f"environment: {name}: unknown; did you mean {meant}? ")


def test_variables_that_kubernetes_sets_for_a_service_named_scheduler_are_ignored(
    file: Path,
) -> None:
    """The most natural name for the service must not keep its pods from starting."""
    file.write_text("")
    kubernetes = {
        "SCHEDULER_SERVICE_HOST": "10.0.0.1",
        "SCHEDULER_SERVICE_PORT_HTTP": "8000",
        "SCHEDULER_PORT": "tcp://10.0.0.1:8000",
        "SCHEDULER_PORT_8000_TCP_ADDR": "10.0.0.1",
        "SCHEDULER_REDIS_PORT": "tcp://10.0.0.2:6379",
        "SCHEDULER_REDIS_PORT_6379_TCP": "tcp://10.0.0.2:6379",
    }
    assert load(file, kubernetes) == Config()


@pytest.mark.parametrize(
    "text",
    [
        '[store]\nurl = "postgress://u:geheim@h/d"',
        '[store]\nurl = "postgresql:/u:geheim@h/d"',
        '[store]\nurl = "u:ge:heim/geheim@h"',
        '[store]\nurl = "host=h user=u password=geheim"',
        '[queue]\nurl = "redi://:geheim@h"',
        '[queue]\nurl = ["redis://:geheim@h"]',
        '[node]\nlease_s = "redis://:geheim@h"',
        '[store]\nurl = "postgresql://u:geheim@h/d"\n[http]\nport = -1',
        'auth = "atl_3f0c9a1b7d24_geheim"',
        '[auth]\nmode = "atl_3f0c9a1b7d24_geheim"',
        '[auth]\nproxies = ["atl_3f0c9a1b7d24_geheim"]',
        "[atl_3f0c9a1b7d24_geheim]\nx = 1",
        '[auth]\natl_3f0c9a1b7d24_geheim = ""',
        '[hooks]\nallow = ["whsec_a/geheim="]',
    ],
)
def test_no_message_shows_a_password(file: Path, text: str) -> None:
    """The line is logged, where many may read it, and so is the error that it comes from."""
    assert "geheim" not in complaint(file, text)
    file.write_text(text)
    with pytest.raises(StartError) as caught:
        load(file, {"SCHEDULER_STORE__URL": "postgresq://u:geheim@h"})
    assert "geheim" not in str(caught.value)
    assert caught.value.__context__ is None


def test_no_printed_configuration_shows_a_password(file: Path) -> None:
    """A configuration is easily logged."""
    file.write_text('[store]\nurl = "postgresql://u:geheim@h/d"\n')
    config = load(file, {"SCHEDULER_QUEUE__URL": "redis://:geheim@h"})
    assert config.store.url == "postgresql://u:geheim@h/d"
    for shown in (repr(config), str(config), str(config.store), f"{config.queue}"):
        assert "geheim" not in shown
        assert "***" in shown


def test_a_configuration_cannot_be_changed() -> None:
    """Code that has read a value can rely on it."""
    with pytest.raises(ValueError, match="frozen"):
        Config().http.port = 1  # type: ignore[misc]


def test_mode_proxy_names_its_proxies(file: Path) -> None:
    """Without them nobody would be believed, or, worse, everybody."""
    assert '[auth] mode = "proxy" needs proxies' in complaint(file, '[auth]\nmode = "proxy"')


def test_groups_have_a_role_and_users(file: Path) -> None:
    """In the file as tables, in the environment as one."""
    file.write_text('[auth.groups]\nops = {role = "operator", uids = ["*"]}\n')
    assert load(file, {}).auth.groups["ops"].role == "operator"
    groups = '{ops = {role = "user", uids = ["ada", "team-a.*"]}}'
    config = load(None, {"SCHEDULER_AUTH__GROUPS": groups})
    assert config.auth.groups["ops"].grant.covers("team-a.x")


@pytest.mark.parametrize(
    "rights",
    [
        '{role = "root", uids = ["*"]}',
        '{role = "user"}',
        '{uids = ["ada"]}',
        '{role = "user", uids = []}',
        '{role = "user", uids = ["a*b"]}',
        '{role = "user", uids = ["ada"], more = 1}',
        '"user"',
    ],
)
def test_a_group_that_says_too_little_or_nonsense_is_an_error(file: Path, rights: str) -> None:
    """A right that an operator believes to have given or withheld must be what he meant."""
    said = complaint(file, f"[auth.groups]\nops = {rights}")
    assert "[auth] groups = " in said
    assert "must be groups with a role and users, such as ops = " in said


@pytest.mark.parametrize("text", ["true", "True", "FALSE"])
def test_a_flag_may_be_written_as_shells_and_python_do(text: str) -> None:
    assert load(None, {"SCHEDULER_AUTH__INSECURE": text}).auth.insecure is (text != "FALSE")


@pytest.mark.parametrize("value", ['"Open"', '"none"', '""', "true"])
def test_metrics_are_for_operators_or_open(file: Path, value: str) -> None:
    """A misspelt word must not open them, nor be taken for the default."""
    said = complaint(file, f"[auth]\nmetrics = {value}")
    assert f"[auth] metrics = {value}: must be operator or open" in said


def test_the_admin_token_is_never_shown(file: Path) -> None:
    """Messages and logs are read by more people than the configuration."""
    token = f"atl_{'0' * 12}_{'s' * 43}"
    file.write_text(f'[auth]\nadmin_token = "{token}"')
    assert "sss" not in repr(load(file, {}))
    said = complaint(file, f'[auth]\nadmin_token = "{token}sss"')
    assert "sss" not in said
    assert "a token: atl_" in said
