"""`perennial tune`: the best parameters within a budget, and whether they are really better."""

from __future__ import annotations

from datetime import date
from typing import Any

from perennial.declare.project import Project
from perennial.keep import locks
from perennial.keep.progress import progress
from perennial.measure.metrics import METRICS
from perennial.train.tuning.budget import Budget, Ended
from perennial.train.tuning.confirming import confirm, on_folds, verdict_of
from perennial.train.tuning.folds import Past
from perennial.train.tuning.scores import Scores
from perennial.train.tuning.searching import search
from perennial.train.tuning.study import VALUES, WHY, Study
from perennial.train.tuning.tuned import FoldTold, TrialTold, Tuned


def tune(
    model: str,
    at: str,
    trials: int | None = None,
    minutes: float | None = None,
    *,
    project: Project | None = None,
) -> Tuned:
    """Search the parameters of a model by what was known at 00:00 UTC of `at`.

    `trials` and `minutes` are the declared ones (`train.tune`) unless given, and count over all
    runs of the same question together; whichever ends first. The declared parameters are trial 0.

    Reads `data/lake/training/<model>`. Writes `var/tune/<model>` and MLflow's runs, nested below
    one of the study; it changes no declaration and no candidate. Killed at any time it goes on
    with the next call; once the budget is used up, a further call gives the same report. Changed
    rows, declaration, search or code are another question and begin a study of their own.

    Raises NotEnoughEvidenceError when a fold has too few rows or one class only; BusyError while
    another process tunes the model.
    """
    from perennial.train.tuning.runs import Runs

    project = project or Project.find()
    declared = project.model(model)
    budget = declared.train.tune
    allowed = Budget(trials or budget.trials, minutes or budget.minutes)
    with locks.exclusive(project.var / "locks", f"tune-{model}", wait_seconds=1):
        past = Past(project, declared, date.fromisoformat(at))
        study = Study(project, past)
        scores = Scores(study.folder)
        runs = Runs(project, past, study)
        runs.write()
        with progress(f"tune {model}", total=allowed.trials) as step:
            step(len(study.finished))

            def on_finished() -> None:
                runs.write()
                step(1)

            ended = search(past, study, scores, allowed, on_finished)
        report = _report(past, study, scores, ended)
        runs.close(report.best)
        return report


def _report(past: Past, study: Study, scores: Scores, ended: Ended) -> Tuned:
    model, finished, winner = past.model, study.finished, study.best()
    best = finished.index(winner)
    found = _parameters(study, best, winner)
    confirmed = confirm(past, study, scores, found) if best else None
    verdict, says = verdict_of(model.judge.primary, len(finished), confirmed)
    given = model.train.parameters
    return Tuned(
        model=model.name,
        at=past.at,
        learner=model.train.learner,
        study=study.name,
        metric=model.judge.primary,
        direction=METRICS[model.judge.primary].direction,
        ended=ended,
        n_trials=len(finished),
        n_pruned=sum(each.state.name == "PRUNED" for each in finished),
        best=best,
        verdict=verdict,
        says=says,
        search={name: str(each) for name, each in study.space.search.items()},
        found=found,
        parameters={**given, **found} if best else given,
        on_folds=on_folds(past, study, scores) if best else None,
        confirmed=confirmed,
        folds=tuple(
            FoldTold(
                start=fold.start,
                end=fold.end,
                n_learned=past.n_rows(fold)[0],
                n_judged=past.n_rows(fold)[1],
                declared=study.declared_values[n],
                best=winner.user_attrs[VALUES][n],
            )
            for n, fold in enumerate(past.folds)
        ),
        trials=tuple(_trial(study, number, each) for number, each in enumerate(finished)),
    )


def _trial(study: Study, number: int, trial: Any) -> TrialTold:
    is_complete = trial.state.name == "COMPLETE"
    return TrialTold(
        number=number,
        state="complete" if is_complete else "pruned",
        value=trial.value if is_complete else None,
        folds=tuple(
            value if value == value else None  # NaN is no number in JSON
            for value in trial.user_attrs.get(VALUES, [])
        ),
        parameters=_parameters(study, number, trial),
        why=trial.user_attrs.get(WHY, ""),
    )


def _parameters(study: Study, number: int, trial: Any) -> dict[str, Any]:
    return study.space.parameters(trial.params) if number else study.space.declared()
