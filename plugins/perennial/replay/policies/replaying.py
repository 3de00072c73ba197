"""Several policies lived through on the same nights, one after the other, in one process."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import NotEnoughEvidenceError
from perennial.keep import partitions
from perennial.keep.files import replace_text
from perennial.keep.ledger import serving
from perennial.keep.partitions import days_between
from perennial.keep.progress import progress
from perennial.replay.policies.asked import Asked, Drawn, decide_of, read_policies
from perennial.replay.policies.days import Days
from perennial.replay.policies.living import Life, learn, live
from perennial.replay.policies.measuring import Answers, Point, beside, by_month, measure
from perennial.replay.policies.otherwise import otherwise
from perennial.replay.policies.records import Learned, Records
from perennial.replay.policies.replayed import Lived, Replayed
from perennial.replay.policies.runs import Run
from perennial.replay.policies.world import World
from perennial.train.labelled_rows import training_table


@dataclass(frozen=True)
class _Life:
    """One policy that was lived to the end."""

    asked: Asked
    draw: int | None
    records: Records

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.asked.name if self.draw is None else f"{self.asked.name} #{self.draw}"


def replay(
    model: str,
    start: str,
    end: str,
    policies: str,
    *,
    draws: int = 3,
    changes: Sequence[str] = (),
    anew: bool = False,
    project: Project | None = None,
) -> Replayed:
    """Live the nights `start` to `end`, both included, under each of the policies.

    On each night only what was known then is used: no label before it came. A night decides,
    trains and judges by the stages' own functions; a blessed candidate answers from that day on,
    since a replay has no requests by which a release could advance.

    Reads `data/lake/training/<model>`; writes below `var/replay/<model>` alone, a world of its own
    for each policy. Killed at any moment it goes on where it was and comes to the same report; the
    same question is answered from what is kept, unless `anew`. Raises ValueError for policies that
    cannot be understood, NotEnoughEvidenceError when no first version comes about.
    """
    project = project or Project.find()
    declared = otherwise(project, model, changes)
    nights = days_between(date.fromisoformat(start), date.fromisoformat(end) + timedelta(days=1))
    if len(nights) < 2:
        raise ValueError(f"a replay needs at least two nights, got {start} to {end}")
    asked = read_policies(policies, declared)
    _reaches(project, declared, nights[-1])
    run = Run(project, declared, nights[0], nights[-1])
    if anew:
        run.forget()
    first, learned = _first(run, nights[0])
    lives = _live_all(run, asked, nights, draws, first, learned)
    return _report(run, lives, nights, changes)


def _reaches(project: Project, model: Model, last: date) -> None:
    """Raise ValueError when the rows end before the last night: nothing could be asked on it."""
    table = training_table(project, model)
    days = partitions.days_of(table)
    if days and last > max(days):
        raise ValueError(
            f"the last night is {last}, but the rows of {project.shown(table)} end on {max(days)}: "
            f"end there, or run features for the days after it"
        )


def _first(run: Run, night: date) -> tuple[World, Learned]:
    """The world in which nothing but the first version was learned, the same for all policies."""
    path = run.folder / "first" / "learned.json"
    with run.alone("first"):
        if path.exists():
            world = run.world("first", run.model.decide)
            return world, Learned.model_validate_json(path.read_bytes())
        shutil.rmtree(path.parent, ignore_errors=True)  # what a killed replay left half
        world = run.world("first", run.model.decide)
        learned = learn(world, run.model, night, _strategy_of_first(run.model))
        if serving(world, run.model.name) is None:
            raise NotEnoughEvidenceError(
                f"model {run.model.name}: no first version by {night}, it is {learned.outcome}: "
                f"{learned.why}; begin later, when more is known"
            )
        replace_text(path, learned.model_dump_json(indent=2) + "\n")
        return world, learned


def _strategy_of_first(model: Model) -> str:
    """From scratch, as declared; another model, from which it might begin, serves nowhere here."""
    declared = model.train.strategy_for("retrain")
    return "stateless" if declared in (None, "transfer") else str(declared)


def _live_all(
    run: Run, asked: list[Asked], nights: list[date], draws: int, first: World, learned: Learned
) -> list[_Life]:
    """Those that take their number of trainings from another one come after it."""
    numbers: dict[str, int] = {}
    lives: dict[str, list[_Life]] = {}
    for each in sorted(asked, key=lambda one: one.like is not None):
        n = each.number if each.like is None else numbers[each.like]
        seeds = range(1, draws + 1) if each.kind == "random" else [None]
        lives[each.name] = [
            _live_one(run, each, Drawn(n or 1, run.model.train.seed + (draw or 0)), draw, nights,
                      first, learned)
            for draw in seeds
        ]  # fmt: skip
        numbers[each.name] = sum(
            night.training is not None for night in lives[each.name][0].records.nights()
        )
    return [life for each in asked for life in lives[each.name]]


def _live_one(
    run: Run, asked: Asked, drawn: Drawn, draw: int | None, nights: list[date], first: World,
    learned: Learned,
) -> _Life:  # fmt: skip
    decide = decide_of(asked, run.model.decide, nights, drawn)
    name = run.folder_of(asked, draw, decide)
    with run.alone(name):
        world = run.world(name, decide)
        model = world.model(run.model.name)
        life = Life(world, model, asked, Days(world, model), Records(world.folder))
        if len(life.records.nights()) < len(nights):
            run.begin(first, world)
            told = f"replay {asked.name}" + ("" if draw is None else f" #{draw}")
            with progress(told, total=len(nights)) as step:
                live(life, nights, learned, step)
        return _Life(asked, draw, life.records)


def _report(run: Run, lives: list[_Life], nights: list[date], changes: Sequence[str]) -> Replayed:
    model = run.model
    points = {life.name: _point(life, nights) for life in lives}
    families = {
        name: [points[each.name] for each in lives
               if each.asked.kind in (name, "never") and not each.asked.strategy]
        for name in ("calendar", "random")
    }  # fmt: skip
    policies = [_lived(model, life, points[life.name], families) for life in lives]
    return Replayed(
        model=model.name, start=nights[0], end=nights[-1], n_nights=len(nights),
        changed=tuple(changes), primary=model.judge.primary, strategy=model.train.strategy,
        policies=tuple(policies),
    )  # fmt: skip


def _point(life: _Life, nights: list[date]) -> Point:
    labels, scores, counts = life.records.answers(nights)
    n = sum(night.training is not None for night in life.records.nights())
    return Point(life.name, n, Answers(labels, scores, nights, counts))


def _lived(model: Model, life: _Life, point: Point, families: dict[str, list[Point]]) -> Lived:
    trained = [night for night in life.records.nights() if night.training is not None]
    learned = [night.training for night in trained if night.training is not None]
    frontiers = [
        beside(model, point, family, name)
        for name, family in families.items()
        if point.name not in {each.name for each in family}
        and len(family) > 1
        and point.n_trainings > 1
    ]
    return Lived(
        policy=life.name,
        kind=life.asked.kind,
        draw=life.draw,
        n_trainings=point.n_trainings,
        n_promoted=sum(each.outcome == "blessed" for each in learned),
        training_seconds=round(sum(each.seconds for each in learned), 1),
        processor_seconds=round(sum(each.processor_seconds for each in learned), 1),
        n_rows=int(point.answers.labels.size),
        metrics=measure(model, point.answers),
        months=by_month(model, point.answers),
        trainings=tuple(night.night for night in trained),
        frontiers=tuple(each for each in frontiers if each is not None),
    )
