"""What a person does with a release: pause, resume, promote, abort.

Each is one transaction with the person's name and reason on record; it needs no controller, and
wins over one that decides at the same moment. Each done twice is done once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from perennial.declare.project import Project
from perennial.errors import BusyError, UnavailableError
from perennial.keep import release_changes, releases
from perennial.keep.journal import last_seq
from perennial.keep.ledger import Ledger
from perennial.keep.release_changes import Change, back, keep_on, promotion
from perennial.keep.releases import FORCED, UNDER_WAY, Release

Action = Literal["pause", "resume", "promote", "abort"]
ACTIONS: tuple[Action, ...] = get_args(Action)

TRIES = 100
"""Against a controller that changes the release at the same moment, time and again."""


@dataclass(frozen=True)
class Word:
    """What a person says."""

    by: str
    """Who, and by what means."""
    why: str
    is_forced: bool = False
    """Whether a promotion goes against guardrails that failed."""


def steer(project: Project, ledger: Ledger, model: str, action: Action, word: Word) -> Release:
    """Do `action` with the newest release of `model`; the release as it then is.

    Raises `UnavailableError` when it cannot be done in its state, or when a promotion goes against
    a failed guardrail and is not forced.
    """
    for _ in range(TRIES):
        try:
            return _DO[action](project, ledger, _newest(ledger, model), word)
        except BusyError:  # changed at this very moment: look again
            continue
    raise BusyError(f"the release of {model} changes too often to {action} it")


def _newest(ledger: Ledger, model: str) -> Release:
    newest = next(iter(releases.of_model(ledger, model, limit=1)), None)
    if newest is None:
        raise UnavailableError(f"{model} has no release yet")
    return newest


def go_back(ledger: Ledger, release: Release, word: Word, action: str = "roll back") -> Release:
    """Back to what answered before, from whatever state it is in, and over.

    Raises `UnavailableError` when there is nothing to go back to or from.
    """
    if release.state == "rolled_back":
        return release
    if release.stable_version is None:
        raise UnavailableError(f"no version of {release.model} answered before this one")
    if release.state != "rolling_back":
        current = ledger.current(release.model)
        if release.state == "done" and (current is None or current[0].version != release.version):
            raise UnavailableError(
                f"{release.version} of {release.model} does not answer any more, so release "
                f"{release.id} cannot be rolled back"
            )
        change = back(release, word.why, action)
        release = release_changes.transition(ledger, release, change, word.by)
    over = Change("rolled_back", "rolled back", release.why, step=release.step)
    return release_changes.transition(ledger, release, over, word.by)


def story(ledger: Ledger, model: str, release_id: int | None = None) -> dict[str, Any]:
    """A release of `model` with its whole record, as JSON: the newest, or the one with that number.

    Empty when there is none yet. Raises `UnavailableError` when that number is not one of its own.
    """
    known = releases.of_model(ledger, model, limit=1 if release_id is None else None)
    found = next((each for each in known if release_id in (None, each.id)), None)
    if found is None and release_id is not None:
        raise UnavailableError(
            f"{model} has no release {release_id}; `perennial release list --model {model}` tells "
            "which there are"
        )
    if found is None:
        return {"model": model, "release": None, "record": []}
    kept = {**asdict(found), "measured": json.loads(found.measured)}
    record = [asdict(each) for each in releases.record(ledger, found.id)]
    return {"model": model, "release": kept, "record": record}


def _pause(_: Project, ledger: Ledger, release: Release, word: Word) -> Release:
    _must_be(release, "pause", (*UNDER_WAY, "promoted"))
    if release.paused_at is not None:
        return release
    return release_changes.transition(ledger, release, keep_on(release, "pause", word.why), word.by)


def _resume(_: Project, ledger: Ledger, release: Release, word: Word) -> Release:
    _must_be(release, "resume", (*UNDER_WAY, "promoted"))
    if release.paused_at is None:
        return release
    return release_changes.transition(
        ledger, release, keep_on(release, "resume", word.why), word.by
    )


def _promote(project: Project, ledger: Ledger, release: Release, word: Word) -> Release:
    if release.state in ("promoted", "done"):
        return release
    _must_be(release, "promote", UNDER_WAY)
    current = ledger.current(release.model)
    if current is None or current[0].version != release.stable_version:
        raise UnavailableError(f"{release.stable_version} of {release.model} answers no more")
    if not word.is_forced:
        _must_not_have_failed(release)
        if project.model(release.model).release.parity is not None:
            _must_be_recomputed(release)
    measured = json.loads(release.measured)
    change = promotion(release, project.model(release.model).release, word.why)
    if word.is_forced:
        change = replace(change, action=FORCED)
    after = last_seq(project.var / "journal" / "predictions")
    return release_changes.transition(ledger, release, change, word.by, measured, after_seq=after)


def _abort(_: Project, ledger: Ledger, release: Release, word: Word) -> Release:
    if release.state == "done":
        raise UnavailableError(
            f"release {release.id} of {release.version} is over; `perennial roll-back` returns to "
            "the version before it"
        )
    return go_back(ledger, release, word, "abort")


def _must_be(release: Release, action: str, states: tuple[str, ...]) -> None:
    if release.state not in states:
        raise UnavailableError(
            f"release {release.id} of {release.version} is {release.state}, and only what is "
            f"{', '.join(states)} can be asked to {action}"
        )


def _must_not_have_failed(release: Release) -> None:
    failed = [each["says"] for each in json.loads(release.measured) if each["outcome"] == "failed"]
    if release.blind_since is not None:
        failed.append(f"its evidence cannot be read since {release.blind_since}")
    if failed:
        raise UnavailableError(
            f"release {release.id} of {release.version} is not promoted: {'; '.join(failed)} "
            "(forced, it is promoted all the same)"
        )


def _must_be_recomputed(release: Release) -> None:
    found = [each for each in json.loads(release.measured) if each["guardrail"] == "parity"]
    now = [each for each in found if list(each.get("values", ())) == [release.after_seq]]
    if any(each["outcome"] == "passed" for each in now):
        return
    says = "; ".join(each["says"] for each in found) or "parity: not recomputed yet"
    raise UnavailableError(
        f"release {release.id} of {release.version} is not promoted: {says} (`perennial release "
        "promote` recomputes; forced, it is promoted all the same)"
    )


_DO: dict[Action, Callable[[Project, Ledger, Release, Word], Release]] = {
    "pause": _pause,
    "resume": _resume,
    "promote": _promote,
    "abort": _abort,
}
