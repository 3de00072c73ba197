"""Copies of answered questions for the challenger: in the background, bounded, never shown."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

from perennial.keep.journal import Journal
from perennial.serve import entries
from perennial.serve.arms import CHALLENGER_SHARE, Arm, Arms, Asked, milliseconds
from perennial.serve.journaling import written_or_dropped
from perennial.serve.metrics import COPIES, DROPPED
from perennial.serve.refusals import RefusedError
from perennial.serve.said import SilentError
from perennial.serve.splitting import is_copied

logger = logging.getLogger(__name__)

MOST_OUTSTANDING = 32
"""Requests whose copies are under way; a challenger that is slower than the traffic misses some."""

CLOSING_SECONDS = 2.0


class Shadows:
    """Asks the challenger what the champion was asked, and journals what it says."""

    def __init__(self, arms: Arms, journal: Journal) -> None:
        self._arms, self._journal = arms, journal
        self._under_way: set[asyncio.Task[None]] = set()

    def copy(
        self,
        asked: Asked,
        answers: list[dict[str, Any]],
        challenger: Arm,
        share: float,
        release_id: int | None,
    ) -> None:
        """Send copies of a share of the questions; returns at once."""
        ids = [answer["prediction_id"] for answer in answers]
        rows = [row for row, each in enumerate(ids) if is_copied(release_id, each, share)]
        if not rows:
            return
        if len(self._under_way) >= MOST_OUTSTANDING:
            self._count(challenger, "dropped", len(rows))
            return
        if len(rows) < len(ids):
            asked = only(asked, rows)
        task = asyncio.create_task(
            self._ask(asked, [ids[row] for row in rows], challenger, release_id)
        )
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait a little for copies under way, then give the rest up."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _ask(
        self, asked: Asked, ids: list[str], challenger: Arm, release_id: int | None
    ) -> None:
        began = time.perf_counter()
        is_same = challenger.declared.features is asked.arm.declared.features
        timeout_ms = asked.arm.declared.model.serve.timeout_ms * CHALLENGER_SHARE
        scores: list[float] | None = None
        why: str | None = None
        try:
            said = await self._arms.ask(
                challenger,
                asked.questions,
                "predict",
                timeout_ms,
                asked.looked if is_same else None,
            )
            scores = said.said.scores
        except asyncio.CancelledError:
            self._count(challenger, "dropped", len(ids))
            raise
        except SilentError as error:
            why = error.message
        except RefusedError as error:
            if asked.came_after_ms and len(ids) > 1:  # of several callers: one may be to blame
                for row, id_ in enumerate(ids):
                    await self._ask(only(asked, [row]), [id_], challenger, release_id)
                return
            why = error.message
        except Exception as error:  # whatever a challenger does, it ends here
            logger.exception("challenger %s failed", challenger.version)
            why = f"{type(error).__name__}: {error}"
        # As if it had been asked first: what the champion's answer waited for counts here too.
        spent_ms = milliseconds(began) + (asked.looked_ms if is_same else 0)
        latencies_ms = [round(spent_ms + asked.queued_of_ms(row), 3) for row in range(len(ids))]
        made = entries.copied(challenger, ids, scores, why, latencies_ms, release_id)
        if written_or_dropped(self._journal, made, "copy", len(ids)):
            self._count(challenger, "failed" if why else "answered", len(ids))
        else:
            COPIES.labels(challenger.declared.model.name, "dropped").inc(len(ids))

    def _count(self, challenger: Arm, outcome: str, n: int) -> None:
        COPIES.labels(challenger.declared.model.name, outcome).inc(n)
        if outcome == "dropped":
            DROPPED.labels("copy").inc(n)


def only(asked: Asked, rows: list[int]) -> Asked:
    """Some rows of what was asked."""
    looked = asked.looked
    columns = {name: [values[row] for row in rows] for name, values in looked.columns.items()}
    picked = replace(
        looked,
        columns=columns,
        missing=[looked.missing[row] for row in rows],
        later=[looked.later[row] for row in rows],
    )
    questions = [asked.questions[row] for row in rows]
    came = [asked.came_after_ms[row] for row in rows] if asked.came_after_ms else ()
    return replace(asked, questions=questions, looked=picked, came_after_ms=came)
