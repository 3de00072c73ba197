"""The trials of one question, kept by Optuna in SQLite: killed at any time, it goes on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perennial.declare.project import Project
from perennial.keep import fingerprints, partitions
from perennial.measure.metrics import METRICS
from perennial.train.labelled_rows import training_table
from perennial.train.tuning.folds import Past
from perennial.train.tuning.space import Space

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial, Trial

SECONDS, VALUES, WHY = "seconds", "values", "why"
ENGINE = ("declare", "learn", "measure", "train")
"""Packages whose code decides what a trial finds: another version of them is another study."""


class Study:
    """The trials about one model, declared in one way, over the same rows and folds.

    What is drawn next depends on the seed and on the finished trials alone: each trial has a
    sampler of its own, seeded by how many have finished. So a trial that was killed is drawn
    again as it was, and a study that was killed ends as one that was not.
    """

    def __init__(self, project: Project, past: Past) -> None:
        self.model = past.model
        self.space = Space(past.model.train)
        self.home = project.var / "tune" / past.model.name
        self.name = fingerprints.of_facts(_asks(project, past, self.space))
        self.optuna = self._open()
        self._fail_abandoned()

    @property
    def folder(self) -> Path:
        """Where answers of this study are kept."""
        return self.home / self.name

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials that ended, also those that were pruned, in their order.

        Their place in this list is their number for people; Optuna's own counts killed ones too.
        """
        return [each for each in self.optuna.trials if each.state.name in ("COMPLETE", "PRUNED")]

    @property
    def seconds(self) -> float:
        """What all trials took so far, those included that were killed after some folds."""
        return float(sum(each.user_attrs.get(SECONDS, 0.0) for each in self.optuna.trials))

    @property
    def declared_values(self) -> list[float]:
        """What the declared parameters (trial 0) reached on each fold; empty before."""
        finished = self.finished
        return list(finished[0].user_attrs[VALUES]) if finished else []

    def best(self) -> FrozenTrial:
        """The best complete trial; the earliest of equals, so that a tie goes to the declared."""
        complete = [each for each in self.finished if each.state.name == "COMPLETE"]
        sign = METRICS[self.model.judge.primary].sign
        return max(complete, key=lambda each: (sign * (each.value or 0.0), -each.number))

    def ask(self) -> tuple[Trial, dict[str, Any]]:
        """The next trial and its searched parameters; the first is the declared ones."""
        import optuna

        n_finished = len(self.finished)
        seeds = np.random.SeedSequence([self.model.train.seed, n_finished])
        self.optuna.sampler = optuna.samplers.TPESampler(seed=int(seeds.generate_state(1)[0]))
        if not n_finished and not self._has_waiting():
            self.optuna.enqueue_trial(self.space.start)
        trial = self.optuna.ask(self.space.distributions)
        return trial, self.space.parameters(trial.params) if n_finished else self.space.declared()

    def fail(self, trial: Trial, why: str) -> None:
        """End a trial that was not judged whole; it will be drawn again."""
        trial.set_user_attr(WHY, why)
        self._end(trial.number, "FAIL")

    def prune(self, trial: Trial, why: str) -> None:
        """End a trial that is not worth more."""
        trial.set_user_attr(WHY, why)
        self._end(trial.number, "PRUNED")

    def _end(self, number: int, state: str) -> None:
        from optuna.trial import TrialState

        self.optuna.tell(number, state=TrialState[state])

    def _has_waiting(self) -> bool:
        return any(each.state.name == "WAITING" for each in self.optuna.trials)

    def _fail_abandoned(self) -> None:
        for each in self.optuna.trials:
            if each.state.name == "RUNNING":
                self._end(each.number, "FAIL")

    def _open(self) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.home.mkdir(parents=True, exist_ok=True)
        is_higher_better = METRICS[self.model.judge.primary].direction == "higher"
        return optuna.create_study(
            storage=optuna.storages.RDBStorage(f"sqlite:///{self.home / 'study.db'}"),
            study_name=self.name,
            direction="maximize" if is_higher_better else "minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            load_if_exists=True,
        )


def _asks(project: Project, past: Past, space: Space) -> dict[str, Any]:
    """Everything that decides what a trial finds, but the budget."""
    model, train = past.model, past.model.train
    table = training_table(project, model)
    return {
        "at": str(past.at),
        "rows": fingerprints.of_files(table, partitions.files_of(table, past.rows.start, past.at)),
        "task": model.task,
        "primary": model.judge.primary,
        "train": train.model_dump(
            mode="json",
            include={"learner", "parameters", "stopping", "seed", "threads", "window_days"},
        ),
        "folds": train.tune.model_dump(mode="json", include={"folds", "days", "confirm_days"}),
        "search": {name: each.model_dump(mode="json") for name, each in space.search.items()},
        "engine": fingerprints.of_engine(*ENGINE),
        "environment": _environment(),
    }


@cache
def _environment() -> str:
    return fingerprints.environment()
