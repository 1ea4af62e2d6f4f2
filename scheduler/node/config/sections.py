"""The sections of the configuration: each key with its default, its bounds and its description.

Validation, error messages and docs/configuration.md all follow from these lines. Bounds are wide:
they exclude only values that cannot be meant.
"""

from __future__ import annotations

import base64
import socket
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    model_validator,
)
from pydantic.fields import FieldInfo

from scheduler.api.access.hosts import AUTHORITY
from scheduler.basics.sql_names import SCHEMA_WORDS, is_schema
from scheduler.basics.urls import redacted
from scheduler.core.places.labels import LABEL_WORDS, LABELS_MAX, Place, is_label, needs
from scheduler.node.config.reading import HOSTS_ALLOWED, PORT_MAX, hosts


@dataclass(frozen=True, slots=True)
class Words:
    """Describes for people what the pattern of the same type allows."""

    allowed: str


def _schema(name: str) -> str:
    if name and not is_schema(name):
        raise ValueError(name)
    return name


def _flag(given: object) -> object:
    """The environment may write it in capitals, as shells and Python do."""
    return {"true": True, "false": False}.get(given.lower()) if isinstance(given, str) else given


Flag = Annotated[bool, BeforeValidator(_flag), Words("true or false")]
Line = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[^\p{C}\p{Zl}\p{Zp}]*$"),
    Words("at most 200 printable characters"),
]


def _hosts(given: object) -> str | tuple[str, ...]:
    found = hosts(given)
    return found[0] if len(found) == 1 else found


def _host_names(given: object) -> tuple[str, ...]:
    return () if given in ("", [], ()) else hosts(given, AUTHORITY)


Hosts = Annotated[
    str | tuple[str, ...],
    PlainValidator(_hosts),
    Words(HOSTS_ALLOWED),
]
HostNames = Annotated[
    tuple[str, ...],
    PlainValidator(_host_names),
    Words('a list of host names, each perhaps with a port, such as ["jobs.example"]'),
]
PathPrefix = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^(/[\w.~!$&'()*+,;=:@%-]+)*$"),
    Words("empty, or a path such as /jobs, without a slash at its end"),
]
Folder = Annotated[
    str,
    StringConstraints(max_length=4000, pattern=r"^\P{Cc}+$"),
    Words("a path of 1 to 4000 characters"),
]
MaybeFile = Annotated[
    str,
    StringConstraints(max_length=4000, pattern=r"^\P{Cc}*$"),
    Words("empty, or the path of a file"),
]
Namespace = Annotated[
    str,
    StringConstraints(max_length=100, pattern=r"^[^{}\s\p{C}]+$"),
    Words("1 to 100 characters without braces, blanks and control characters"),
]
StoreUrl = Annotated[
    str,
    StringConstraints(
        max_length=4000, pattern=r"^(sqlite|sqlite:///\P{Cc}+|postgres(ql)?://\P{Cc}+)$"
    ),
    Words("sqlite, sqlite:///path or postgresql://…"),
]
Schema = Annotated[
    str,
    AfterValidator(_schema),
    Words(f"empty, or {SCHEMA_WORDS}"),
]
QueueUrl = Annotated[
    str,
    StringConstraints(
        max_length=4000,
        pattern=r"^(embedded|(rediss?(\+(sentinel|cluster))?|unix)://\P{Cc}+)$",
    ),
    Words("embedded, redis://…, rediss://…, redis+sentinel://…, redis+cluster://… or unix://…"),
]


def _signing_keys(text: str) -> str:
    for key in text.split():
        size = len(base64.b64decode(key.removeprefix("whsec_"), validate=True))
        if not key.startswith("whsec_") or not 24 <= size <= 64:
            raise ValueError(key)
    return text


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(_no_network(text, error)) from error
    return text


def _no_network(text: str, error: ValueError) -> str:
    """What is wrong with a network; if only host bits are set, also the network that was meant."""
    with suppress(ValueError):
        meant = ip_network(text, strict=False)
        return f"{text!r} has host bits set; did you mean {str(meant)!r}?"
    return str(error)


SigningKeys = Annotated[
    str,
    AfterValidator(_signing_keys),
    Words("empty, or whsec_ and 24 to 64 bytes in base64; several are separated by blanks"),
]


Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...],
    Field(strict=False),  # TOML has lists, and a frozen section has tuples
    Words('a list of networks, such as ["10.0.0.0/8", "fd00::/8"]'),
]


def _labels(given: object) -> tuple[str, ...]:
    """The environment may write them with commas between."""
    found = [each.strip() for each in given.split(",")] if isinstance(given, str) else given
    if found in ([], (), [""]):
        return ()
    if not isinstance(found, list | tuple) or not all(map(is_label, found)):
        raise ValueError(given)
    if len(found) > LABELS_MAX:
        raise ValueError(given)
    return needs(found)


Labels = Annotated[
    tuple[str, ...],
    PlainValidator(_labels),
    Words(
        f'a list of at most {LABELS_MAX} labels, such as ["gpu", "zone=eu"]; each has {LABEL_WORDS}'
    ),
]


class Section(BaseModel):
    """One `[section]` of the file. The docstring of a key is its line in docs/configuration.md."""

    # Not with `use_attribute_docstrings`: to find them, pydantic reads the source at each start.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for key, value in super().__repr_args__():
            yield key, redacted(value) if isinstance(value, str) else value

    __str__ = BaseModel.__repr__


class NodeSection(Section):
    """The node itself."""

    name: Line = ""
    """distinct for each node that shares a store; empty = the host name"""
    workers: int = Field(0, ge=0, le=1024)
    """worker coroutines = pool processes; 0 = one per CPU"""
    data_dir: Folder = "data"
    """SQLite file, embedded queue, logs"""
    drain_s: float = Field(30.0, ge=0, le=86_400)
    """on SIGTERM, how long running jobs may finish"""
    lease_s: float = Field(6.0, ge=1, le=3_600)
    """a node silent for longer is presumed dead"""
    losses_max: int = Field(3, ge=1, le=1_000)
    """a job whose node died this often ends `terminated` (kind `lost`)"""

    @property
    def own_name(self) -> str:
        """The name that is set, or that of the host."""
        return self.name or socket.gethostname()

    jobs_per_process: int = Field(1000, ge=0, le=1_000_000_000)
    """a pool process is replaced after so many jobs; 0 = never"""
    share_processes: Flag = True
    """false: a pool process runs jobs of one user only, and is replaced for those of another"""
    labels: Labels = ()
    """what jobs may need of the node that runs them: `["gpu", "zone=eu"]`"""
    only: Labels = ()
    """the node takes only jobs that need one of these of its labels: `["gpu"]`; empty = all"""

    @model_validator(mode="after")
    def _only_what_it_has(self) -> Self:
        for label in self.only:
            if label not in self.labels:
                raise ValueError(f"only has {label!r}, which is not among labels = {self.labels}")
        return self

    @property
    def place(self) -> Place:
        """Which jobs the node takes."""
        return Place(self.labels, self.only)


class HttpSection(Section):
    """The API."""

    host: Hosts = "127.0.0.1"
    """the address to listen on, or a list of them; `::` = all, IPv4 too"""
    port: int = Field(8000, ge=0, le=PORT_MAX)
    """0 = any free port, printed in the ready line"""
    hosts: HostNames = ()
    """more names by which the node may be asked, of a proxy or a container: `["jobs.example"]`"""
    path_prefix: PathPrefix = ""
    """the path below which a proxy serves the node, such as `/jobs`, for the header `Location`"""

    tls_certificate: MaybeFile = ""
    """the certificate chain in PEM, for https; empty = http"""
    tls_key: MaybeFile = ""
    """its private key in PEM, without a password; empty = it is in the same file"""

    @model_validator(mode="after")
    def _a_key_is_a_certificates(self) -> Self:
        if self.tls_key and not self.tls_certificate:
            raise ValueError(f"tls_key = {self.tls_key!r} needs a tls_certificate")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """What `host` has, as a list."""
        return (self.host,) if isinstance(self.host, str) else self.host


with warnings.catch_warnings():
    # Of the field `schema`: pydantic has a method of this name, which it does not use any more.
    warnings.simplefilter("ignore", UserWarning)

    class StoreSection(Section):
        """Where jobs and nodes are stored: the source of truth."""

        url: StoreUrl = "sqlite"
        """`sqlite` = data_dir/scheduler.db · `sqlite:///path` · `postgresql://…`"""
        schema: Schema = ""  # type: ignore[assignment]
        """PostgreSQL: the schema of the tables, created if missing; empty = the search path's"""

        @model_validator(mode="after")
        def _only_postgresql_has_schemas(self) -> Self:
            if self.schema and self.url.startswith("sqlite"):
                raise ValueError(f"schema = {self.schema!r} needs a PostgreSQL in url")
            return self


class QueueSection(Section):
    """The queue of job ids: only hints, so it may be lost at any time."""

    url: QueueUrl = "embedded"
    """`embedded` = its own Valkey · `redis://` · `redis+sentinel://` · `redis+cluster://` · `unix://`"""
    namespace: Namespace = "scheduler"
    """several installations can share one server"""
    idle_window_s: float = Field(10.0, ge=0.1, le=3_600)
    """if no arrival wakes it first, an idle worker looks again after a random time within this"""


class AbortSection(Section):
    """How jobs are watched and stopped."""

    first_look_s: float = Field(0.1, ge=0.001, le=3_600)
    """the watcher's first sleep; it doubles up to the longest"""
    longest_look_s: float = Field(30.0, ge=0.001, le=3_600)
    """the watcher's longest sleep"""
    grace_s: float = Field(2.0, ge=0, le=3_600)
    """between SIGTERM and SIGKILL; 0 = SIGKILL at once"""
    cleanup_tries: int = Field(5, ge=1, le=100)
    """how often an `on_abort` that fails is tried; 1 = once, without a repetition"""

    @model_validator(mode="after")
    def _looks_grow(self) -> Self:
        if self.first_look_s > self.longest_look_s:
            raise ValueError(
                f"first_look_s = {self.first_look_s} "
                f"must be at most longest_look_s = {self.longest_look_s}"
            )
        return self


class HandlersSection(Section):
    """The handlers, and where the shipped ones may read and write."""

    path: Folder = "handlers"
    """a folder; every `*.py` in it, and in its sub-packages, is loaded"""
    files_dir: Folder = "files"
    """the shipped handlers read and write only below it"""
    unknown_wait_s: float = Field(300.0, ge=0, le=2_592_000)
    """how long a job, or a clean-up, waits whose handler no live node has; 0 = it ends at once"""


class LimitsSection(Section):
    """How much a client may send, or a handler return. The shortest JSON, `null`, has 4 bytes."""

    data_bytes_max: int = Field(1_048_576, ge=4, le=67_108_864)
    """the size of one job's `data`, as JSON"""
    result_bytes_max: int = Field(1_048_576, ge=4, le=67_108_864)
    """the size of one job's `result`, as JSON"""
    bulk_jobs_max: int = Field(1000, ge=1, le=10_000)
    """how many jobs one `POST /` may bring"""


class FairnessSection(Section):
    """What users get who run nothing."""

    reserve_percent: int = Field(0, ge=0, le=90)
    """percent of the slots of all nodes that are kept for users who run nothing"""


class HooksSection(Section):
    """Calls of hooks."""

    secret: SigningKeys = Field("", repr=False)
    """`whsec_…` signs calls (Standard Webhooks); two keys while one replaces the other"""
    allow: Networks = ()
    """networks that may be called although they are not public: `["10.0.0.0/8"]`"""
    give_up_s: float = Field(86_400.0, ge=0, le=2_592_000)
    """for how long a call that fails is tried again, a day by default"""


class RetentionSection(Section):
    """When finished jobs are deleted."""

    finished_s: float = Field(2_592_000.0, ge=0, le=3_153_600_000)
    """finished jobs are deleted after so long, 30 days by default; 0 = never"""


def allowed(field: FieldInfo) -> str:
    """A description of what a key allows."""
    for mark in field.metadata:
        if isinstance(mark, Words):
            return mark.allowed
    noun = "an integer" if field.annotation in (int, int | None) else "a number"
    least, most = (
        next(getattr(mark, bound) for mark in field.metadata if hasattr(mark, bound))
        for bound in ("ge", "le")
    )
    return f"{noun} from {least} to {most}"
