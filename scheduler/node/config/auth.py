"""The section `[auth]`: who may use the API."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from scheduler.core.access.principal import PATTERN, Grant, Role
from scheduler.core.access.token import FORM
from scheduler.node.config.sections import Flag, Networks, Section, Words

MetricsFor = Annotated[Literal["operator", "open"], Words("operator or open")]
Mode = Annotated[Literal["none", "tokens", "proxy"], Words("none, tokens or proxy")]
UidPatterns = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=PATTERN)], ...],
    Field(strict=False, min_length=1),
]


class GroupRights(BaseModel):
    """What the members of a group of the proxy may do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    uids: UidPatterns

    @property
    def grant(self) -> Grant:
        """These rights."""
        return Grant(self.role, self.uids)


Groups = Annotated[
    dict[str, GroupRights],
    Words('groups with a role and users, such as ops = {role = "operator", uids = ["*"]}'),
]
AdminToken = Annotated[
    str,
    StringConstraints(pattern=rf"^({FORM.pattern})?$"),
    Words(
        "empty, or a token: atl_, 12 hexadecimal digits, _, and 43 random characters in base64url"
    ),
]


AuditDays = Annotated[int, Field(ge=0, le=36_500)]


class AuthSection(Section):
    """Who may use the API."""

    mode: Mode = "none"
    """`none` = everybody may do everything · `tokens` · `proxy` = a proxy or token says who asks"""
    insecure: Flag = False
    """whether a node that other machines reach may have mode `none`"""
    metrics: MetricsFor = "operator"
    """`operator` = `/-/metrics` needs this role · `open` = it needs no token"""
    proxies: Networks = ()
    """networks of the proxies whose X-Forwarded-User, -Groups and -For count: `["10.0.0.7/32"]`"""
    groups: Groups = Field({})
    """what members of a group may do: `{ops = {role = "operator", uids = ["*"]}}`"""
    admin_token: AdminToken = Field("", repr=False)
    """the first token, best by SCHEDULER_AUTH__ADMIN_TOKEN; empty = made in data_dir/admin-token"""
    audit_days: AuditDays = 90
    """days after which records of the audit log are deleted; 0 = never"""

    @model_validator(mode="after")
    def _a_proxy_must_be_known(self) -> Self:
        if self.mode == "proxy" and not self.proxies:
            raise ValueError('mode = "proxy" needs proxies, the networks that the proxy asks from')
        return self
