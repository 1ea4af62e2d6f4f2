"""The tests. "Guarantee 5" in a docstring or a message is number 5 of docs/guarantees.md."""
