"""The champion as it is, with answers whose level fits recent labels."""

from __future__ import annotations

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.learn.contract import Fitted
from perennial.learn.losses import before_and_after
from perennial.learn.recalibrating import recalibrate as line_through
from perennial.train.champion import read_champion
from perennial.train.lineage import lineage
from perennial.train.recent import read_recent
from perennial.train.trained import Asked, Learned, Tried
from perennial.train.updating import scores_of


def recalibrate(project: Project, model: Model, asked: Asked) -> Learned:
    """What serves, behind a line fitted to the recent labels that it has not learned from.

    Days that it learned from would tell nothing: its answers fit them by construction. The line
    is tried on held-out days first, then fitted to all.

    Raises NotEnoughEvidenceError when there are too few such labels, or the best line falls.
    """
    champion = read_champion(project, model)
    recent = read_recent(project, model, champion, asked, only_new=True)
    trial = line_through(champion.learner, recent.learned)
    final = line_through(champion.learner, recent.all)
    curve = before_and_after(champion.learner, trial, recent.learned, recent.held_out)
    before, after = scores_of(model, recent.held_out, champion.learner, trial)
    tried = Tried(
        way="recalibrate",
        metric=model.judge.primary,
        held_out=after,
        champion=before,
        n_rounds=champion.n_rounds,
    )
    return Learned(
        rows=recent.rows,
        fitted=Fitted(final, champion.n_rounds, False, curve, curve.validation[-1]),
        made_from=lineage(project, model, recent.rows.start, asked.until),
        window_start=min(champion.learned_from, recent.rows.start),
        parent=champion.version,
        way="recalibrate",
        n_updates=champion.n_updates,
        state=champion.start.state,
        tried=(tried,),
        why=(
            f"recalibrate: raw scores become {final.intercept:.4g} + {final.slope:.4g} x raw; "
            f"{curve.metric} on the held-out days goes from {curve.validation[0]:.4g} to "
            f"{curve.validation[1]:.4g}"
        ),
    )
