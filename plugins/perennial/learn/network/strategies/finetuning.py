"""The champion's weights go on moving on new days, and nothing holds them back."""

from __future__ import annotations

from perennial.learn.contract import Fitted, Lesson
from perennial.learn.network.strategies.onward import Onward


def finetune(lesson: Lesson) -> Fitted:
    """All weights learn, by the update's own rate and epochs."""
    onward = Onward(lesson)
    learned = onward.learn()
    return onward.fitted(learned)
