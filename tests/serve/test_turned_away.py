"""Whom the door turns away is on record in sums, whatever strangers do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from perennial.cli.group import commands
from perennial.declare.project import Project
from perennial.keep import api_keys
from perennial.keep.journal import Journal
from perennial.keep.refused import Refused, refused_since
from perennial.serve import turned_away
from perennial.serve.refusals import RefusedError

from . import test_door
from .conftest import MODEL, QUESTION, Bakery, FakeSlot
from .test_door import Keys, bearer, open_door
from .test_gateway import counted

make_locked = test_door.make_locked


def end_minute(gateway: Bakery) -> None:
    gateway.gateway.guard.turned_away.write()


def sums(gateway: Bakery) -> dict[tuple[int, str, str | None, str | None], int]:
    """What the journal tells of refusals."""
    found: Counter[tuple[int, str, str | None, str | None]] = Counter()
    for entry in gateway.journaled("refusal"):
        told = entry.content
        found[told["status"], told["code"], told["path"], told["key"]] += told["n"]
    return dict(found)


def test_each_status_path_and_known_key_has_its_sum(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, keys = make_locked(rate={"per_second": 0.001, "burst": 3})
    predict, revoked = keys.good["predict"], keys.make("predict")
    api_keys.revoke(keys.ledger, revoked.split(".")[0], "test", "lost")
    for _ in range(5):
        gateway.post("/predict", QUESTION)
        gateway.post(f"/predict/{MODEL}", QUESTION, **bearer("0123456789ab.unknown"))
        gateway.post("/feedback", {}, **bearer(revoked))
        gateway.post("/feedback", {}, **bearer(predict))
        gateway.post("/wp-login.php", {})
    statuses = [gateway.post("/predict", QUESTION, **bearer(predict)).status for _ in range(5)]
    assert statuses == [200] * 3 + [429] * 2
    assert gateway.journaled("refusal") == [], "nothing before the minute ends"
    end_minute(gateway)
    owner = predict.split(".")[0]
    assert sums(gateway) == {
        (401, "unauthenticated", "/predict", None): 10,
        (401, "unauthenticated", "/feedback", revoked.split(".")[0]): 5,
        (401, "unauthenticated", None, None): 5,
        (403, "forbidden", "/feedback", owner): 5,
        (429, "too_often", "/predict", owner): 2,
    }
    end_minute(gateway)
    assert sum(sums(gateway).values()) == 27, "once"


def test_nothing_that_was_offered_is_written(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, keys = make_locked()
    secret = keys.good["predict"].split(".")[1]
    for offered in (f"{'0' * 12}.{secret}", f"Basic {secret}", keys.good["metrics"]):
        gateway.post(f"/{secret}", {secret: secret}, **bearer(offered))
        gateway.post(f"/admin/{secret}", {}, cookie=secret, **bearer(offered))
    gateway.post("/feedback", {}, **bearer(keys.good["predict"]))
    end_minute(gateway)
    folder = gateway.project.var / "journal" / "predictions"
    written = b"".join(path.read_bytes() for path in folder.glob("*.jsonl"))
    assert written.count(b"refusal") >= 4
    for token in keys.good.values():
        assert token.split(".")[1].encode() not in written


@pytest.mark.faults
def test_a_flood_of_strangers_leaves_few_lines_and_little_memory(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, _ = make_locked()
    door = gateway.gateway.guard.turned_away

    async def flood() -> None:
        error = RefusedError(401, "unauthenticated", "")
        for n in range(100_000):
            door.tell(error, f"/{n:x}/{'x' * (n % 50)}", None)
        for n in range(1000):  # more keys than any ledger here has
            door.tell(error, "/predict", f"{n:012x}")

    gateway.runner.run(flood())
    assert len(door._sums) <= turned_away.MOST + 1
    end_minute(gateway)
    entries = gateway.journaled("refusal")
    assert len(entries) <= turned_away.MOST + 1
    assert sum(entry.content["n"] for entry in entries) == 101_000
    folder = gateway.project.var / "journal" / "predictions"
    assert sum(path.stat().st_size for path in folder.glob("*.jsonl")) < 50_000


def test_a_minute_ends_by_itself_and_at_the_end_of_the_gateway(
    make_locked: Callable[..., tuple[Bakery, Keys]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turned_away, "MINUTE", 0.05)
    gateway, _ = make_locked()
    assert gateway.post("/predict", QUESTION).status == 401
    gateway.until(lambda: len(gateway.journaled("refusal")) == 1)
    monkeypatch.setattr(turned_away, "MINUTE", 60)
    assert gateway.post("/predict", QUESTION).status == 401
    gateway.runner.run(gateway.gateway.guard.close())
    assert sums(gateway) == {(401, "unauthenticated", "/predict", None): 2}


def test_without_keys_too(project: Project, slot: FakeSlot) -> None:
    open_door(project, access="local", rate={"per_second": 0.001, "burst": 1})
    gateway = Bakery(project, slot)
    try:
        replies = [gateway.post("/predict", QUESTION) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 429, 429]
        assert gateway.post("/predict", QUESTION, origin="http://elsewhere").status == 403
        end_minute(gateway)
        assert sums(gateway) == {
            (429, "too_often", "/predict", None): 2,
            (403, "forbidden", "/predict", None): 1,
        }
    finally:
        gateway.close()


def test_sums_that_the_disk_does_not_take_are_counted_as_dropped(
    make_locked: Callable[..., tuple[Bakery, Keys]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, _ = make_locked()
    before = counted("perennial_dropped_total", what="refusal")
    for _ in range(7):
        gateway.post("/predict", QUESTION)

    def full(*_: Any) -> int:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        end_minute(gateway)
    assert counted("perennial_dropped_total", what="refusal") == before + 7
    end_minute(gateway)
    assert gateway.journaled("refusal") == []


def test_a_person_sees_who_was_refused(
    make_locked: Callable[..., tuple[Bakery, Keys]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, keys = make_locked()
    shown = bearer(keys.good["predict"])
    for _ in range(3):
        gateway.post("/predict", QUESTION)
    gateway.post("/predict/\x1b[2J", QUESTION, **shown)
    assert gateway.post("/predict", QUESTION, **shown).status == 200
    end_minute(gateway)
    monkeypatch.setenv("PERENNIAL_PROJECT", str(gateway.project.root))
    done = CliRunner().invoke(commands, ["keys", "refused"])
    assert done.exit_code == 0, done.output
    first, second = done.output.splitlines()
    assert first.split() == ["3", "401", "unauthenticated", "/predict", "key", "-"]
    assert second.split() == ["1", "404", "unknown_model", "/predict/\\x1b[2J", "key", "-"]
    listed = CliRunner().invoke(commands, ["keys", "list"])
    assert "30 s" in listed.output


def test_only_what_is_asked_for_is_counted(project: Project) -> None:
    folder, now = project.var / "journal" / "predictions", datetime.now(UTC)
    journal = Journal(folder)
    entry = {"kind": "refusal", "status": 401, "code": "x", "path": None, "size": None, "n": 2}
    journal.append([{**entry, "at": now - timedelta(hours=hours)} for hours in (0, 1, 30)])
    journal.append([{"kind": "answer", "at": now, "request": {"x": '"kind":"refusal"'}}])
    journal.append([{**entry, "at": now, "key": "0123456789ab"}])
    journal.close()
    with (folder / "00000000000000000001.jsonl").open("ab") as file:
        file.write(b'{"kind":"refusal","torn')
    assert refused_since(folder, now - timedelta(hours=2)) == {
        Refused(401, "x", None, None): 4,
        Refused(401, "x", None, "0123456789ab"): 2,
    }
    assert refused_since(project.var / "journal" / "nothing", now) == {}
