"""How much each user may submit. Pure.

quota    the limits of `[quotas]`, which of them fits a user, and what is beyond them
rates    how fast each user submits: a token bucket for each
"""
