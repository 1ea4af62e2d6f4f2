"""Fuzzers: what comes in from outside is changed at random, and a real node must stay well."""
