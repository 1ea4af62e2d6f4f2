"""Every store, and the fake that tests of the scheduler use."""

from __future__ import annotations

from tests.contract.order.conftest import store, url

__all__ = ["store", "url"]
