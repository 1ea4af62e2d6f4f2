"""Nodes where people put them: behind and in front of what other programs do."""
