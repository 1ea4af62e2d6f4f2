"""The address of a node: its URL, taken apart."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

DEFAULT_URL: Final = "http://127.0.0.1:8000"
URL_VARIABLE: Final = "ATLANSCHEDULER_URL"
"""Names a node in the environment; in a handler's, the node that runs the job."""
TOKEN_VARIABLE: Final = "ATLANSCHEDULER_TOKEN"  # noqa: S105 - a name
"""In the environment: the token that is sent with each request."""
JOB_VARIABLE: Final = "ATLANSCHEDULER_JOB"
"""In the environment of a handler, and of what it starts: the id of the job that runs."""
_PAGE: Final = re.compile(
    r"(.*)/-/(?:ui|docs|health|ready|metrics|jobs|tasks|nodes|pauses|tokens|events|openapi\.json)(?:/|$)"
)
"""The path of a page that a person may have opened, behind the prefix of a proxy."""


TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What `Authorization` may have (RFC 6750, section 2.1)."""


LEFT_OUT: Final = frozenset({"", ".", ".."})
"""What has no place of its own in a path (RFC 3986, section 5.2.4)."""


def default_url() -> str:
    """The URL of the node that the environment names, or else the default.

    Raises:
        ValueError: what the environment has is not the URL of a node.
    """
    url = os.environ.get(URL_VARIABLE) or DEFAULT_URL
    try:
        address(url)
    except ValueError as error:
        raise ValueError(f"{URL_VARIABLE}: {error}") from error
    return url


def with_token(headers: Mapping[str, str] | None, token: str | None) -> Mapping[str, str]:
    """The headers of each request, with a token: the given one, or that of the environment.

    An `Authorization` among the headers, such as a proxy may want, stays as it is.

    Raises:
        ValueError: the token has signs that no token has.
    """
    given = dict(headers or {})
    token = token or os.environ.get(TOKEN_VARIABLE)
    if not token or any(name.lower() == "authorization" for name in given):
        return given
    if not TOKEN.fullmatch(token):
        raise ValueError("the token has signs that no token has; one is like atl_3f0c9a1b7d24_…")
    return {**given, "Authorization": f"Bearer {token}"}


def segment(text: str) -> str:
    """A uid or an id as a part of a path, escaped.

    Raises:
        ValueError: libraries and proxies may take it out of the path, which would then be another
            call: `/ada/..` is `/`, and `//ada` may become `/ada`, all jobs of a user.
    """
    if text in LEFT_OUT:
        raise ValueError(f"no user, job, token or pause can be named {text!r}")
    return quote(text, safe="")


def running_job() -> str | None:
    """The id of the job that runs here, if one does."""
    return os.environ.get(JOB_VARIABLE) or None


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a node's URL that a connection needs."""

    scheme: str
    host: str
    port: int | None
    prefix: str
    """A path that a proxy in front of the node expects before each path of the API."""

    @property
    def origin(self) -> str:
        """The URL up to its path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")


def address(url: str) -> Address:
    """Take a URL apart.

    Raises:
        ValueError: it is not an http or https URL, is that of a page of a node, or has a query,
            fragment, user or password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} is no URL: {error}") from error
    if "@" in parts.netloc:
        raise ValueError("a node's URL has no user and no password; pass a header instead")
    if page := _PAGE.match(parts.path):
        node = urlunsplit((parts.scheme, parts.netloc, page[1], "", ""))
        raise ValueError(f"{url!r} is a page of a node; the node's URL is {node}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is not like {DEFAULT_URL}")
    return Address(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))
