"""Questions of several callers asked together: in order, each with its own fate, nobody held up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from perennial.serve.joining import MOST_ROWS, Joint, Waiting
from perennial.serve.refusals import RefusedError

from .conftest import DECLARED, MODEL, NOON, OTHER, QUESTION, Bakery, Reply, Trial, scored

Columns = dict[str, list[Any]]


def at_once(bakery: Bakery, questions: list[Any], path: str = "/predict") -> list[Reply]:
    """Every question as a request of its own, all under way together."""
    import orjson

    async def ask() -> list[Reply]:
        asked = (
            bakery.asked("POST", path, orjson.dumps(each), "application/json") for each in questions
        )
        return list(await asyncio.gather(*asked))

    return bakery.runner.run(ask())


def numbered(n: int, **changes: Any) -> list[dict[str, Any]]:
    return [{**QUESTION, "trays": number, **changes} for number in range(n)]


def test_callers_of_one_moment_share_one_call_and_each_gets_its_own_answer(
    gateway: Bakery,
) -> None:
    gateway.predict(QUESTION)  # the route is known from here on
    n_before = len(gateway.slot.asked)
    replies = at_once(gateway, numbered(12))
    assert [reply.json["score"] for reply in replies] == [n / 100 for n in range(12)]
    assert len(gateway.slot.asked) == n_before + 1
    assert gateway.slot.asked[-1][1]["trays"] == [float(n) for n in range(12)]


def test_the_journal_has_one_entry_for_each_with_its_own_latency(gateway: Bakery) -> None:
    gateway.predict(QUESTION)
    replies = at_once(gateway, numbered(5))
    told = {entry.content["prediction_id"]: entry.content for entry in gateway.journaled()}
    for number, reply in enumerate(replies):
        entry = told[reply.json["prediction_id"]]
        assert entry["request"]["trays"] == number
        assert entry["features"]["trays"] == number
        assert entry["score"] == reply.json["score"]
        assert 0 < entry["latency_ms"] < 10_000
    assert len(told) == 6


def test_single_questions_and_small_batches_share_a_call_and_keep_their_shape(
    gateway: Bakery,
) -> None:
    gateway.predict(QUESTION)
    n_before = len(gateway.slot.asked)
    replies = at_once(gateway, [numbered(1)[0], numbered(3), numbered(1)])
    assert len(gateway.slot.asked) == n_before + 1
    assert [type(reply.json) for reply in replies] == [dict, list, list]
    assert [each["score"] for each in replies[1].json] == [0.0, 0.01, 0.02]


def test_a_large_batch_goes_by_itself_and_holds_up_nobody(gateway: Bakery) -> None:
    gateway.predict(QUESTION)
    sizes: list[int] = []

    def says(verb: str, columns: Columns) -> Any:
        sizes.append(len(columns["shop"]))
        return scored(columns)

    gateway.slot.says = says
    replies = at_once(gateway, [numbered(20), *numbered(3)])
    assert [reply.status for reply in replies] == [200] * 4
    assert sorted(sizes) == [3, 20]


def test_a_server_that_has_hung_is_probed_by_one_caller_not_by_a_crowd(gateway: Bakery) -> None:
    gateway.predict(QUESTION)
    arms = gateway.gateway.desks[MODEL]._arms
    (ejector,) = arms._ejectors.values()
    ejector.timed_out()
    n_before = len(gateway.slot.asked)
    replies = at_once(gateway, numbered(4))
    assert [reply.json["score"] for reply in replies] == [0.0, 0.01, 0.02, 0.03]
    assert [len(columns["shop"]) for _, columns in gateway.slot.asked[n_before:]] == [1] * 4


def test_a_wrong_question_is_refused_before_it_meets_others(gateway: Bakery) -> None:
    gateway.predict(QUESTION)
    wrong = [{**QUESTION, "trays": "many"}, {}, 7]
    replies = at_once(gateway, [*numbered(3), *wrong])
    assert [reply.status for reply in replies] == [200, 200, 200, 422, 422, 422]


@pytest.mark.parametrize(
    "poisoned",
    [
        lambda columns: (500, b"Internal Server Error"),
        lambda columns: (422, b'{"error":{}}'),
        lambda columns: {**scored(columns), "scores": [float("nan")] * len(columns["shop"])},
        lambda columns: {**scored(columns), "scores": [0.5]} if len(columns["shop"]) > 1
        else (500, b""),
    ],
)  # fmt: skip
def test_a_question_that_the_slot_cannot_bear_spoils_no_other_s_answer(
    gateway: Bakery, poisoned: Callable[[Columns], Any]
) -> None:
    gateway.predict(QUESTION)

    def says(verb: str, columns: Columns) -> Any:
        return poisoned(columns) if 66.0 in columns["trays"] else scored(columns)

    gateway.slot.says = says
    questions = numbered(6)
    questions[3]["trays"] = 66
    replies = at_once(gateway, questions)
    assert [reply.status for reply in replies] == [200, 200, 200, 503, 200, 200]
    assert [r.json["score"] for r in replies if r.status == 200] == [0.0, 0.01, 0.02, 0.04, 0.05]
    (failure,) = gateway.journaled("failure")
    assert failure.content["n"] == 1
    assert len(gateway.journaled()) == 1 + 5, "each answer once"


def test_features_that_fail_for_one_question_fail_for_that_one_alone(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.predict(QUESTION)
    features = gateway.gateway.desks[MODEL].versions.last.features
    real = features.look_up

    def look_up(known: Columns, asked_at: list[Any]) -> Any:
        if 2.0 in known["trays"]:
            raise ZeroDivisionError
        return real(known, asked_at)

    monkeypatch.setattr(features, "look_up", look_up)
    replies = at_once(gateway, numbered(4))
    assert [reply.status for reply in replies] == [200, 200, 503, 200]
    assert replies[2].error["code"] == "features"


def test_a_slot_that_is_gone_is_told_to_each_of_them(gateway: Bakery) -> None:
    gateway.runner.run(gateway.gateway.is_ready())  # the route is known, no connection is open
    gateway.slot.stop()
    replies = at_once(gateway, numbered(5))
    assert [reply.status for reply in replies] == [503] * 5
    assert {reply.headers["retry-after"] for reply in replies} == {"1"}
    assert [entry.content["n"] for entry in gateway.journaled("failure")] == [1] * 5


def test_a_slot_that_hangs_costs_nobody_more_than_the_time_out(gateway: Bakery) -> None:
    gateway.predict(QUESTION)
    goes_on = threading.Event()

    def hang(verb: str, columns: Columns) -> Any:
        assert goes_on.wait(30)
        return scored(columns)

    gateway.slot.says = hang

    async def waves() -> list[tuple[Reply, float]]:
        import orjson

        async def one(number: int) -> tuple[Reply, float]:
            await asyncio.sleep(0.02 * number)  # while those before are under way
            began = time.monotonic()
            body = orjson.dumps({**QUESTION, "trays": number})
            reply = await gateway.asked("POST", "/predict", body, "application/json")
            return reply, time.monotonic() - began

        return list(await asyncio.gather(*(one(number) for number in range(12))))

    waited = gateway.runner.run(waves())
    goes_on.set()
    assert {reply.status for reply, _ in waited} == {503}
    assert max(seconds for _, seconds in waited) < 1.0 + 1.5  # the time-out, and a busy machine


def test_a_full_disk_refuses_all_of_them_and_nothing_is_half_written(
    gateway: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.predict(QUESTION)

    def full(entries: Any) -> int:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.gateway.predictions, "append", full)
        replies = at_once(gateway, numbered(4))
    assert [(reply.status, reply.error["code"]) for reply in replies] == [(503, "journal")] * 4
    assert len(gateway.journaled()) == 1
    assert len(gateway.slot.asked) == 2, "nobody asks again because of the disk"


def test_each_arm_is_asked_for_its_own_callers(trial: Trial) -> None:
    questions = [trial.question("champion"), trial.question("challenger")] * 3
    replies = at_once(trial.bakery, questions)
    assert [r.json["variant"] for r in replies] == ["champion", "challenger"] * 3
    assert len(trial.challenger.asked) == 1
    assert len(trial.bakery.slot.asked) == 1


def test_a_challenger_that_fails_for_one_keeps_the_others(trial: Trial) -> None:
    answer = trial.answer

    def says(verb: str, columns: Columns) -> Any:
        return (500, b"") if 2.0 in columns["trays"] else answer(verb, columns)

    trial.challenger.says = says
    shop = trial.shops("challenger")[0]
    replies = at_once(trial.bakery, numbered(4, shop=shop))
    variants = ["challenger", "challenger", "champion", "challenger"]
    assert [reply.json["variant"] for reply in replies] == variants
    told = [entry.content["fallback"] for entry in trial.bakery.journaled()]
    assert sum(each is not None for each in told) == 1


def test_a_challenger_that_hangs_costs_none_of_them_an_answer(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(weight=0.5, serve={**DECLARED["serve"], "timeout_ms": 4000})
    goes_on = threading.Event()

    def hang(verb: str, columns: Columns) -> Any:
        assert goes_on.wait(30)
        return trial.answer(verb, columns)

    trial.challenger.says = hang
    shop = trial.shops("challenger")[0]
    replies = at_once(trial.bakery, numbered(4, shop=shop))
    goes_on.set()
    assert [reply.json["variant"] for reply in replies] == ["champion"] * 4
    assert [reply.json["score"] for reply in replies] == [0.0, 0.01, 0.02, 0.03]
    for entry in trial.bakery.journaled():
        assert entry.content["fallback"]["version"] == OTHER
        assert entry.content["fallback"]["latency_ms"] <= entry.content["latency_ms"]


def test_copies_for_the_challenger_have_each_question_s_own_id_and_score(
    make_trial: Callable[..., Trial],
) -> None:
    trial = make_trial(shadow=1.0)
    trial.challenger.says = lambda verb, columns: (
        (500, b"") if 1.0 in columns["trays"] else {**scored(columns), "version": OTHER}
    )
    replies = at_once(trial.bakery, numbered(3))
    trial.bakery.until(lambda: len(trial.bakery.journaled("shadow")) == 3)
    copies = {e.content["prediction_id"]: e.content for e in trial.bakery.journaled("shadow")}
    told = [copies[reply.json["prediction_id"]] for reply in replies]
    assert [each["score"] for each in told] == [0.0, None, 0.02], "one failure, not three"


async def joined(n: int, ask: Callable[[list[Waiting]], Any]) -> list[Any]:
    joint = Joint(ask)
    question: Any = object()
    waited = (joint.answers([question], time.perf_counter()) for _ in range(n))
    return await asyncio.gather(*waited, return_exceptions=True)


def test_a_call_takes_at_most_so_many_rows_and_the_first_come_go_first() -> None:
    sizes: list[int] = []

    async def ask(together: list[Waiting]) -> None:
        sizes.append(len(together))
        for number, each in enumerate(together):
            each.answer([{"call": len(sizes), "place": number}])

    answers = asyncio.run(joined(2 * MOST_ROWS + 3, ask))
    assert sizes == [MOST_ROWS, MOST_ROWS, 3]
    places = [(answer[0]["call"], answer[0]["place"]) for answer in answers]
    assert places == sorted(places)


def test_those_behind_a_call_that_takes_long_do_not_wait_for_its_end() -> None:
    async def run() -> list[str]:
        over: list[str] = []
        first_may_end = asyncio.Event()

        async def ask(together: list[Waiting]) -> None:
            name = str(together[0].questions[0])
            if name == "first":
                await first_may_end.wait()
            over.append(name)
            for each in together:
                each.answer([])

        joint = Joint(ask)
        first = asyncio.create_task(joint.answers(["first"], 0.0))  # type: ignore[list-item]
        await asyncio.sleep(0)
        await asyncio.wait_for(joint.answers(["second"], 0.0), 10)  # type: ignore[list-item]
        first_may_end.set()
        await first
        return over

    assert asyncio.run(run()) == ["second", "first"]


def test_a_caller_that_goes_away_takes_nobody_along() -> None:
    async def run() -> list[Any]:
        may_end = asyncio.Event()

        async def ask(together: list[Waiting]) -> None:
            await may_end.wait()
            for each in together:
                each.answer([{"at": NOON}])

        joint = Joint(ask)
        tasks = [
            asyncio.create_task(joint.answers([object()], 0.0))  # type: ignore[list-item]
            for _ in range(3)
        ]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        may_end.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, gone, last = asyncio.run(run())
    assert first == last == [{"at": NOON}]
    assert isinstance(gone, asyncio.CancelledError)


def test_what_nobody_expected_is_told_to_all_and_the_next_are_answered() -> None:
    async def run() -> tuple[list[Any], list[Any]]:
        async def ask(together: list[Waiting]) -> None:
            if len(together) > 1:
                raise RefusedError(503, "unavailable", "no")
            together[0].answer([])

        return await joined(3, ask), await joined(1, ask)

    failed, answered = asyncio.run(run())
    assert [type(each) for each in failed] == [RefusedError] * 3
    assert answered == [[]]
