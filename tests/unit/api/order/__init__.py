"""Tests of when, and in which order, jobs run, as the API has it."""
