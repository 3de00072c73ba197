"""Strategies that any family has: learn as it always does, with rows of the past beside the new."""

from __future__ import annotations

from dataclasses import replace

from perennial.learn import generative_replay, reservoir
from perennial.learn.contract import Fitted, Learn, Lesson, Way


def rehearsal(learn: Learn) -> Way:
    """`learn` over the new rows and real ones out of the reservoir."""

    def rehearsing(lesson: Lesson) -> Fitted:
        both = reservoir.with_past(lesson.evidence, lesson.declared, lesson.start.state)
        return learn(replace(lesson, evidence=both))

    return Way(rehearsing, reservoir.remember)


def replay(learn: Learn) -> Way:
    """`learn` over the new rows and such as a generator makes up."""

    def replaying(lesson: Lesson) -> Fitted:
        both = generative_replay.with_past(lesson.start, lesson.evidence, lesson.declared)
        return learn(replace(lesson, evidence=both))

    return Way(replaying, generative_replay.remember)
