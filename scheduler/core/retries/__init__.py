"""Retries: which failed attempts are followed by another one, and after how long. Pure.

    declaration   `Retry` of a handler, and the part of it that the node knows
    overruling    `RetryLater` and `GiveUp`; whether an exception is one to try again after
    deciding      what follows from an attempt that failed

    handler raises ─▶ pool process: overruling ─▶ retryable, after_s ─▶ node: deciding ─▶ `Again`

Classes of exceptions are known in pool processes only, so these say in the end frame whether an
exception is one of them. All else is decided by the node. Pool processes import the first two
modules, so those load nothing but the standard library.
"""
