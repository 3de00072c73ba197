"""What the findings of one night come down to, in one word. Nothing here reads data."""

from __future__ import annotations

from perennial.decide.decided import Situation
from perennial.watch.watched import Finding, Kind, Level, Watched

DRIFT: tuple[Kind, ...] = ("feature_drift", "prediction_drift", "label_drift")
LEVELS: tuple[Level, ...] = ("alarm", "unknown", "suspected")
"""Those worth telling, the gravest first."""


def situation_of(watched: Watched, serves: str | None) -> Situation:
    """The gravest that applies, by alarms alone: what is only suspected may be gone tomorrow.

    What watch calls miscalibrated goes before worse: a level that is off makes most metrics
    worse, and mending it is enough while the ranking holds. A report about a version that does
    not serve any more is outdated, whatever it says.
    """
    alarms = {each.kind for each in watched.findings if each.level == "alarm"}
    if watched.state == "broken" or "data_quality" in alarms:
        return "broken"
    if watched.version != serves:
        return "outdated"
    if "calibration" in alarms:
        return "miscalibrated"
    if watched.state == "worse" or "performance" in alarms:
        return "worse"
    if watched.state == "drifted" or alarms & set(DRIFT):
        return "drifted"
    return "unknown" if watched.state == "unknown" or serves is None else "quiet"


def is_worse(watched: Watched) -> bool:
    """Whether the realised performance got worse, whatever else there is."""
    return watched.state == "worse" or any(
        each.kind == "performance" and each.level == "alarm" for each in watched.findings
    )


def has_drifted(watched: Watched) -> bool:
    """Whether inputs, answers or labels have drifted, whatever else there is."""
    return any(each.kind in DRIFT and each.level == "alarm" for each in watched.findings)


def seen(watched: Watched) -> tuple[str, ...]:
    """The sentences of the findings, the gravest first; notes are left out."""
    told = [each.sentence for level in LEVELS for each in _of(watched, level)]
    return tuple(told) or (f"nothing but quiet in {watched.n_rows} rows",)


def _of(watched: Watched, level: Level) -> list[Finding]:
    return [each for each in watched.findings if each.level == level]
