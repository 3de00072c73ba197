"""A version that was replaced does not come back because somebody has its bytes."""

from __future__ import annotations

import pytest

from perennial.errors import IntegrityError
from perennial.keep.ledger import Ledger
from perennial.keep.replays import allow_again, must_not_be_a_replay

pytestmark = pytest.mark.faults


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    made = Ledger(ledger_url)
    made.reserve("m", 4000)
    return made


def serve(ledger: Ledger, slot: str, version: str) -> None:
    ledger.set_slot("m", slot, version, "proven")
    ledger.route("m", slot, version, "for the test", "test")


def test_a_new_version_and_the_one_that_answers_may_be_deployed(ledger: Ledger) -> None:
    must_not_be_a_replay(ledger, "m", "v1")
    serve(ledger, "blue", "v1")
    must_not_be_a_replay(ledger, "m", "v1")
    must_not_be_a_replay(ledger, "m", "v2")


def test_a_replaced_version_is_refused_and_another_models_is_not(ledger: Ledger) -> None:
    serve(ledger, "blue", "v1")
    serve(ledger, "green", "v2")
    with pytest.raises(IntegrityError, match=r"v1 answered from .* was replaced by v2"):
        must_not_be_a_replay(ledger, "m", "v1")
    must_not_be_a_replay(ledger, "n", "v1")


def test_a_rollback_is_an_explicit_record(ledger: Ledger) -> None:
    serve(ledger, "blue", "v1")
    serve(ledger, "green", "v2")
    serve(ledger, "blue", "v1")
    must_not_be_a_replay(ledger, "m", "v1")
    with pytest.raises(IntegrityError):
        must_not_be_a_replay(ledger, "m", "v2")


def test_what_was_allowed_may_come_back_and_nothing_else(ledger: Ledger) -> None:
    for slot, version in (("blue", "v1"), ("green", "v2"), ("blue", "v3")):
        serve(ledger, slot, version)
    allow_again(ledger, "m", "v1", "ada", "v2 was worse on Sundays")
    must_not_be_a_replay(ledger, "m", "v1")
    with pytest.raises(IntegrityError):
        must_not_be_a_replay(ledger, "m", "v2")
