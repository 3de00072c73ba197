"""Labels that come later: taken by word or number, refused when they are anything else."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from perennial.keep.first_labels import FirstLabels
from perennial.keep.journal import Entry, read
from perennial.serve.gateway import Gateway

from .conftest import MODEL, QUESTION, Bakery
from .test_gateway import counted

ID = "0123456789abcdef0123456789abcdef"
REGRESSION = {
    "task": "regression",
    "judge": {"primary": "rmse", "metrics": ["rmse"], "baselines": [{"kind": "yesterday"}]},
}


def told(
    accepted: int, repeated: int = 0, conflicting: list[str] | None = None, seq: int = 0
) -> dict[str, Any]:
    """What feedback is answered with."""
    return {
        "accepted": accepted,
        "repeated": repeated,
        "conflicting": conflicting or [],
        "set_aside": [],
        "seq": seq,
    }


def journaled(gateway: Bakery) -> list[Entry]:
    return list(read(gateway.project.var / "journal" / "feedback"))


@pytest.mark.parametrize(
    ("label", "number"),
    [("sold out", 1), ("some left", 0), (1, 1), (0, 0), (True, 1), (False, 0), (1.0, 1)],
)
def test_a_label_is_a_word_of_the_model_or_a_truth(
    gateway: Bakery, label: Any, number: int
) -> None:
    reply = gateway.post("/feedback", {"prediction_id": ID, "label": label})
    assert (reply.status, reply.json) == (200, told(1, seq=1))
    (entry,) = journaled(gateway)
    at = datetime.fromisoformat(entry.content.pop("at"))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60
    assert entry.content == {"model": MODEL, "prediction_id": ID, "label": number, "by": "local"}
    assert not isinstance(entry.content["label"], bool)


@pytest.mark.parametrize("label", [3, -2.5, 0, 1e300])
def test_a_regression_takes_any_finite_number(
    make_gateway: Callable[..., Bakery], label: float
) -> None:
    gateway = make_gateway(**REGRESSION)
    assert gateway.post("/feedback", {"prediction_id": ID, "label": label}).status == 200
    assert journaled(gateway)[0].content["label"] == label


@pytest.mark.parametrize("label", [b"true", b'"3"', b"NaN", b"1e999", b"null", b"9" * 400, b"[1]"])
def test_a_regression_refuses_what_is_no_number(
    make_gateway: Callable[..., Bakery], label: bytes
) -> None:
    gateway = make_gateway(**REGRESSION)
    reply = gateway.post("/feedback", b'{"prediction_id":"%s","label":%s}' % (ID.encode(), label))
    assert reply.status in (400, 422)
    assert journaled(gateway) == []


def test_an_answer_s_id_is_what_feedback_names(gateway: Bakery) -> None:
    answer = gateway.predict(QUESTION).json
    label = {"prediction_id": answer["prediction_id"], "label": answer["label"]}
    assert gateway.post(f"/feedback/{MODEL}", label).status == 200
    assert journaled(gateway)[0].content["prediction_id"] == answer["prediction_id"]


def test_the_first_label_counts_and_others_are_told(gateway: Bakery) -> None:
    """Unknown ids are accepted: an answer's entry may be on its way to the lake."""
    labels = [{"prediction_id": ID, "label": label} for label in (1, 0, "sold out")]
    assert gateway.post("/feedback", labels).json == told(2, 1, [ID], seq=1)
    assert gateway.post("/feedback", labels[0]).json == told(1, 1, seq=1)
    assert gateway.post("/feedback", labels[1]).json == told(0, 0, [ID], seq=1)
    assert [entry.content["label"] for entry in journaled(gateway)] == [1]


def test_a_number_is_repeated_only_when_it_is_the_same(
    make_gateway: Callable[..., Bakery],
) -> None:
    gateway = make_gateway(**REGRESSION)
    for label, answer in [
        (0.1, told(1, seq=1)),
        (0.1, told(1, 1, seq=1)),
        (1, told(0, 0, [ID], 1)),
    ]:
        assert gateway.post("/feedback", {"prediction_id": ID, "label": label}).json == answer


def test_a_restart_and_a_lost_or_damaged_index_forget_no_label(
    make_gateway: Callable[..., Bakery],
) -> None:
    gateway = make_gateway()
    index = gateway.project.var / "state" / "first-labels.db"
    assert gateway.post("/feedback", {"prediction_id": ID, "label": 1}).json == told(1, seq=1)
    for harm in (lambda: None, index.unlink, lambda: index.write_bytes(b"no database" * 1000)):
        gateway.runner.run(gateway.gateway.close())
        for end in ("-wal", "-shm"):
            index.with_name(index.name + end).unlink(missing_ok=True)
        harm()
        gateway.gateway = Gateway(gateway.project)
        gateway.app = gateway.gateway.app()
        other = {"prediction_id": ID, "label": 0}
        assert gateway.post("/feedback", other).json == told(0, 0, [ID], seq=1)
    assert len(journaled(gateway)) == 1


def test_a_label_that_is_journaled_counts_even_if_the_index_could_not_take_it(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(FirstLabels, "_take", full)
        reply = gateway.post("/feedback", {"prediction_id": ID, "label": 1})
        assert (reply.status, reply.json) == (200, told(1, seq=1))
        reply = gateway.post("/feedback", {"prediction_id": ID, "label": 0})
        assert (reply.status, reply.error["code"]) == (503, "journal")
        assert "disk is full" in reply.error["message"]
        assert int(reply.headers["retry-after"]) >= 1
    assert gateway.post("/feedback", {"prediction_id": ID, "label": 0}).json == told(
        0, 0, [ID], seq=1
    )


def test_a_full_disk_refuses_labels_and_they_can_be_told_again(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [{"prediction_id": f"{n:032x}", "label": 1} for n in range(3)]
    real = os.write

    def full(descriptor: int, content: Any) -> int:
        if descriptor == gateway.gateway.feedback.journal._file:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real(descriptor, content)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        reply = gateway.post("/feedback", labels)
        assert (reply.status, reply.error["code"]) == (503, "journal")
    assert gateway.post("/feedback", labels).json == told(3, seq=3)


def test_repeats_are_counted_by_their_outcome(gateway: Bakery) -> None:
    def repeats(outcome: str) -> float:
        name = "perennial_feedback_repeats_total"
        return counted(name, model=MODEL, outcome=outcome)

    before = repeats("repeated"), repeats("conflicting")
    for label in (1, 1, 1, 0):
        gateway.post("/feedback", {"prediction_id": ID, "label": label})
    assert (repeats("repeated"), repeats("conflicting")) == (before[0] + 2, before[1] + 1)


def test_a_list_has_bounds(gateway: Bakery) -> None:
    labels = [{"prediction_id": f"{n:032x}", "label": n % 2} for n in range(1001)]
    assert gateway.post("/feedback", labels[:1000]).json == told(1000, seq=1000)
    for body in (labels, []):
        reply = gateway.post("/feedback", body)
        assert (reply.status, reply.error["code"]) == (422, "batch_size")
    assert len(journaled(gateway)) == 1000


def test_a_thousand_labels_take_well_under_a_second(gateway: Bakery) -> None:
    for first in (0, 1000, 0):
        labels = [{"prediction_id": f"{n:032x}", "label": 1} for n in range(first, first + 1000)]
        begun = time.monotonic()
        assert gateway.post("/feedback", labels).json["accepted"] == 1000
        assert time.monotonic() - begun < 1


def test_predictions_go_on_while_a_thousand_labels_are_taken(gateway: Bakery) -> None:
    """Of every so many labels the loop's longest step is told, in time of the processor."""

    async def longest_step(first: int) -> float:
        labels = [{"prediction_id": f"{n:032x}", "label": 1} for n in range(first, first + 1000)]
        steps: list[float] = []

        async def watch() -> None:
            while not post.done():
                began = time.thread_time()
                await asyncio.sleep(0)
                steps.append(time.thread_time() - began)

        asked = gateway.asked("POST", "/feedback", orjson.dumps(labels), "application/json")
        post = asyncio.create_task(asked)
        await watch()
        assert post.result().json["accepted"] == 1000
        return max(steps)

    longest = [gateway.runner.run(longest_step(first)) for first in range(0, 5000, 1000)]
    assert min(longest) < 0.005


def test_the_same_labels_told_at_once_by_two_callers_are_journaled_once(gateway: Bakery) -> None:
    labels = [{"prediction_id": f"{n:032x}", "label": 1} for n in range(500)]

    async def both() -> list[int]:
        body = orjson.dumps(labels)
        asked = [gateway.asked("POST", "/feedback", body, "application/json") for _ in range(2)]
        return [reply.json["repeated"] for reply in await asyncio.gather(*asked)]

    assert gateway.runner.run(both()) == [0, 500]
    assert len(journaled(gateway)) == 500


def test_a_caller_who_goes_away_between_two_steps_leaves_no_label_half_known(
    gateway: Bakery,
) -> None:
    labels = [{"prediction_id": f"{n:032x}", "label": 1} for n in range(500)]

    async def go_away() -> None:
        body = orjson.dumps(labels)
        post = asyncio.create_task(gateway.asked("POST", "/feedback", body, "application/json"))
        index = gateway.gateway.feedback._known
        while index.after == 0:
            await asyncio.sleep(0)
        assert index.after < 500
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post

    gateway.runner.run(go_away())
    assert len(journaled(gateway)) == 500
    assert gateway.post("/feedback", labels).json == told(500, 500, seq=500)


@pytest.mark.parametrize(
    ("told", "field", "allowed"),
    [
        ({"prediction_id": ID}, "label", "the field is required"),
        ({"label": 1}, "prediction_id", "the field is required"),
        ({"prediction_id": ID, "label": "late"}, "label", "'sold out', 'some left', 0, 1, true"),
        ({"prediction_id": ID, "label": 2}, "label", "'sold out', 'some left', 0, 1, true"),
        ({"prediction_id": ID, "label": 0.5}, "label", "0, 1, true or false"),
        ({"prediction_id": ID, "label": "1"}, "label", "0, 1, true or false"),
        ({"prediction_id": ID, "label": None}, "label", "0, 1, true or false"),
        ({"prediction_id": ID, "label": [1]}, "label", "0, 1, true or false"),
        ({"prediction_id": ID, "label": {}}, "label", "0, 1, true or false"),
        ({"prediction_id": ID.upper(), "label": 1}, "prediction_id", "[0-9a-f]{32}"),
        ({"prediction_id": ID + "\n", "label": 1}, "prediction_id", "[0-9a-f]{32}"),
        ({"prediction_id": ID[1:], "label": 1}, "prediction_id", "[0-9a-f]{32}"),
        ({"prediction_id": 7, "label": 1}, "prediction_id", "a valid string"),
        ({"prediction_id": ID, "label": 1, "model": "x"}, "model", "no such field is declared"),
    ],
)
def test_what_is_no_label_is_refused_and_told(
    gateway: Bakery, told: Any, field: str, allowed: str
) -> None:
    reply = gateway.post("/feedback", [{"prediction_id": ID, "label": 1}, told])
    assert (reply.status, reply.error["code"]) == (422, "invalid")
    (mistake,) = reply.error["mistakes"]
    assert mistake["field"] == f"1.{field}"
    assert allowed in mistake["allowed"]
    assert journaled(gateway) == [], "all of them or none"


def test_a_model_that_is_not_declared_is_told(gateway: Bakery) -> None:
    reply = gateway.post("/feedback/sells_in", {"prediction_id": ID, "label": 1})
    assert (reply.status, reply.error["code"]) == (404, "unknown_model")


def test_a_full_disk_is_told_and_journals_nothing(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        reply = gateway.post("/feedback", {"prediction_id": ID, "label": 1})
    assert (reply.status, reply.error["code"]) == (503, "journal")
    assert int(reply.headers["retry-after"]) >= 1
    assert journaled(gateway) == []
    assert gateway.post("/feedback", {"prediction_id": ID, "label": 1}).json["seq"] == 1


def test_labels_are_counted(gateway: Bakery) -> None:
    before = counted("perennial_feedback_total", model=MODEL)
    gateway.post("/feedback", [{"prediction_id": f"{n:032x}", "label": 1} for n in range(3)])
    gateway.post("/feedback", {"prediction_id": ID})
    assert counted("perennial_feedback_total", model=MODEL) == before + 3
