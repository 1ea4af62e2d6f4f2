"""Why a call is not made: it must wait, or its host cannot be called."""

from __future__ import annotations


class BusyError(Exception):
    """Others have all the places that this call needs: it must be tried later."""


class UncallableError(OSError):
    """A hook's host has no address that may be called; the message is for the operator alone."""


class UnansweredError(UncallableError):
    """No name server answers."""


class AddressRefusedError(UncallableError):
    """A hook's URL leads to an address that may not be called."""
