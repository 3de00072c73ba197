"""Whose token it is: by an injected clock, and with a ledger that fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from perennial.keep import api_keys
from perennial.keep.api_keys import ApiKey
from perennial.keep.ledger import Ledger
from perennial.serve import keyring
from perennial.serve.keyring import Keyring
from perennial.serve.refusals import RefusedError


@dataclass
class Watch:
    """Two clocks that only move when they are told to."""

    wall: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0


@dataclass
class Keys:
    """A ledger, its keyring, and the clocks of both."""

    ledger: Ledger
    watch: Watch = field(default_factory=Watch)
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def __post_init__(self) -> None:
        self.ring = Keyring(self.ledger, lambda: self.watch.wall, lambda: self.watch.seconds)

    def make(self, **how: timedelta) -> str:
        return api_keys.create(self.ledger, "x", ["predict"], "test", **how)[1]

    def owner(self, token: str) -> ApiKey | None:
        """What a request that comes now is told."""

        async def ask() -> ApiKey | None:
            if self.ring.is_old:
                await self.ring.refresh()
            return self.ring.owner(token.encode())

        return self.runner.run(ask())


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    made = Keys(Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    yield made
    made.runner.run(made.ring.close())
    made.runner.close()


def test_a_token_is_its_keys(keys: Keys) -> None:
    tokens = [keys.make() for _ in range(3)]
    for token in tokens:
        found = keys.owner(token)
        assert found is not None
        assert found.id == token.split(".")[0]


def test_what_is_not_quite_the_token_is_nobodys(keys: Keys) -> None:
    token, other = keys.make(), keys.make()
    key_id, secret = token.split(".")
    stored = api_keys.find(keys.ledger, key_id).hash
    for wrong in (
        "",
        ".",
        key_id,
        secret,
        f"{key_id}.",
        f".{secret}",
        f"{key_id}.{secret[:-1]}",
        f"{key_id}.{secret}x",
        f"{key_id}.{secret} ",
        f"{key_id}.{secret.swapcase()}",
        f"{key_id}.{other.split('.')[1]}",
        f"{key_id.upper()}.{secret}",
        f"{key_id}.{stored}",  # whoever reads the ledger has no token
        f"{key_id}.{keyring.NOBODY}",
        f"nobody.{secret}",
        f"{key_id}\x00.{secret}",
    ):
        assert keys.owner(wrong) is None, wrong
    assert keys.owner(token) is not None


@pytest.mark.faults
@pytest.mark.parametrize(("seconds", "is_good"), [(-11, True), (9.9, True), (10.1, False)])
def test_an_expired_key_is_taken_ten_seconds_longer_and_no_more(
    keys: Keys, seconds: float, is_good: bool
) -> None:
    token = keys.make(expires_in=timedelta(days=1))
    ends = api_keys.all_keys(keys.ledger)[0].expires_at
    assert ends is not None
    keys.watch.wall = ends + timedelta(seconds=seconds)
    assert (keys.owner(token) is not None) == is_good


@pytest.mark.faults
@pytest.mark.parametrize(("seconds", "is_good"), [(-9.9, True), (-10.1, False)])
def test_a_key_from_the_future_is_taken_within_ten_seconds(
    keys: Keys, seconds: float, is_good: bool
) -> None:
    token = keys.make()
    keys.watch.wall = api_keys.all_keys(keys.ledger)[0].created_at + timedelta(seconds=seconds)
    assert (keys.owner(token) is not None) == is_good


@pytest.mark.faults
@pytest.mark.parametrize(("seconds", "is_good"), [(-1, True), (9.9, True), (10.1, False)])
def test_the_secret_before_a_rotation_ends_with_its_overlap(
    keys: Keys, seconds: float, is_good: bool
) -> None:
    first = keys.make()
    second = api_keys.rotate(keys.ledger, first.split(".")[0], "test", timedelta(hours=1))
    until = api_keys.all_keys(keys.ledger)[0].previous_until
    assert until is not None
    keys.watch.wall = until + timedelta(seconds=seconds)
    assert (keys.owner(first) is not None) == is_good
    assert keys.owner(second) is not None


@pytest.mark.faults
def test_a_wall_clock_that_is_set_keeps_no_revoked_key_alive(keys: Keys) -> None:
    token = keys.make()
    assert keys.owner(token) is not None
    api_keys.revoke(keys.ledger, token.split(".")[0], "test", "lost")
    keys.watch.wall -= timedelta(days=1)
    keys.watch.seconds += keyring.MOST_SECONDS + 0.01  # monotonic time says how old the copy is
    assert keys.owner(token) is None


def test_a_revoked_key_is_refused_within_a_second(keys: Keys) -> None:
    token = keys.make()
    assert keys.owner(token) is not None
    api_keys.revoke(keys.ledger, token.split(".")[0], "test", "lost")
    keys.watch.seconds += keyring.MOST_SECONDS + 0.01
    assert keys.owner(token) is None


def test_unknown_ids_ask_the_ledger_nothing(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.owner(keys.make())
    monkeypatch.setattr(api_keys, "all_keys", lambda _: pytest.fail("the ledger was asked"))
    for number in range(1000):
        assert keys.owner(f"{number}.{number}") is None


def fail(_: Ledger) -> list[ApiKey]:
    raise OperationalError("select", {}, Exception("gone"))


def test_while_the_ledger_is_gone_the_last_keys_hold_for_five_minutes(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = keys.make()
    assert keys.owner(token) is not None
    monkeypatch.setattr(api_keys, "all_keys", fail)
    keys.watch.seconds += keyring.MOST_ALONE_SECONDS - 1
    assert keys.owner(token) is not None
    assert keys.owner("nobody.x") is None
    keys.watch.seconds += 2
    with pytest.raises(RefusedError) as refused:
        keys.owner(token)
    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 1)
    monkeypatch.undo()
    assert keys.owner(token) is not None


def test_a_ledger_that_was_never_read_lets_nobody_in(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = keys.make()
    monkeypatch.setattr(api_keys, "all_keys", fail)
    with pytest.raises(RefusedError, match="cannot be read now"):
        keys.owner(token)


class Stuck:
    """A ledger whose next reading ends only when it is let go."""

    def __init__(self) -> None:
        self.is_let_go = threading.Event()
        self._read = api_keys.all_keys

    def __call__(self, ledger: Ledger) -> list[ApiKey]:
        assert self.is_let_go.wait(20)
        return self._read(ledger)


@pytest.mark.parametrize("quiet_seconds", [None, keyring.MOST_ALONE_SECONDS + 1])
def test_a_slow_reading_is_waited_for_where_no_copy_may_be_relied_on(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, quiet_seconds: float | None
) -> None:
    """Right after the start on a busy machine, and when the first asks after a quiet night."""
    token = keys.make()
    if quiet_seconds:
        assert keys.owner(token) is not None
        keys.watch.seconds += quiet_seconds
    stuck = Stuck()
    monkeypatch.setattr(api_keys, "all_keys", stuck)
    monkeypatch.setattr(keyring, "PATIENCE_SECONDS", 0.01)
    threading.Timer(0.1, stuck.is_let_go.set).start()
    assert keys.owner(token) is not None


def test_a_reading_that_hangs_holds_nobody_up_for_long(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, stuck = keys.make(), Stuck()
    monkeypatch.setattr(keyring, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(keyring, "WITHOUT_SECONDS", 0.02)
    with monkeypatch.context() as patch:
        patch.setattr(api_keys, "all_keys", stuck)
        with pytest.raises(RefusedError, match="cannot be read now"):
            keys.owner(token)
        stuck.is_let_go.set()
        keys.runner.run(keys.ring.close())
    assert keys.owner(token) is not None
    again = Stuck()
    monkeypatch.setattr(api_keys, "all_keys", again)
    monkeypatch.setattr(keyring, "WITHOUT_SECONDS", 20)
    keys.watch.seconds += keyring.MOST_SECONDS + 0.01
    assert keys.owner(token) is not None, "the last copy holds meanwhile"
    assert keys.ring._reading is not None
    assert not keys.ring._reading.done()
    again.is_let_go.set()


def last_used(keys: Keys) -> str | None:
    return api_keys.all_keys(keys.ledger)[0].last_used


def test_a_use_is_written_down_in_the_declared_time_though_nobody_asks_again(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "USE_SECONDS", 0.02)
    assert keys.owner(keys.make()) is not None
    deadline = time.monotonic() + 20
    while last_used(keys) is None:
        assert time.monotonic() < deadline
        keys.runner.run(asyncio.sleep(0.01))
    assert last_used(keys) == keys.watch.wall.isoformat(timespec="seconds")


def test_many_uses_are_one_write_and_the_last_moment_counts(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[dict[str, datetime]] = []
    note: Callable[..., None] = api_keys.note_use

    def noting(ledger: Ledger, used: dict[str, datetime]) -> None:
        notes.append(used)
        note(ledger, used)

    monkeypatch.setattr(api_keys, "note_use", noting)
    tokens = [keys.make(), keys.make()]
    for _ in range(50):
        keys.watch.wall += timedelta(seconds=1)
        for token in tokens:
            keys.owner(token)
    assert notes == []
    keys.runner.run(keys.ring.close())
    assert len(notes) == 1
    used = {each.last_used for each in api_keys.all_keys(keys.ledger)}
    assert used == {keys.watch.wall.isoformat(timespec="seconds")}


def test_a_use_that_could_not_be_written_is_written_later(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: Any) -> None:
        raise OperationalError("update", {}, Exception("locked"))

    token = keys.make()
    keys.owner(token)
    with monkeypatch.context() as patch:
        patch.setattr(api_keys, "note_use", locked)
        keys.runner.run(keys.ring._note())
    assert last_used(keys) is None
    assert keys.owner(token) is not None, "and nobody is refused for it"
    keys.runner.run(keys.ring.close())
    assert last_used(keys) is not None


def test_a_bad_token_is_no_use(keys: Keys) -> None:
    key_id = keys.make().split(".")[0]
    assert keys.owner(f"{key_id}.x") is None
    assert keys.ring.claimed(f"{key_id}.x".encode()) == key_id
    assert keys.ring.claimed(b"0123456789ab.x") is None
    keys.runner.run(keys.ring.close())
    assert last_used(keys) is None
