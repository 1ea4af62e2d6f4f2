"""The handlers of the shop."""

from __future__ import annotations

from typing import Any

from scheduler import handler

from ..hold import hold
from .prices import receipt


@handler("shop_receipt")
def shop_receipt(data: Any) -> Any:
    """Write a receipt: {"things": ["apple"]}."""
    lines = list(receipt(data["things"]))
    hold(data.get("hold"))
    return lines
