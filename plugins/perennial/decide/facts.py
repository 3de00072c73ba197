"""All that a decision rests on, gathered before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from perennial.decide.decided import Situation
from perennial.decide.past import regret_before, trainings_before
from perennial.decide.situation import situation_of
from perennial.declare.decide import Decide
from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.keep import releases
from perennial.keep.ledger import Ledger, serving
from perennial.keep.releases import Release
from perennial.learn.version_files import read
from perennial.measure.metrics import METRICS
from perennial.train.champion import learned_days, trained_at
from perennial.watch.watched import Watched


@dataclass(frozen=True)
class Facts:
    """One night of one model."""

    night: date
    declared: Decide
    watched: Watched
    situation: Situation
    train_until: date
    """The first day that a training on this night leaves out."""
    serves: str | None
    """The version that answers now."""
    learned_until: date | None
    """The first day that it has not learned from."""
    trained_at: date | None
    """The night on whose behalf it was trained."""
    release: Release | None
    """The release that is under way or still armed."""
    trainings: tuple[date, ...]
    """Earlier nights on which a training was decided, the newest first."""
    learnings: tuple[date, ...]
    """Those of them that were more than a recalibration, the newest first."""
    regret: float
    """See `Decided.regret`."""

    @property
    def is_armed(self) -> bool:
        """Whether what serves was promoted lately, and the version before it is still warm."""
        return (
            self.release is not None
            and self.release.state == "promoted"
            and self.release.version == self.serves
        )


def facts_of(project: Project, model: Model, night: date, watched: Watched) -> Facts:
    """Read the ledger and what serves. Only nights before `night` count as earlier."""
    ledger = Ledger.of(project)
    now = serving(project, model.name)
    files = read(now.version_folder) if now else None
    trainings = trainings_before(ledger, model.name, night)
    regret = regret_before(ledger, model.name, night)
    version = now.version if now else None
    return Facts(
        night=night,
        declared=model.decide,
        watched=watched,
        situation=situation_of(watched, version),
        train_until=night - timedelta(days=model.judge.held_back_days),
        serves=version,
        learned_until=learned_days(files)[1] if files else None,
        trained_at=trained_at(files) if files else None,
        release=releases.under_way(ledger, model.name),
        trainings=tuple(each.night for each in trainings),
        learnings=tuple(each.night for each in trainings if each.has_learned),
        regret=max(0.0, regret + excess(model, watched)),
    )


def excess(model: Model, watched: Watched) -> float:
    """What one night's answers cost beyond what they should: primary metric x rows.

    Negative when they were better than expected; 0 where nobody knows. The performance is that
    of several days, so each night counts its share of their rows.
    """
    for each in watched.performance:
        if each.metric == model.judge.primary and each.expected is not None:
            value, usual = each.value.estimate, each.expected.estimate
            if value is None or usual is None or not each.n_days:
                return 0.0
            worse_by = METRICS[each.metric].sign * (usual - value)
            return worse_by * each.n_rows / each.n_days
    return 0.0
