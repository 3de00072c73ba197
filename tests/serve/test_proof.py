from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.errors import IntegrityError
from perennial.serve.proof import TOLERANCE, Reference, prove

REFERENCE = Reference({"a": [1, 2]}, [0.25, 0.75])


def test_the_same_answers_differ_by_nothing() -> None:
    assert prove(REFERENCE, [0.25, 0.75]) == 0


def test_the_largest_difference_is_told() -> None:
    assert prove(REFERENCE, [0.25 + 2e-10, 0.75 - 5e-10]) == pytest.approx(5e-10, rel=1e-6)


@pytest.mark.parametrize("score", [0.75 + 2e-9, 0.25, -0.75, math.nan, math.inf, -math.inf, None])
def test_another_answer_is_no_proof(score: Any) -> None:
    with pytest.raises(IntegrityError, match=r"1 of 2 reference rows .* row 1: offline 0.75"):
        prove(REFERENCE, [0.25, score])


@pytest.mark.parametrize("answered", [[], [0.25], [0.25, 0.75, 0.75]])
def test_another_number_of_answers_is_no_proof(answered: list[float]) -> None:
    with pytest.raises(IntegrityError, match=f"2 rows, the server answered {len(answered)}"):
        prove(REFERENCE, answered)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_reference_that_is_no_number_proves_nothing(score: float) -> None:
    for served in (score, 0.5):
        with pytest.raises(IntegrityError):
            prove(Reference({"a": [1]}, [score]), [served])


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
    st.floats(),
)
def test_what_passes_is_within_the_tolerance(scores: list[float], last: float) -> None:
    reference = Reference({}, scores)
    answered = [*scores[:-1], last]
    is_same = math.isfinite(last) and abs(last - scores[-1]) <= TOLERANCE
    if is_same:
        assert prove(reference, answered) <= TOLERANCE
    else:
        with pytest.raises(IntegrityError):
            prove(reference, answered)
