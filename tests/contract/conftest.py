"""Fixtures of the contract suites: each promise is tested against every implementation."""

from __future__ import annotations

from tests.support.stores import store, url

__all__ = ["store", "url"]
