"""The occurrences of schedules, and what becomes of them."""
