"""Time passing: what happened is posted and what was asked is asked, in the order of its moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from perennial.errors import UnavailableError
from perennial.replay.client import GatewayClient
from perennial.replay.timeline import Asked, Happened, Outcome

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """What the gateway said to one question."""

    at: datetime
    prediction_id: str
    version: str
    score: float


@dataclass
class Flow:
    """A stretch of time, lived through the gateway as far as it is told to.

    Without `step` everything is told up to the very moment of each question. With it, all events up
    to the beginning of each step are told together, and then the questions of that step are asked.
    """

    client: GatewayClient
    model: str
    events: Sequence[Happened]
    questions: Sequence[Asked]
    outcomes: Sequence[Outcome] = ()
    step: timedelta = timedelta(0)
    answers: dict[Key, Answer] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    """Why a question was not answered; with `is_strict` it is an error instead."""
    is_strict: bool = True
    n_labels: int = 0
    _n_told: int = 0
    _n_asked: int = 0
    _n_revealed: int = 0

    def tell_until(self, moment: datetime) -> None:
        """Post the events up to and with `moment`; return once the features know them."""
        until = self._n_told
        while until < len(self.events) and self.events[until].at <= moment:
            until += 1
        tell(self.client, self.events[self._n_told : until])
        self._n_told = until

    def until(self, end: datetime, asked: Callable[[int], None] = lambda n: None) -> None:
        """Live on to `end`, whose own questions are not asked yet."""
        first = self._n_asked
        while self._n_asked < len(self.questions) and self.questions[self._n_asked].at < end:
            self._n_asked += 1
        for moment, group in groupby(self.questions[first : self._n_asked], key=self._moment):
            self.tell_until(moment)
            self.reveal_until(moment)
            for question in group:
                self._ask(question)
                asked(1)
        self.tell_until(end)
        self.reveal_until(end)

    def skip_until(self, moment: datetime) -> None:
        """Pass over the questions asked before `moment`, and the labels known by then."""
        while self._n_asked < len(self.questions) and self.questions[self._n_asked].at < moment:
            self._n_asked += 1
        while (
            self._n_revealed < len(self.outcomes)
            and self.outcomes[self._n_revealed].known_at <= moment
        ):
            self._n_revealed += 1

    def n_questions_until(self, end: datetime) -> int:
        """How many questions are still to be asked before `end`."""
        return sum(question.at < end for question in self.questions[self._n_asked :])

    def revealed(self) -> list[Outcome]:
        """The outcomes known so far of the questions that were answered."""
        known = self.outcomes[: self._n_revealed]
        return [outcome for outcome in known if outcome.key in self.answers]

    def reveal_until(self, moment: datetime) -> None:
        """Send the labels known at `moment` of the questions that were answered."""
        known: list[dict[str, Any]] = []
        while self._n_revealed < len(self.outcomes):
            outcome = self.outcomes[self._n_revealed]
            if outcome.known_at > moment:
                break
            answer = self.answers.get(outcome.key)
            if answer is not None:
                known.append({"prediction_id": answer.prediction_id, "label": outcome.label})
            self._n_revealed += 1
        self.client.post_all(f"/feedback/{self.model}", known)
        self.n_labels += len(known)

    def _moment(self, question: Asked) -> datetime:
        if not self.step:
            return question.at
        begun = datetime(1970, 1, 1, tzinfo=UTC)
        return begun + (question.at - begun) // self.step * self.step

    def _ask(self, question: Asked) -> None:
        try:
            said = self.client.post(f"/predict/{self.model}", question.known)
        except UnavailableError as error:
            if self.is_strict:
                raise
            self.refused.append(str(error))
            return
        self.answers[question.key] = Answer(
            question.at, str(said["prediction_id"]), str(said["version"]), float(said["score"])
        )


def tell(client: GatewayClient, events: Sequence[Happened]) -> None:
    """Post events in order and wait until the features know them."""
    last: dict[str, int] = {}
    for source, group in groupby(events, key=lambda event: event.source):
        answers = client.post_all(f"/events/{source}", [event.row for event in group])
        last[source] = answers[-1]["seq"]
    for source, seq in last.items():
        client.wait_until_fresh(source, seq)
