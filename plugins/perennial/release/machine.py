"""Which step a release takes next: a pure function of what is known, so that it can be proven.

    pending → shadow → canary (its steps) → promoted → done
       └────────┴────────────┴─────────────────┴→ rolling_back → rolled_back

Whatever is not certain waits; whoever waits too long ends with the champion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial.declare.release import Release as Declared
from perennial.keep.release_changes import Change
from perennial.keep.releases import UNDER_WAY, Release
from perennial.release.guardrails import Measurement

SETTLE = timedelta(seconds=2)
"""How long a rollback holds its slots: until every gateway has read the route anew."""


@dataclass(frozen=True)
class Known:
    """What a step is decided on."""

    now: datetime
    champion: str | None
    """The version that answers, as the route says."""
    is_proven: bool
    """Whether the new version is still proven on its slot."""
    is_ready: bool
    """Whether its server answers; only asked before it gets any traffic."""
    n: int
    """Questions that the new version was asked in this phase (in shadow: that both answered)."""
    measured: Sequence[Measurement] = ()


def next_change(release: Release, declared: Declared, known: Known) -> Change | None:
    """The transition that is due, or None when it has to wait."""
    if release.state == "rolling_back":
        return _finish_rollback(release, known)
    if release.state not in (*UNDER_WAY, "promoted"):
        return None
    if why := _must_go_back(release, declared, known):
        return roll_back(release, why)
    if release.state == "promoted":
        return _disarm(release, declared, known)
    return _step_on(release, declared, known)


def roll_back(release: Release, why: str) -> Change:
    """Back to what answered before; the route moves only when it had moved."""
    has_moved = release.state in ("promoted", "done")
    return Change(
        "rolling_back",
        "roll back",
        why,
        step=release.step,
        champion="stable" if has_moved else "same",
    )


def _must_go_back(release: Release, declared: Declared, known: Known) -> str | None:
    is_promoted = release.state == "promoted"
    expected = release.version if is_promoted else release.stable_version
    if known.champion != expected:
        return None if is_promoted else f"{known.champion} answers now and not {expected}"
    if not known.is_proven and not is_promoted:
        return f"{release.version} is not proven on slot {release.slot} any more"
    failed = [each.says for each in known.measured if each.outcome == "failed"]
    if failed:
        return "; ".join(failed)
    limit = timedelta(hours=declared.time_limit_hours)
    if not is_promoted and _age(release.started_at, known.now) >= limit:
        return (
            f"no promotion within {declared.time_limit_hours:g} hours, so the champion stays"
            f"{_still_open(known)}"
        )
    return None


def _still_open(known: Known) -> str:
    waits = [each.says for each in known.measured if each.is_needed and each.outcome != "passed"]
    return ": " + "; ".join(waits) if waits else f" ({known.n} questions in this phase)"


def _step_on(release: Release, declared: Declared, known: Known) -> Change | None:
    if release.state == "pending":
        return _phase_after(release, declared, "its server answers") if known.is_ready else None
    shadow = declared.shadow
    in_shadow = release.state == "shadow" and shadow is not None
    n_min = shadow.min_requests if in_shadow and shadow else declared.min_requests
    if known.n < n_min or not known.measured:
        return None
    if any(each.is_needed and each.outcome != "passed" for each in known.measured):
        return None
    passed = [each.guardrail for each in known.measured if each.outcome == "passed"]
    why = f"after {known.n} questions passed: {', '.join(passed) or 'nothing is declared'}"
    return _phase_after(release, declared, why)


def _phase_after(release: Release, declared: Declared, why: str) -> Change:
    if release.state == "pending" and declared.shadow is not None:
        return Change("shadow", "shadow", why, shadow=declared.shadow.share)
    step = release.step + 1 if release.state == "canary" else 0
    if step < len(declared.steps):
        return Change("canary", "step", why, step=step, weight=declared.steps[step])
    share = declared.armed_share if declared.armed_hours else 0.0
    return Change("promoted", "promote", why, step=step, shadow=share, champion="new")


def _disarm(release: Release, declared: Declared, known: Known) -> Change | None:
    if known.champion != release.version:
        why = f"{known.champion} answers now, so there is nothing to go back from"
        return Change("done", "done", why, step=release.step)
    if _age(release.state_since, known.now) < timedelta(hours=declared.armed_hours):
        return None
    why = f"no guardrail failed within {declared.armed_hours:g} hours after promotion"
    return Change("done", "done", why, step=release.step)


def _finish_rollback(release: Release, known: Known) -> Change | None:
    if abs(_age(release.state_since, known.now)) < SETTLE:  # a clock set back must not hold it
        return None
    return Change("rolled_back", "rolled back", release.why, step=release.step)


def _age(since: str, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(since)
