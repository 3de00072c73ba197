"""The stage `decide`: one decision about one night, and its record."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import ValidationError

from perennial.decide import past
from perennial.decide.considering import considered
from perennial.decide.decided import Considered, Decided
from perennial.decide.facts import Facts, facts_of
from perennial.decide.policies import POLICIES, Wish
from perennial.decide.situation import seen
from perennial.declare.decide import Decision
from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import IntegrityError, UnavailableError
from perennial.keep import locks
from perennial.keep.files import replace_text
from perennial.keep.fingerprints import of_bytes
from perennial.keep.ledger import Ledger
from perennial.watch import reports
from perennial.watch.watched import Watched


def decide(model: str, at: str, *, project: Project | None = None) -> Decided:
    """Decide what is done about the night `at`, by the declared policy.

    Reads the report `var/reports/watch/<model>/<at>.json`, the releases and the earlier decisions
    in the ledger, and what serves. Writes the decision into the ledger and to
    `var/reports/decide/<model>/<at>.json`; does nothing else: who called acts on it. Twice is the
    same as once: the same report gives the same record back, a different one is decided on anew,
    and the audit tells both.

    Raises UnavailableError when the night was not watched, IntegrityError when its report cannot
    be read.
    """
    project = project or Project.find()
    declared, night = project.model(model), date.fromisoformat(at)
    content, watched = _read(project, model, night)
    ledger, digest = Ledger.of(project), of_bytes(content)
    with locks.exclusive(project.var / "locks", f"decide-{model}"):
        decided = past.find(ledger, model, night, digest)
        if decided is None:
            decided = _decide(declared, facts_of(project, declared, night, watched))
            past.keep(ledger, decided, digest)
        written = decided.model_dump_json(indent=2) + "\n"
        replace_text(report_file(project, model, night), written)
    return decided


def report_file(project: Project, model: str, night: date) -> Path:
    """Where the decision about one night is kept."""
    return project.var / "reports" / "decide" / model / f"{night}.json"


def _read(project: Project, model: str, night: date) -> tuple[bytes, Watched]:
    path = reports.report_file(project, model, night)
    shown = project.shown(path)
    try:
        content = path.read_bytes()
        return content, Watched.model_validate_json(content)
    except FileNotFoundError as error:
        raise UnavailableError(
            f"model {model}: the night of {night} was not watched, there is no {shown}: run watch "
            f"--model {model} --at {night}"
        ) from error
    except ValidationError as error:
        raise IntegrityError(f"{shown} is not a report of watch: {error}") from error


def _decide(model: Model, facts: Facts) -> Decided:
    every = considered(facts)
    wish = settle(POLICIES[facts.declared.policy](facts), {each.decision: each for each in every})
    strategy = model.train.strategy_for(wish.decision)
    return Decided(
        model=model.name,
        at=facts.night,
        policy=facts.declared.policy,
        decision=wish.decision,
        why=wish.why,
        situation=facts.situation,
        seen=seen(facts.watched),
        considered=every,
        strategy=strategy,
        train_until=facts.train_until if strategy else None,
        needs_approval=wish.decision in facts.declared.approve,
        version=facts.serves,
        regret=facts.regret,
    )


def settle(wish: Wish, every: dict[Decision, Considered]) -> Wish:
    """What is called for if it is open, and else to stand by."""
    found = every[wish.decision]
    if found.is_open:
        return wish
    return Wish("stand_by", f"{wish.decision} is called for, but not now: {found.why}; {wish.why}")
