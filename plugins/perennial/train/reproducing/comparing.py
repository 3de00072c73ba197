"""Two trainings beside each other: numbers, state, packages, and what else was not the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perennial.learn.version_files import VersionFiles
from perennial.train.champion import state_of
from perennial.train.keeping import PACKAGES
from perennial.train.reproducing.recorded import Recorded
from perennial.train.reproducing.reproduced import Compared

LEARNED_FROM = ("n_rows", "n_unlabelled", "n_not_yet_known", "mean_label", "n_features")
"""What says what it was learned from: equal, or it was learned from something else."""
TRIED = ("held_out", "champion", "forgetting")


def numbers(was: dict[str, Any], now: dict[str, Any], tolerance: float) -> tuple[Compared, ...]:
    """Each number of a training's story beside the other's.

    Those of what was learned from have to be equal. Those of how good it is may differ by
    `tolerance`, times the recorded one where that is above 1. How many rounds were learned is
    told, but decides nothing.
    """
    told = [_compared(name, was.get(name), now.get(name), 0.0) for name in LEARNED_FROM]
    told.append(_compared("n_rounds", was.get("n_rounds"), now.get("n_rounds"), float("inf")))
    loss = "validation_loss"
    told.append(_compared(loss, was.get(loss), now.get(loss), tolerance))
    ways = {each["way"]: each for each in now.get("tried") or ()}
    for each in was.get("tried") or ():
        other = ways.get(each["way"], {})
        told += [
            _compared(f"{each['way']}: {name}", each.get(name), other.get(name), tolerance)
            for name in TRIED
        ]
    return tuple(told)


def _compared(name: str, was: float | None, now: float | None, tolerance: float) -> Compared:
    if was is None or now is None:
        return Compared(name=name, recorded=was, rebuilt=now, difference=None, is_within=was is now)
    difference = now - was
    is_within = was == now or abs(difference) <= tolerance * max(1.0, abs(was))
    return Compared(
        name=name, recorded=was, rebuilt=now, difference=difference, is_within=is_within
    )


def is_same_state(was: VersionFiles, now: VersionFiles) -> bool:
    """Whether what strategies keep with a version is the same, byte by byte."""
    return state_of(was) == state_of(now)


def packages(was: VersionFiles, now: VersionFiles) -> tuple[str, ...]:
    """What is installed now and was not then (+), and the reverse (-); none where nobody told."""
    if PACKAGES not in was.files or PACKAGES not in now.files:
        return ()
    then, since = ({*each.files[PACKAGES].decode().split()} for each in (was, now))
    changed = [(name, "-") for name in then - since] + [(name, "+") for name in since - then]
    return tuple(f"{sign} {name}" for name, sign in sorted(changed))


def differences(was: Recorded, now: Recorded) -> Iterator[str]:
    """What of the seed, the parameters and the environment was not the same, in words."""
    for name in ("seed", "validation_metric"):
        if was.story.get(name) != now.story.get(name):
            yield f"{name} was {was.story.get(name)!r} and is {now.story.get(name)!r}"
    then, since = (each.story.get("parameters") or {} for each in (was, now))
    for name in sorted({*then, *since}):
        if then.get(name) != since.get(name):
            yield f"parameters.{name} was {then.get(name)!r} and is {since.get(name)!r}"
    if was.lineage.environment != now.lineage.environment:
        changed = packages(was.files, now.files)
        how = f"{len(changed)} packages" if changed else "which packages was not recorded"
        yield f"another environment ({how}): other versions of a learner may round otherwise"
