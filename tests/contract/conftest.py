"""Fixtures of the contract suites: each promise is tested against every implementation."""

from __future__ import annotations

from tests.support.queues import place_fixture
from tests.support.stores import store, url

__all__ = ["place_fixture", "store", "url"]
