"""Each parameter is taken, ignored with the reason, or refused in a line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.store.postgres_url import Address, read
from scheduler.store.postgres_url.parameters import RULES
from tests.unit.store.postgres_url.test_splitting import refusal


def address(query: str, **environ: str) -> Address:
    return read(f"postgresql://me:secret@h/d?{query}", environ)


def remarked(url: str) -> set[str]:
    return {remark.parameter for remark in read(url, {}).remarks}


@pytest.mark.parametrize(
    ("host", "url", "expected"),
    [
        ("Neon", ("postgresql://u:p@ep-x-pooler.eu.aws.neon.tech/d?sslmode=require"
                 "&channel_binding=require"), {"channel_binding"}),
        ("Neon without SNI", "postgresql://u:p@ep.neon.tech/d?options=endpoint%3Dep-x", set()),
        ("Supabase", ("postgresql://postgres.ref:[YOUR-PASSWORD]@aws-0.pooler.supabase.com:6543/"
                     "postgres?pgbouncer=true"), {"pgbouncer"}),
        ("Supabase at Vercel", "postgres://u:p@h:6543/postgres?sslmode=require&supa=base-pooler.x",
         {"supa"}),
        ("RDS", "postgresql://u:p@db.x.eu-west-1.rds.amazonaws.com:5432/d?sslmode=require", set()),
        ("Heroku", "postgres://u:p@ec2-1-2-3-4.compute.amazonaws.com:5432/d?ssl=true", set()),
        ("Heroku for Node", "postgres://u:p@h:5432/d?sslmode=no-verify", set()),
        ("Azure", "postgresql://me%40srv:p@srv.postgres.database.azure.com:5432/d?sslmode=require",
         set()),
        ("Cloud SQL", "postgresql://u:p@/d?host=/cloudsql/project:region:instance", set()),
        ("Crunchy", "postgres://application:p@p.x.db.postgresbridge.com:5432/postgres", set()),
        ("CockroachDB", "postgresql://u:p@h:26257/d?sslmode=require&options=--cluster%3Dx", set()),
        ("DigitalOcean", "postgresql://doadmin:p@h:25060/defaultdb?sslmode=require", set()),
        ("Fly", "postgres://u:p@app.flycast:5432/d?sslmode=disable", set()),
        ("Prisma", ("postgresql://u:p@h/d?schema=public&connection_limit=5&pool_timeout=10"
                   "&socket_timeout=3&connect_timeout=15&sslaccept=accept_invalid_certs"),
         {"connection_limit", "pool_timeout", "socket_timeout"}),
        ("SQLAlchemy", "postgresql://u:p@h/d?prepared_statement_cache_size=0",
         {"prepared_statement_cache_size"}),
        ("Rails", "postgres://u:p@h/d?pool=5&prepared_statements=false&encoding=unicode",
         {"pool", "prepared_statements", "encoding"}),
        ("pgx", "postgres://u:p@h/d?pool_max_conns=10&default_query_exec_mode=exec",
         {"pool_max_conns", "default_query_exec_mode"}),
        ("a cluster", ("postgresql://u:p@a:5432,b:5433/d?target_session_attrs=read-write"
                      "&load_balance_hosts=random&keepalives=1&keepalives_idle=30"
                      "&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=9000"
                      "&gssencmode=disable&sslsni=1&application_name=jobs"),
         {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
          "tcp_user_timeout"}),
    ],
)  # fmt: skip
def test_what_hosts_and_drivers_hand_out_is_taken(host: str, url: str, expected: set[str]) -> None:
    """It is copied from a page; what has no effect is told, once, with the reason."""
    assert remarked(url) == expected, host


@pytest.mark.parametrize("name", sorted(RULES))
def test_each_parameter_of_the_table_is_ignored_or_refused_by_name(name: str) -> None:
    """Sent on, each would be refused by the server, or mean something else."""
    if RULES[name].ignored:
        (remark,) = address(f"{name}=odd").remarks
        assert (remark.parameter, remark.value) == (name, "odd")
    else:
        assert f"{name} = 'odd': not supported" in refusal(f"postgresql://h/d?{name}=odd")
    for fulfilled in RULES[name].fulfilled:
        assert address(f"{name}={fulfilled}").remarks == []


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sslmode=maybe", "sslmode = 'maybe': must be one of disable, allow, prefer, require"),
        ("ssl=maybe", "ssl = 'maybe': must be one of"),
        ("connect_timeout=soon", "connect_timeout = 'soon': must be whole seconds, from 1 to 60"),
        ("connect_timeout=-1", "connect_timeout = '-1': must be"),
        ("connect_timeout=61", "connect_timeout = '61': must be"),
        ("connect_timeout=²", "connect_timeout = '²': must be"),
        ("channel_binding=maybe", "channel_binding = 'maybe': must be one of prefer, disable,"),
        ("target_session_attrs=standby", "target_session_attrs = 'standby': must be one of any"),
        ("load_balance_hosts=yes", "load_balance_hosts = 'yes': must be one of disable, random"),
        ("gsslib=odd", "gsslib = 'odd': must be one of gssapi"),
        ("sslnegotiation=odd", "sslnegotiation = 'odd': must be one of postgres, direct"),
        ("sslnegotiation=direct", "sslnegotiation = 'direct': needs sslmode=require"),
        ("sslmode=require&ssl_min_protocol_version=SSLv3", "ssl_min_protocol_version = 'SSLv3':"),
        ("sslmode=require&sslrootcert=system", "sslmode = 'require': must be verify-full with"),
        ("channel_binding=require&sslmode=disable", "channel_binding = 'require': needs TLS"),
        ("sslrootcert=/nowhere&sslmode=verify-ca", "sslrootcert = /nowhere: cannot be used: No su"),
        ("sslcert=/nowhere&sslmode=require", "sslcert = /nowhere with sslkey = : cannot be used"),
        ("sslcrl=/nowhere", "sslcrl = /nowhere: cannot be used: No such file"),
        ("passfile=/nowhere", "passfile = '/nowhere': No such file"),
        ("requirepeer=postgres", "requirepeer = 'postgres': not supported"),
        ("require_auth=scram-sha-256", "require_auth = 'scram-sha-256': not supported"),
        ("gssencmode=require", "gssencmode = 'require': not supported; allowed: disable, prefer"),
        ("ssl_mode=require", "ssl_mode = 'require': an unknown parameter; did you mean sslmode?"),
        ("requiressl=1", "requiressl = '1': an unknown parameter"),
        ("sslpasword=secret", "sslpasword = ***: an unknown parameter; did you mean sslpassword"),
        ("a-b=1", "a-b = '1': an unknown parameter"),
        ("schema=Robert%22;--", "schema = 'Robert\";--': must be"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(query: str, told: str) -> None:
    """The operator corrects one word, and need not read a traceback."""
    line = refusal(f"postgresql://me:secret@h/d?{query}")

    assert told in line
    assert "secret" not in line


def test_what_nobody_here_knows_is_a_setting_of_the_server() -> None:
    """`search_path`, `statement_timeout`, a setting of an extension: the server knows its own."""
    query = "search_path=a&statement_timeout=5s&options=-c%20jit%3Doff&my.own=1"

    assert address(query).arguments["server_settings"] == {
        "application_name": "AtlanScheduler",
        "search_path": "a",
        "statement_timeout": "5s",
        "options": "-c jit=off",
        "my.own": "1",
    }


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("application_name=jobs&fallback_application_name=x", "jobs"),
        ("fallback_application_name=x", "x"),
        ("", "AtlanScheduler"),
    ],
)
def test_the_server_sees_the_name_that_the_url_gives(query: str, name: str) -> None:
    """By which an operator finds the connections."""
    assert address(query).arguments["server_settings"]["application_name"] == name


@pytest.mark.parametrize(
    ("query", "expected"), [("", 5), ("connect_timeout=0", 5), ("connect_timeout=10", 10)]
)
def test_the_timeout_for_a_connection_is_taken(query: str, expected: float) -> None:
    """A database that sleeps when idle takes longer to wake up."""
    assert address(query).connect_s == expected


@pytest.mark.parametrize(
    ("hosts", "query", "expected"),
    [
        ("a,b", "", "read-write"),
        ("a,b", "target_session_attrs=primary", "primary"),
        ("a,b", "target_session_attrs=any", "any"),
        ("a", "target_session_attrs=read-write", "read-write"),
        ("a", "", None),
    ],
)
def test_of_several_hosts_the_one_that_can_be_written_to_is_taken(
    hosts: str, query: str, expected: str | None
) -> None:
    """A node on a standby could only fail."""
    found = read(f"postgresql://{hosts}/d?{query}", {}).arguments

    assert found.get("target_session_attrs") == expected


def test_a_service_stands_for_its_parameters(tmp_path: Path) -> None:
    """The URL's own come first; and what is wrong in the file is told like the URL's."""
    file = tmp_path / "services"
    file.write_text("[jobs]\nhost=h\nport=7\nuser=me\npassword=a%b=c\nkeepalives=1\n")
    environ = {"PGSERVICEFILE": str(file)}

    found = read("postgresql://you@/d?service=jobs", environ)

    assert [(host.name, host.port) for host in found.hosts] == [("h", 7)]
    assert [remark.parameter for remark in found.remarks] == ["keepalives"]
    assert (found.arguments["user"], found.arguments["password"]) == ("you", "a%b=c")
    assert read("postgresql://", {**environ, "PGSERVICE": "jobs"}).hosts == found.hosts
    assert "has no section [other]" in refusal("postgresql:///?service=other", **environ)
    assert "No such file" in refusal("postgresql:///?service=x", PGSERVICEFILE="/nowhere")
    file.write_text("[jobs\npassword=secret\n")
    assert "is not a service file" in (line := refusal("postgresql:///?service=jobs", **environ))
    assert "secret" not in line


def test_a_password_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Asyncpg passes over it in silence, and the server then speaks of a wrong password."""
    file = tmp_path / "pass"
    file.write_text("*:*:*:*:secret\n")
    file.chmod(0o644)
    assert "chmod 600" in refusal(f"postgresql://h/d?passfile={file}")

    file.chmod(0o600)
    assert address(f"passfile={file}").arguments["passfile"] == str(file)
