"""Pauses over HTTP."""
