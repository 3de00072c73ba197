"""Rankings: the questions of one query, answered in the order of their scores.

During a release of kind `interleave` both versions rank the query, and callers see one ranking that
both have drafted (`measure.interleaving`). Nothing that they are told says whose an item is: only
the journal knows, by its prediction id.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from perennial.features.online import Looked
from perennial.measure.interleaving import Drafted, coins, ranked, team_draft
from perennial.serve.arms import CHALLENGER_SHARE, Arm, Arms, Asked, Fallback, look_up, milliseconds
from perennial.serve.entries import Entry, of_query
from perennial.serve.parting import Part, Present, split
from perennial.serve.questions import Question
from perennial.serve.recording import Records
from perennial.serve.refusals import RefusedError
from perennial.serve.shadows import only
from perennial.serve.splitting import is_interleaved

logger = logging.getLogger(__name__)

FEWEST = 2
"""Items of a query: of fewer there is no order."""

HIDDEN = {"score": None, "version": None}
"""What would tell whose an item of an interleaved ranking is."""

SHOWN = ("prediction_id", "score", "version", "unknown", "missing", "later")


class Rankings:
    """Ranks the queries of one model."""

    def __init__(self, arms: Arms, records: Records) -> None:
        self._arms, self._records = arms, records

    async def answer(
        self, questions: Sequence[Question], now: Present, came: float
    ) -> dict[str, Any]:
        """The ranking of one query, journaled before it is returned.

        A query goes whole to one version, where the sticky fields of its first item say, unless it
        is interleaved. Raises `RefusedError` 503 when nothing can answer.
        """
        query_id = os.urandom(16).hex()
        challenger = now.challenger
        if challenger is not None and is_interleaved(now.release_id, query_id, now.interleaved):
            return await self._of_both(query_id, questions, now, challenger, came)
        arm = split(questions[:1], now)[0].arm
        part = _all(arm, questions)
        try:
            asked = await self._arms.ask_with_fallback(
                arm, now.champion, questions, "predict", came
            )
        except RefusedError as error:
            self._records.failed([(part, milliseconds(came))], error, now)
            raise
        return self._of_one(query_id, part, asked, now)

    def _of_one(self, query_id: str, part: Part, asked: Asked, now: Present) -> dict[str, Any]:
        order = ranked(asked.said.scores)

        def tell(entries: list[Entry]) -> list[Entry]:
            return of_query(query_id, [(entries[row], None) for row in order])

        answers = self._records.answered([(part, asked)], len(order), now, tell)
        items = [
            {"rank": rank, "row": row, **{name: answers[row][name] for name in SHOWN}}
            for rank, row in enumerate(order, start=1)
        ]
        return {"query_id": query_id, "model": asked.arm.declared.model.name, "items": items}

    async def _of_both(
        self,
        query_id: str,
        questions: Sequence[Question],
        now: Present,
        challenger: Arm,
        came: float,
    ) -> dict[str, Any]:
        """The ranking that both draft; the champion's own when the challenger fails."""
        old, new = await self._asked(questions, now.champion, challenger, came)
        if isinstance(old, RefusedError):
            self._records.failed([(_all(now.champion, questions), milliseconds(came))], old, now)
            if isinstance(new, Fallback):
                error = RefusedError(503, "unavailable", new.why)
                self._records.failed([(_all(challenger, questions), new.latency_ms)], error, now)
            raise old
        if isinstance(new, Fallback):
            whole = _all(now.champion, questions)
            return self._of_one(query_id, whole, replace(old, fallback=new), now)
        orders = ranked(old.said.scores), ranked(new.said.scores)
        drafted = team_draft(*orders, coins(f"{now.release_id}:{query_id}"))
        return self._of_teams(query_id, drafted, old, new, now)

    async def _asked(
        self, questions: Sequence[Question], champion: Arm, challenger: Arm, came: float
    ) -> tuple[Asked | RefusedError, Asked | Fallback]:
        """What both say, asked at once; the challenger has a part of the time, as ever."""
        left_ms = max(champion.declared.model.serve.timeout_ms - milliseconds(came), 1)
        looked: Looked | None = None
        with suppress(RefusedError):  # who asks for it says so
            if champion.declared.features is challenger.declared.features:
                looked = look_up(champion.declared, questions)

        async def old() -> Asked | RefusedError:
            try:
                return await self._arms.ask(champion, questions, "predict", left_ms, looked, came)
            except RefusedError as error:
                return error

        async def new() -> Asked | Fallback:
            limit_ms = left_ms * CHALLENGER_SHARE
            try:
                return await self._arms.ask(
                    challenger, questions, "predict", limit_ms, looked, came
                )
            except RefusedError as error:
                why = error.message
            except Exception as error:  # whatever a challenger does, it costs nobody an answer
                logger.exception("challenger %s failed", challenger.version)
                why = f"{type(error).__name__}: {error}"
            return Fallback(challenger.version, why, milliseconds(came))

        both = await asyncio.gather(old(), new())
        return both[0], both[1]

    def _of_teams(
        self, query_id: str, drafted: list[Drafted], old: Asked, new: Asked, now: Present
    ) -> dict[str, Any]:
        order = [each.item for each in drafted]
        teams = {
            is_new: sorted(each.item for each in drafted if each.is_new == is_new)
            for is_new in (False, True)
        }
        others = {each.item: (old if each.is_new else new) for each in drafted}

        def tell(entries: list[Entry]) -> list[Entry]:
            told = [(entries[row], _other(others[row], row)) for row in order]
            return of_query(query_id, told)

        parts = [
            (Part(asked.arm, rows, [asked.questions[row] for row in rows]), _of_rows(asked, rows))
            for asked, rows in ((old, teams[False]), (new, teams[True]))
        ]
        answers = self._records.answered(parts, len(order), now, tell)
        items = [
            {
                "rank": rank,
                "row": row,
                "prediction_id": answers[row]["prediction_id"],
                **HIDDEN,
                "unknown": old.said.unknown[row],
                "missing": old.looked.missing[row],
                "later": old.looked.later[row],
            }
            for rank, row in enumerate(order, start=1)
        ]
        return {"query_id": query_id, "model": old.arm.declared.model.name, "items": items}


def _all(arm: Arm, questions: Sequence[Question]) -> Part:
    return Part(arm, list(range(len(questions))), questions)


def _of_rows(asked: Asked, rows: list[int]) -> Asked:
    """What an arm answered to some of the questions."""
    scores = [asked.said.scores[row] for row in rows]
    unknown = [asked.said.unknown[row] for row in rows]
    return replace(only(asked, rows), said=replace(asked.said, scores=scores, unknown=unknown))


def _other(asked: Asked, row: int) -> dict[str, Any]:
    """What the version whose item it is not said of it."""
    return {
        "version": asked.arm.version,
        "score": asked.said.scores[row],
        "latency_ms": asked.latency_ms,
    }
