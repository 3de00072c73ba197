"""Which step a release takes next: a pure function of what is known, so that it can be proven.

    pending → shadow → canary (its steps) → promoted → done
       └────────┴────────────┴─────────────────┴→ rolling_back → rolled_back

Which of these a release goes through its kind says (`release.kinds`). Whatever is not certain
waits; whoever waits too long ends with the champion.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from perennial.declare.release import Release as Declared
from perennial.keep.release_changes import SETTLE, Change, back, keep_on, promotion
from perennial.keep.releases import UNDER_WAY, Release
from perennial.release.kinds import (
    is_next_promoted,
    open_still,
    phase_after,
    phase_of,
    when_passed,
)
from perennial.release.known import Known
from perennial.release.measurement import PARITY

__all__ = ["SETTLE", "SILENT", "Known", "next_change", "roll_back"]

SILENT = timedelta(seconds=20)
"""How long a promoted version's server may not answer: the supervisor starts it again in half."""

roll_back = back


def next_change(release: Release, declared: Declared, known: Known) -> Change | None:
    """The transition that is due, or None when it has to wait."""
    if release.state == "rolling_back":
        return _finish_rollback(release, known)
    if release.state not in (*UNDER_WAY, "promoted"):
        return None
    if release.state == "promoted" and known.champion != release.version:
        return _disarm(release, declared, known)
    if why := _must_go_back(release, declared, known):
        return back(release, why)
    if (known.blind is None) != (release.blind_since is None):
        return _see(release, known)
    if known.blind is not None:
        return None  # held where it is; what must go back has gone
    if release.state == "promoted":
        return _disarm(release, declared, known)
    if release.paused_at is not None:
        return None
    return _step_on(release, declared, known)


def _must_go_back(release: Release, declared: Declared, known: Known) -> str | None:
    is_promoted = release.state == "promoted"
    expected = release.version if is_promoted else release.stable_version
    if known.champion != expected:
        return f"{known.champion} answers now and not {expected}"
    failed = [each.says for each in known.measured if each.outcome == "failed"]
    if failed:
        return "; ".join(failed)
    if why := _was_blind_too_long(release, declared, known):
        return why
    return _silent(release, known) if is_promoted else _not_promoted(release, declared, known)


def _not_promoted(release: Release, declared: Declared, known: Known) -> str | None:
    """Why a release under way must end without any measurement."""
    if not known.is_proven:
        return f"{release.version} is not proven on slot {release.slot} any more"
    if release.kind != declared.kind:
        return (
            f"it began as {release.kind} and its model declares {declared.kind} now, so the "
            "champion stays"
        )
    if _age(release.started_at, known.now) >= timedelta(hours=declared.time_limit_hours):
        return (
            f"no promotion within {declared.time_limit_hours:g} hours, so the champion stays"
            f"{_still_open(release, known)}"
        )
    return None


def _still_open(release: Release, known: Known) -> str:
    if release.paused_at is not None:
        return " (it is paused)"
    if release.has_verdict and release.kind == "shadow":
        return " (it passed, and no person promoted it)"
    waits = open_still(known)
    return ": " + "; ".join(waits) if waits else f" ({known.n} questions in this phase)"


def _silent(release: Release, known: Known) -> str | None:
    if known.silent_seconds < SILENT.total_seconds():
        return None
    return (
        f"the server of {release.version} has not answered for {known.silent_seconds:.0f} s, and "
        f"that of {release.stable_version} does"
    )


def _was_blind_too_long(release: Release, declared: Declared, known: Known) -> str | None:
    if known.blind is None or release.blind_since is None:
        return None
    if _age(release.blind_since, known.now) < timedelta(minutes=declared.blind_minutes):
        return None
    return f"its evidence could not be read for {declared.blind_minutes:g} minutes: {known.blind}"


def _see(release: Release, known: Known) -> Change:
    if known.blind is not None:
        why = f"nothing is decided while its evidence cannot be read: {known.blind}"
        return keep_on(release, "blind", why)
    return keep_on(release, "see", "its evidence can be read again")


def _step_on(release: Release, declared: Declared, known: Known) -> Change | None:
    if release.state == "pending":
        return _first_step(release, declared, known) if known.is_ready else None
    now = phase_of(release, declared)
    is_over = now.is_over if now is not None else when_passed  # declared no more: the last one
    ending = is_over(release, declared, known)
    if ending is None:
        return None
    if ending.move == "back":
        return back(release, ending.why)
    if ending.move == "told":
        return keep_on(release, "verdict", ending.why)
    return phase_change(release, declared, ending.why)


def _first_step(release: Release, declared: Declared, known: Known) -> Change | None:
    """Into the first phase; where there is none, only what was recomputed is promoted."""
    why = "its server answers"
    if is_next_promoted(release, declared) and declared.parity is not None:
        found = [each for each in known.measured if each.guardrail == PARITY]
        if not found or found[0].outcome != "passed":
            return None
        why += f"; {found[0].says}"
    return phase_change(release, declared, why)


def phase_change(release: Release, declared: Declared, why: str) -> Change:
    """Into the phase after this one, or the promotion after the last."""
    after = phase_after(release, declared)
    if after is None:
        return promotion(release, declared, why)
    phase, step = after
    action = "shadow" if phase.state == "shadow" else "step"
    return Change(phase.state, action, why, step=step, weight=phase.weight, shadow=phase.shadow)


def _disarm(release: Release, declared: Declared, known: Known) -> Change | None:
    if known.champion != release.version:
        why = f"{known.champion} answers now, so there is nothing to go back from"
        return Change("done", "done", why, step=release.step)
    if _age(release.state_since, known.now) < timedelta(hours=declared.armed_hours):
        return None
    why = f"no guardrail failed within {declared.armed_hours:g} hours after promotion"
    if release.paused_at is not None:  # a pause that is forgotten must not hold both slots for ever
        if _age(release.paused_at, known.now) < timedelta(hours=declared.time_limit_hours):
            return None
        why += f", nor within {declared.time_limit_hours:g} hours of a pause"
    return Change("done", "done", why, step=release.step)


def _finish_rollback(release: Release, known: Known) -> Change | None:
    if abs(_age(release.state_since, known.now)) < SETTLE:  # a clock set back must not hold it
        return None
    return Change("rolled_back", "rolled back", release.why, step=release.step)


def _age(since: str, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(since)
