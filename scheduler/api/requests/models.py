"""What requests may contain: the models that check it, and that the OpenAPI document shows.

A field's description says what is allowed; `checking` quotes it in the error for a wrong value,
together with the value, unless the field is a secret: has `repr=False`.
Bodies are strict: no value is converted to another type. Paths and queries are text by nature.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from scheduler.api.requests import cursor
from scheduler.api.requests.checking import EXPLAINED
from scheduler.api.requests.order_fields import (
    AfterIfField,
    AfterNames,
    DelayS,
    Group,
    GroupName,
    HookRetries,
    MaxAttempts,
    Needs,
    Priority,
    Ref,
    RunAt,
    StartWithinS,
    UniqueField,
)
from scheduler.api.reserved import RESERVED, STEPS, why_reserved
from scheduler.core.access.principal import PATTERN, Role
from scheduler.core.access.token import ID
from scheduler.core.dependencies.declaration import AfterIf
from scheduler.core.job import AT_ONCE, Order, Status, Until, meant

UID_PATTERN: Final = r"^[^/\-\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]{0,199}$"
INTEGER_MAX: Final = 2**64 - 1
"""The greatest integer that orjson reads."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
HOOK_CHARS_MAX: Final = 2048
REASON_CHARS_MAX: Final = 500
TOKEN_CHARS_MAX: Final = 200
GRACE_S_MAX: Final = 3600
WAIT_S_MAX: Final = 60
"""Proxies break longer waits; a client that wants to wait longer asks again."""
UIDS_MAX: Final = 100
LIMIT_MAX: Final = 1000
LIMIT_DEFAULT: Final = 100
ORDER_FIELDS: Final = frozenset(Order.__slots__)

_URL: Final = TypeAdapter(HttpUrl)
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


def _decimal_text(value: object) -> object:
    """An integer as the text that a path would have.

    In JSON, 7.0 is an integer too. `type(…) is int`, because a bool is an int in Python.
    """
    if type(value) is float and value.is_integer() and value <= INTEGER_MAX:
        return str(int(value))
    return str(value) if type(value) is int else value


def _not_reserved(text: str) -> str:
    if text in RESERVED or text in STEPS:
        raise PydanticCustomError(EXPLAINED, "{why}", {"why": why_reserved(text)})
    return text


def _token_id(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(ID, text):
        raise ValueError(text)
    return text


def _url(text: str) -> str:
    """The unchanged text of a valid URL: a hook is returned as it was sent."""
    _URL.validate_python(text)
    return text


def _plain_number(value: object) -> object:
    """Refuse what Python reads as a number but JSON does not: `1_0`, ` 7`, `inf`."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(value)
    return value


def _statuses(text: object) -> object:
    names = text.split(",") if isinstance(text, str) else []
    for why in filter(None, map(meant, names)):
        raise PydanticCustomError(EXPLAINED, "{why}", {"why": why})
    return names or text


def _role(value: object) -> object:
    return Role(value) if isinstance(value, str) and value in set(Role) else value


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _future(value: object) -> object:
    """A text of RFC 3339 as a time to come; a local one, whose offset nobody knows, is refused."""
    if isinstance(value, str):
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError(value)
        try:
            value = at.astimezone(UTC)
        except OverflowError:  # in UTC it is beyond the year 9999, or before the first
            raise ValueError(value) from None
        if value <= datetime.now(UTC):
            raise ValueError(value)
    return value


NO_UIDS: Final = [*RESERVED, *sorted(STEPS)]
_UID_SCHEMA: Final = {"type": "string", "pattern": UID_PATTERN, "not": {"enum": NO_UIDS}}
Uid = Annotated[
    str,
    StringConstraints(strict=True, pattern=UID_PATTERN),
    BeforeValidator(_decimal_text),
    AfterValidator(_not_reserved),
    WithJsonSchema(
        {
            "anyOf": [
                _UID_SCHEMA,
                {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX},
            ]
        }
    ),
    Field(
        description="1 to 200 characters without '/' and control characters, not starting with "
        "'-', and no word that is taken for a path, such as 'metrics'; an integer is taken as its "
        "decimal text"
    ),
]


def _as_array(schema: dict[str, Any]) -> None:
    """Behind a validator, pydantic does not see that it is an array whose length is meant."""
    schema |= {"minItems": schema.pop("minLength"), "maxItems": schema.pop("maxLength")}


UidPattern = Annotated[str, StringConstraints(pattern=PATTERN)]
OneOrAll = Annotated[
    Annotated[
        str,
        StringConstraints(pattern=UID_PATTERN),
        AfterValidator(_not_reserved),
        WithJsonSchema(_UID_SCHEMA),
    ]
    | None,
    Field(description="the user, 1 to 200 characters; without it, the jobs of all"),
]
Hook = Annotated[
    str,
    StringConstraints(
        max_length=HOOK_CHARS_MAX, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\s\\\x00][^\s\\\x00]*$"
    ),
    AfterValidator(_url),
]
Parent = Annotated[
    Annotated[
        str,
        StringConstraints(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"),
        AfterValidator(str.lower),
    ]
    | None,
    Field(description="the id of a job, a UUID as 36 characters"),
]
Children = Annotated[
    bool, Field(description="true or false: whether to abort all that is below the job, too")
]
Task = Annotated[str, Field(description="the name of a handler (GET /-/tasks lists them)")]
Reason = Annotated[
    Annotated[str, StringConstraints(max_length=REASON_CHARS_MAX, pattern=r"^[^\x00]*$")] | None,
    Field(description=f"text of at most {REASON_CHARS_MAX} characters, without NUL"),
]
Grace = Annotated[
    Annotated[float, Field(ge=0, le=GRACE_S_MAX)] | None,
    Field(description=f"seconds between SIGTERM and SIGKILL, 0 to {GRACE_S_MAX}"),
]
Wait = Annotated[
    float,
    Field(ge=0, le=WAIT_S_MAX, description=f"seconds to wait for the end, 0 to {WAIT_S_MAX}"),
    BeforeValidator(_plain_number),
]
Limit = Annotated[
    int,
    Field(ge=1, le=LIMIT_MAX, description=f"how many at most, 1 to {LIMIT_MAX}"),
    BeforeValidator(_plain_number),
]


def _listed_before(text: str | None) -> str | None:
    """The name in a cursor; one with a control character is of nothing that there may be."""
    name = None if text is None else cursor.decode_name(text)
    if name is not None and _CONTROL.search(name):
        raise ValueError(text)
    return name


AfterName = Annotated[
    str | None,
    AfterValidator(_listed_before),
    Field(description="where the page before ended, taken from its Link header"),
]


def _beside_wait(until: Until, info: ValidationInfo) -> Until:
    if info.data.get("wait", 1) == 0:
        raise ValueError(until)
    return until


UntilFinalOrOver = Annotated[
    Until,
    AfterValidator(_beside_wait),
    Field(
        description="final (its status does not change any more) or over (its clean-up has ended, "
        "too), only together with wait above 0"
    ),
]
Statuses = Annotated[
    frozenset[Status],
    BeforeValidator(_statuses),
    WithJsonSchema(
        {"type": "array", "minItems": 1, "items": {"type": "string", "enum": [*Status]}}
    ),
    Field(description=f"one or more of {', '.join(Status)}, with commas between"),
]
TaskFilter = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$")] | None,
    Field(description="the name of a handler, 1 to 200 characters"),
]


class Body(BaseModel):
    """A JSON object in a request."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Query(BaseModel):
    """The parameters of a path or of a query: text, each at most once."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewJob(Body):
    """A job to submit. The `uid` may be left out by whoever acts for one user alone."""

    model_config = ConfigDict(json_schema_extra={"required": ["task"]})

    uid: Uid
    task: Task
    data: Annotated[Any, Field(description="any JSON value")] = None
    hook: Annotated[
        Hook | None,
        Field(
            description="an absolute http or https URL with a host, "
            f"at most {HOOK_CHARS_MAX} characters"
        ),
    ] = None
    parent: Parent = None
    priority: Priority = 0
    run_at: RunAt = None
    delay_s: DelayS = None
    start_within_s: StartWithinS = None
    max_attempts: MaxAttempts = None
    hook_retries: HookRetries = False
    needs: Needs = ()
    ref: Ref = None
    after: AfterNames = ()
    after_if: AfterIfField = AfterIf.SUCCESS
    group: Group = None
    unique: UniqueField = None

    @property
    def order(self) -> Order:
        """When, in which order and how often it is to run."""
        wanted = {name: getattr(self, name) for name in self.model_fields_set & ORDER_FIELDS}
        return Order(**wanted) if wanted else AT_ONCE


class JobChange(Body):
    """What is to change about a queued job: at least one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    priority: Priority = 0
    run_at: RunAt = None


class AbortOrder(Body):
    """A job to abort."""

    uid: Uid
    id: Annotated[str, Field(description="the id of a job, as text")]
    reason: Reason = None
    grace_s: Grace = None
    children: Children = False


class TokenOrder(Body):
    """A token to make."""

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$"),
        Field(description="1 to 200 characters without control characters"),
    ]
    role: Annotated[Role, BeforeValidator(_role), Field(description=f"one of {', '.join(Role)}")]
    uids: Annotated[
        tuple[UidPattern, ...],
        BeforeValidator(_tuple),
        Field(
            min_length=1,
            max_length=UIDS_MAX,
            description=f"a list of 1 to {UIDS_MAX} users: a uid, the beginning of uids with * at "
            'its end, or "*" for all',
            json_schema_extra=_as_array,
        ),
    ]
    expires_at: Annotated[
        datetime | None,
        BeforeValidator(_future),
        WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
        Field(description="a time in the future with its offset (RFC 3339), or null for never"),
    ] = None


class Login(Body):
    """What somebody logs in with."""

    token: Annotated[
        str,
        StringConstraints(max_length=TOKEN_CHARS_MAX),
        Field(description=f"a token: atl_…, at most {TOKEN_CHARS_MAX} characters", repr=False),
    ]


class TokenPath(Query):
    """The token in a path. What is no id of one passes here: there is just no such token."""

    id: Annotated[str, Field(description="the id of a token")]


class TokensQuery(Query):
    """Selects tokens, page by page."""

    limit: Limit = LIMIT_DEFAULT
    after: Annotated[
        str | None,
        AfterValidator(_token_id),
        Field(description="where the page before ended, taken from its Link header"),
    ] = None


class UserPath(Query):
    """The user in a path."""

    uid: Uid


class GroupPath(UserPath):
    """The group in a path."""

    group: GroupName


class JobPath(UserPath):
    """The job in a path. An id that is not a UUID passes here: there is just no such job."""

    id: Annotated[str, Field(description="the id of a job")]


class WaitQuery(Query):
    """How long to wait for a job, and until when."""

    wait: Wait = 0.0
    until: UntilFinalOrOver = Until.FINAL


class AbortQuery(WaitQuery):
    """How to abort a job."""

    reason: Reason = None
    grace_s: Annotated[Grace, BeforeValidator(_plain_number)] = None
    children: Children = False


class MatchQuery(Query):
    """Selects a user's jobs; without parameters, all of them."""

    status: Statuses = frozenset()
    task: TaskFilter = None


class MatchGroupQuery(MatchQuery):
    """Selects a user's jobs; without parameters, all of them."""

    group: Group = None


class ListQuery(MatchQuery):
    """Selects a user's jobs, page by page."""

    limit: Limit = LIMIT_DEFAULT
    after: Annotated[
        str | None,
        AfterValidator(lambda text: None if text is None else cursor.decode(text)),
        Field(description="where the page before ended, taken from its Link header"),
    ] = None
    parent: Parent = None
    data: Annotated[
        bool, Field(description="true or false: whether to list jobs with their data and result")
    ] = True
    group: Group = None


class ListAllQuery(ListQuery):
    """Selects jobs of all users, or of one, page by page."""

    uid: Annotated[OneOrAll, Field(validate_default=True)] = None

    @field_validator("uid")
    @classmethod
    def _of_group(cls, uid: str | None, info: ValidationInfo) -> str | None:
        if uid is None and info.data.get("group") is not None:
            why = "a group is one user's: name the user, too"
            raise PydanticCustomError(EXPLAINED, "{why}", {"why": why})
        return uid


class EventsQuery(Query):
    """Which events to send, and after which one to begin."""

    log: Annotated[
        bool, Field(description="true or false: whether to be told of each line that is printed")
    ] = False
    last_event_id: Annotated[
        str | None,
        Field(description="the id of the last event that came, for who cannot send a header"),
    ] = None


class UserEventsQuery(EventsQuery):
    """Whose jobs' events to send, and after which one to begin."""

    uid: OneOrAll = None


class LogQuery(Query):
    """How to read a job's log."""

    follow: Annotated[
        bool, Field(description="true or false: whether to go on until the job is over")
    ] = False
