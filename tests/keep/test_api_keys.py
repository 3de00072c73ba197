"""API keys in the ledger: hashed, with scopes and ends, changed only on record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from perennial.errors import UnavailableError
from perennial.keep import api_keys
from perennial.keep.api_keys import hash_of
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import audit


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    return Ledger(ledger_url)


def test_a_secret_is_kept_nowhere_but_as_its_hash(ledger: Ledger) -> None:
    key, token = api_keys.create(ledger, "till", ["predict"], "test", timedelta(days=1))
    key_id, secret = token.split(".")
    assert key.id == key_id
    assert key.hash == hash_of(secret.encode())
    assert len(secret) >= 43, "256 bits"
    with ledger.engine.connect() as connection:
        everything = [
            str(connection.execute(text(f"SELECT * FROM {table}")).all())
            for table in ("api_keys", "audit")
        ]
    assert key_id in everything[0]
    assert not any(secret in each for each in everything)


def test_no_two_secrets_are_alike(ledger: Ledger) -> None:
    tokens = [api_keys.create(ledger, "x", ["predict"], "test")[1] for _ in range(20)]
    assert len({part for token in tokens for part in token.split(".")}) == 40


def test_every_change_is_on_record_with_who_did_it(ledger: Ledger) -> None:
    key, _ = api_keys.create(ledger, "till", ["feedback", "predict"], "ada")
    api_keys.rotate(ledger, key.id, "ben", timedelta(hours=1))
    api_keys.revoke(ledger, key.id, "cleo", "lost")
    api_keys.revoke(ledger, key.id, "dora", "twice is once")
    with ledger.engine.connect() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.id)).all()
    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("ada", "create key", key.id),
        ("ben", "rotate key", key.id),
        ("cleo", "revoke key", key.id),
    ]
    assert json.loads(rows[0].detail)["scopes"] == ["feedback", "predict"]


def test_a_rotation_keeps_the_secret_before_for_its_overlap(ledger: Ledger) -> None:
    key, first = api_keys.create(ledger, "till", ["predict"], "test")
    second = api_keys.rotate(ledger, key.id, "test", timedelta(hours=2))
    found = api_keys.find(ledger, key.id)
    assert found.previous_hash == hash_of(first.split(".")[1].encode())
    assert found.hash == hash_of(second.split(".")[1].encode())
    assert found.previous_until is not None
    left = found.previous_until - datetime.now(UTC)
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)
    api_keys.rotate(ledger, key.id, "test", timedelta(hours=2))
    again = api_keys.find(ledger, key.id)
    assert again.previous_hash == found.hash, "two secrets are good, never three"


def test_what_has_ended_is_not_given_a_new_secret(ledger: Ledger) -> None:
    key, _ = api_keys.create(ledger, "till", ["predict"], "test", timedelta(seconds=-1))
    with pytest.raises(UnavailableError, match="is expired"):
        api_keys.rotate(ledger, key.id, "test", timedelta(0))
    api_keys.revoke(ledger, key.id, "test", "over")
    with pytest.raises(UnavailableError, match="is revoked"):
        api_keys.rotate(ledger, key.id, "test", timedelta(0))


def test_a_key_that_is_not_there_is_told(ledger: Ledger) -> None:
    for change in (
        lambda: api_keys.revoke(ledger, "nobody", "test", "x"),
        lambda: api_keys.rotate(ledger, "nobody", "test", timedelta(0)),
    ):
        with pytest.raises(UnavailableError, match="no key 'nobody'"):
            change()


@pytest.mark.parametrize("scopes", [[], ["everything"], ["predict", "root"]])
def test_only_known_scopes_are_given(ledger: Ledger, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="scopes must be some of predict, feedback"):
        api_keys.create(ledger, "x", scopes, "test")  # type: ignore[arg-type]
    assert api_keys.all_keys(ledger) == []


def test_the_day_of_the_last_use_is_kept(ledger: Ledger) -> None:
    used, _ = api_keys.create(ledger, "a", ["predict"], "test")
    unused, _ = api_keys.create(ledger, "b", ["admin"], "test")
    at = datetime(2024, 5, 3, 12, tzinfo=UTC)
    api_keys.note_use(ledger, {})
    for moment in (at, at - timedelta(hours=1)):  # the later one stays
        api_keys.note_use(ledger, {used.id: moment})
        assert api_keys.find(ledger, used.id).last_used == "2024-05-03T12:00:00+00:00"
    assert api_keys.find(ledger, unused.id).last_used is None
