"""Stateful learning: the champion goes on with recent days, guarded against forgetting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.errors import DeclarationError, NotEnoughEvidenceError
from perennial.keep.progress import progress
from perennial.learn.contract import Evidence, Fitted, Learner, OnRound, Way
from perennial.learn.loading import ways_of
from perennial.measure.metrics import METRICS
from perennial.train.champion import Champion, read_champion
from perennial.train.checkpoints import checkpoint
from perennial.train.forgetting import forgotten, forgotten_by, older_rows
from perennial.train.lineage import lineage
from perennial.train.recent import Recent, read_recent
from perennial.train.remembering import remember
from perennial.train.trained import Asked, Learned, Tried


def update(project: Project, model: Model, asked: Asked) -> Learned:
    """Go on from what serves, by the strategy that does best on held-out recent days.

    Each of `train.update.ways` learns from the recent days but the held-out ones, answers those,
    and (with `train.stopping.refit`) learns once more from all of them. A candidate that is worse
    than the champion by more than `train.update.max_forgetting` on older days of the champion's
    own window is discarded. It always starts from the champion, never from a candidate: what a
    killed training learned is not learned twice.

    A strategy that cannot go on, for want of the state that it needs, is left out with its reason.

    Raises DeclarationError when what serves is of another family, NotEnoughEvidenceError when
    there is no new day, there are too few rows, no strategy can go on, forgetting cannot be
    measured, or every way forgets too much.
    """
    champion = read_champion(project, model)
    if champion.learner.family != model.train.learner:
        raise DeclarationError(
            [
                f"model {model.name}: train.learner is {model.train.learner}, but "
                f"{champion.version}, which serves, is of the family {champion.learner.family} and "
                "cannot go on as another; train with the strategy stateless and release that first"
            ]
        )
    ways = {name: ways_of(model.train.learner)[name] for name in asked.ways}
    recents = {
        only_new: read_recent(project, model, champion, asked, only_new=only_new)
        for only_new in {each.only_new for each in ways.values()}
    }
    older = older_rows(project, model, champion, asked)
    first = min(each.rows.start for each in recents.values())
    made_from = lineage(project, model, first, asked.until)
    with (
        checkpoint(project, model, asked, made_from, champion.version) as folder,
        progress(f"update {model.name}", total=None) as step,
    ):
        attempts, left_out = [], {}
        for name, way in ways.items():
            recent = recents[way.only_new]
            try:
                attempt = _attempt(model, champion, recent, older, name, way, step, folder / name)
            except NotEnoughEvidenceError as error:
                left_out[name] = str(error)
            else:
                attempts.append(attempt)
        if not attempts:
            raise NotEnoughEvidenceError(f"model {model.name}: {'; '.join(left_out.values())}")
        chosen = choose(model, attempts)
        recent = recents[ways[chosen.tried.way].only_new]
        was, learner = champion.start.state, chosen.fitted.learner
        state = remember(model, learner, recent.since(champion.learned_until), was)
    return Learned(
        rows=recent.rows,
        fitted=chosen.fitted,
        made_from=made_from,
        window_start=min(champion.learned_from, recent.rows.start),
        parent=champion.version,
        tried=tuple(each.tried for each in attempts),
        why="; left out: ".join([_why(model, chosen, attempts), *left_out.values()]),
        way=chosen.tried.way,
        n_updates=champion.n_updates + 1,
        state=state,
    )


@dataclass(frozen=True)
class Attempt:
    """One way's result, and what it was like."""

    fitted: Fitted
    tried: Tried


def choose(model: Model, attempts: list[Attempt]) -> Attempt:
    """The best on the held-out days among those that remember; an error when none does."""
    sign = METRICS[model.judge.primary].sign
    kept = [each for each in attempts if not forgets(model, each.tried)]
    if not kept:
        found = "; ".join(f"{each.tried.way} {forgets(model, each.tried)}" for each in attempts)
        raise NotEnoughEvidenceError(
            f"model {model.name}: every update forgets too much of {model.judge.primary} on older "
            f"days ({found}); retrain instead (declared in train.update.max_forgetting and "
            "max_part_forgetting)"
        )
    return max(kept, key=lambda each: sign * each.tried.held_out)


def forgets(model: Model, tried: Tried) -> str:
    """What a way forgets beyond its bounds, in words; empty when it remembers.

    A metric that cannot be computed is no proof that anything is remembered.
    """
    declared = model.train.update
    over_all, bound = tried.forgetting, declared.max_forgetting
    if over_all is not None and not over_all <= bound:
        return f"{over_all:.4g} of at most {bound:g}"
    bound = declared.max_part_forgetting
    beyond = [(name, worse) for name, worse in tried.forgetting_by.items() if not worse <= bound]
    if beyond:
        name, worse = max(beyond, key=lambda each: each[1])
        return f"{worse:.4g} of at most {bound:g} where {name}"
    return ""


def _attempt(
    model: Model,
    champion: Champion,
    recent: Recent,
    older: Evidence,
    name: str,
    way: Way,
    step: OnRound,
    folder: Path,
) -> Attempt:
    start, declared = champion.start, model.train
    trial = way.go_on(
        start, recent.learned, declared, step, recent.held_out, checkpoint=folder / "trial"
    )
    final = trial
    if declared.stopping.refit:
        again = way.go_on(
            start, recent.all, declared, step,
            n_rounds=trial.n_rounds, checkpoint=folder / "final",
        )  # fmt: skip
        # The trial's curve is the honest one: it is of days that it had not seen.
        final = Fitted(
            again.learner,
            again.n_rounds,
            trial.is_stopped_early,
            trial.curve,
            trial.validation_loss,
        )
    before, after = scores_of(model, recent.held_out, champion.learner, trial.learner)
    return Attempt(
        final,
        Tried(
            way=name,
            metric=model.judge.primary,
            held_out=after,
            champion=before,
            forgetting=forgotten(model, older, champion.learner, final.learner),
            forgetting_by=forgotten_by(model, older, champion.learner, final.learner),
            n_rounds=final.n_rounds,
        ),
    )


def scores_of(model: Model, rows: Evidence, *learners: Learner) -> list[float]:
    """The primary metric of each learner on the same rows."""
    metric = METRICS[model.judge.primary].function
    return [float(metric(rows.labels, each.predict(rows.rows))) for each in learners]


def _why(model: Model, chosen: Attempt, attempts: list[Attempt]) -> str:
    name, bound = model.judge.primary, model.train.update.max_forgetting
    best = chosen.tried
    told = [
        f"{each.tried.way} {each.tried.held_out:.4g}"
        + (" (forgets too much)" if forgets(model, each.tried) else "")
        for each in attempts
    ]
    gain = METRICS[name].sign * (best.held_out - best.champion)
    return (
        f"{best.way}: {name} on the held-out days is {', '.join(told)}, the champion's "
        f"{best.champion:.4g}{'' if gain > 0 else ' (no better)'}; it forgets "
        f"{best.forgetting:.4g} of at most {bound:g}"
    )
