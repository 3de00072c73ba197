"""Who is asked what: the arms of the present route, and the questions of a request among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perennial.keep.ledger import Route
from perennial.serve.arms import Arm
from perennial.serve.questions import Question
from perennial.serve.splitting import place
from perennial.serve.versions import Versions


@dataclass(frozen=True)
class Present:
    """Who may be asked, as the route says at one moment."""

    champion: Arm
    challenger: Arm | None
    release_id: int | None
    weight: float
    shadow: float
    interleaved: float = 0.0
    """Share of the rankings that both versions make together."""


@dataclass(frozen=True)
class Part:
    """The questions of a request that go to one arm, by their rows."""

    arm: Arm
    rows: list[int]
    questions: Sequence[Question]


async def present(route: Route | None, versions: Versions) -> Present | None:
    """The arms of a route with their declarations; None when nothing serves.

    A challenger takes part as soon as its declarations have been read.
    """
    if route is None or route.champion.version is None:
        return None
    version = route.champion.version
    champion = Arm("champion", route.champion, version, await versions.champion(version))
    challenger = None
    if route.challenger is not None and route.challenger.version is not None:
        version = route.challenger.version
        if declared := versions.challenger(version):
            challenger = Arm("challenger", route.challenger, version, declared)
    weight, interleaved = (0.0, route.weight) if route.is_interleaved else (route.weight, 0.0)
    return Present(champion, challenger, route.release_id, weight, route.shadow, interleaved)


def split(questions: Sequence[Question], now: Present) -> list[Part]:
    """The champion's questions and the challenger's, each where its sticky fields say."""
    if now.challenger is None or not now.weight:
        return [Part(now.champion, list(range(len(questions))), questions)]
    sticky_by = now.champion.declared.model.release.sticky_by
    rows: dict[bool, list[int]] = {False: [], True: []}
    for row, question in enumerate(questions):
        rows[place(now.release_id, question.known, sticky_by) < now.weight].append(row)
    return [
        Part(arm, of_arm, [questions[row] for row in of_arm])
        for arm, of_arm in ((now.champion, rows[False]), (now.challenger, rows[True]))
        if of_arm
    ]
