"""Schedules on running nodes."""
