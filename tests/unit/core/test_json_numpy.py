"""numpy's values as JSON text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from scheduler.core.context import JobContext
from scheduler.core.json_values.encoding import encode
from scheduler.core.json_values.refusing import NotJson


def text_of(value: object) -> str:
    return encode(value, bytes_max=1024 * 1024).decode()


@pytest.mark.parametrize(
    ("value", "means"),
    [
        (np.int64(5), 5),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),  # noqa: FBT003
        (np.str_("ü"), "ü"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.datetime64("2026-01"), "2026-01-01"),
        (np.datetime64("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.5, 2]), [1.5, 2.0]),
        (np.array([True]), [True]),
        (np.array(["a"]), ["a"]),
        (np.array(7), 7),
        (np.array([]), []),
        (np.array(["2026-01-02"], "datetime64[ns]"), ["2026-01-02T00:00:00.000000000"]),
        (np.array([None, {"a": np.int8(1)}], object), [None, {"a": 1}]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.zeros((2, 0)), [[], []]),
    ],
)
def test_scalars_and_arrays_are_taken(value: object, means: object) -> None:
    """As Python's own, wherever they are."""
    assert json.loads(text_of(value)) == means
    assert json.loads(text_of({"a": [value]})) == {"a": [means]}


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (np.float64("nan"), ""),
        (np.float32("inf"), ""),
        (np.array([[1, float("nan")]]), "/0/1"),
        (np.array([1j]), "/0"),
        (np.array([b"a"]), "/0"),
        (np.timedelta64(1, "s"), ""),
        (np.array([1], "timedelta64[ns]"), "/0"),
        (np.datetime64("NaT"), ""),
        (np.array([(1, 2)], [("a", int), ("b", int)]), "/0"),
        (np.array([{1}], object), "/0"),
    ],
)
def test_what_json_lacks_is_refused_with_its_place(value: object, pointer: str) -> None:
    """Also within arrays: where the NaN is, is what one needs to know."""
    with pytest.raises(NotJson) as refused:
        text_of([value])
    assert refused.value.pointer == f"/0{pointer}"


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_taken_though_its_rows_are_matrices_again() -> None:
    """Row by row it would have no end."""
    assert text_of([np.matrix([[1, 2]])]) == "[[[1,2]]]"


def test_keys_may_be_numbers_of_numpy() -> None:
    """As from a group-by."""
    assert text_of({np.int64(1): 1, "a": 2}) == '{"1":1,"a":2}'
    with pytest.raises(NotJson, match="two keys"):
        text_of({np.int64(1): 1, "1": 2})


def test_progress_counts_with_numbers_of_numpy() -> None:
    """As from `len(array)`, `array.sum()` or `enumerate` over one."""
    sent: list[Any] = []
    job = JobContext(id="1", uid="u", attempt=1, hook=None, send=sent.append)
    job.progress(np.int64(5), np.float32(10))
    job.progress(np.uint8(5), np.float64("nan"))
    assert sent[0] == {"progress": {"done": 5, "total": 10.0, "message": None}}
    assert sent[1] == {"progress": {"done": 5, "total": None, "message": None}}
