"""One key's share of a day's labels: what is above it is kept, counted and not used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from perennial.declare.gateway import LabelShare
from perennial.declare.project import Project
from perennial.keep.journal import read
from perennial.score import fold
from perennial.serve import feedback
from perennial.serve.gateway import Gateway
from perennial.serve.label_shares import allowed

from .conftest import MODEL, QUESTION, Bakery, FakeSlot
from .test_door import Keys, bearer, open_door
from .test_gateway import counted

SHARE = {"most": 0.5, "minimum": 10}
CALLERS = ("till", "stranger", "third", "fourth")


@pytest.mark.parametrize("most", [0.01, 0.1, 0.3, 0.5, 2 / 3, 0.9, 0.99])
def test_no_key_ever_has_more_than_its_share_above_the_minimum(most: float) -> None:
    share = LabelShare(most=most, minimum=3)

    def is_within(given: int, others: int) -> bool:
        return given <= 3 or given <= most * (given + others) + 1e-9

    for others in range(40):
        for own in range(40):
            more = allowed(share, {"own": own, "a": others // 2, "b": others - others // 2}, "own")
            assert not is_within(own + more + 1, others), "as many as possible"
            assert more == 0 or is_within(own + more, others)


class Shop:
    """The bakery with keys and a bound, asked by two callers."""

    def __init__(self, project: Project, slot: FakeSlot, **declared: Any) -> None:
        open_door(project, access="keys", label_share=SHARE, **declared)
        self.bakery = Bakery(project, slot)
        self.keys = Keys(self.bakery.ledger)
        self.tokens = {name: self.keys.make("feedback") for name in CALLERS}

    def labels(self, who: str, first: int, n: int) -> Any:
        body = [{"prediction_id": f"{each:032x}", "label": 1} for each in range(first, first + n)]
        return self.bakery.post("/feedback", body, **bearer(self.tokens[who])).json

    def restart(self, is_index_lost: bool = False) -> None:
        self.bakery.runner.run(self.bakery.gateway.close())
        for each in (self.bakery.project.var / "state").glob("first-labels.db*"):
            if is_index_lost:
                each.unlink()
        self.bakery.gateway = Gateway(self.bakery.project)
        self.bakery.app = self.bakery.gateway.app()


@pytest.fixture
def shop(project: Project, slot: FakeSlot) -> Iterator[Shop]:
    made = Shop(project, slot)
    yield made
    made.bakery.close()


def test_who_gives_most_labels_of_a_day_is_not_heard_beyond_its_share(shop: Shop) -> None:
    before = counted("perennial_feedback_set_aside_total", model=MODEL)
    assert shop.labels("till", 0, 8)["set_aside"] == []
    told = shop.labels("stranger", 100, 500)
    assert (told["accepted"], len(told["set_aside"])) == (10, 490)
    assert told["set_aside"][0] == f"{110:032x}", "the first ones count"
    assert shop.labels("stranger", 700, 1)["accepted"] == 0
    assert shop.labels("till", 8, 12)["accepted"] == 2, "as many as all others, which are ten"
    assert counted("perennial_feedback_set_aside_total", model=MODEL) == before + 490 + 1 + 10


def test_others_labels_make_room_and_what_was_set_aside_may_come_again(shop: Shop) -> None:
    assert len(shop.labels("stranger", 0, 15)["set_aside"]) == 5
    assert shop.labels("till", 20, 10)["accepted"] == 10
    assert len(shop.labels("stranger", 0, 15)["set_aside"]) == 5
    assert shop.labels("third", 40, 5)["accepted"] == 5
    assert shop.labels("fourth", 50, 5)["accepted"] == 5
    told = shop.labels("stranger", 0, 15)
    assert (told["accepted"], told["repeated"], told["set_aside"]) == (15, 10, [])


def test_the_share_is_kept_across_a_restart(shop: Shop) -> None:
    assert shop.labels("stranger", 0, 10)["set_aside"] == []
    shop.restart()
    assert len(shop.labels("stranger", 20, 3)["set_aside"]) == 3
    shop.restart(is_index_lost=True)
    assert len(shop.labels("stranger", 30, 3)["set_aside"]) == 3


def test_another_day_has_room_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shop.labels("stranger", 0, 11)["accepted"] == 10

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=1)

    monkeypatch.setattr(feedback, "datetime", Tomorrow)
    assert shop.labels("stranger", 10, 1)["accepted"] == 1


def test_repeats_and_conflicts_cost_no_share(shop: Shop) -> None:
    for _ in range(5):
        assert shop.labels("stranger", 0, 10)["set_aside"] == []


def test_what_is_set_aside_is_kept_and_no_reader_takes_it_for_a_label(shop: Shop) -> None:
    asked = bearer(shop.keys.good["predict"])
    answers = [shop.bakery.post("/predict", QUESTION, **asked).json for _ in range(12)]
    labels = [{"prediction_id": each["prediction_id"], "label": 1} for each in answers]
    told = shop.bakery.post("/feedback", labels, **bearer(shop.tokens["stranger"])).json
    assert told["set_aside"] == [each["prediction_id"] for each in labels[10:]]
    *used, last = read(shop.bakery.project.var / "journal" / "feedback")
    owner = shop.tokens["stranger"].split(".")[0]
    assert {each.content["by"] for each in used} == {owner}
    assert (last.content["kind"], last.content["by"]) == ("set_aside", owner)
    assert last.content["labels"] == [[name, 1] for name in told["set_aside"]]
    assert "prediction_id" not in last.content
    report = fold(shop.bakery.project, MODEL, date(2024, 5, 1), date(2024, 6, 1))
    assert (report.n_answers, report.n_labelled, report.n_set_aside) == (12, 10, 2)
    assert report.n_unmatched_labels == 0
    again = fold(shop.bakery.project, MODEL, date(2024, 5, 1), date(2024, 6, 1))
    assert again == report


def test_a_label_of_a_prediction_that_was_set_aside_is_taken_from_another(shop: Shop) -> None:
    assert len(shop.labels("stranger", 0, 11)["set_aside"]) == 1
    assert shop.labels("till", 10, 1)["accepted"] == 1


def test_without_a_declared_share_nothing_is_set_aside(
    project: Project, slot: FakeSlot, make_gateway: Callable[..., Bakery]
) -> None:
    labels = [{"prediction_id": f"{n:032x}", "label": 1} for n in range(100)]
    assert make_gateway().post("/feedback", labels).json["set_aside"] == []


def test_without_keys_the_share_cannot_be_kept_and_the_log_says_so(
    project: Project, slot: FakeSlot, caplog: pytest.LogCaptureFixture
) -> None:
    open_door(project, access="local", label_share=SHARE)
    gateway = Bakery(project, slot)
    try:
        labels = [{"prediction_id": f"{n:032x}", "label": 1} for n in range(100)]
        assert gateway.post("/feedback", labels).json["set_aside"] == []
        assert "label_share is not kept" in caplog.text
    finally:
        gateway.close()
