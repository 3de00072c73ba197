"""Trials as runs of MLflow, nested below one run of the study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from perennial.declare.project import Project
from perennial.keep import locks
from perennial.train.registry import Registry
from perennial.train.tuning.folds import Past
from perennial.train.tuning.study import SECONDS, VALUES, WHY, Study

if TYPE_CHECKING:
    from mlflow.entities import Run
    from optuna.trial import FrozenTrial

STUDY, TRIAL, PARENT = "perennial.tune", "perennial.trial", "mlflow.parentRunId"


class Runs:
    """What MLflow has of a study; each trial is written once, however often this is asked for.

    A run that a killed process left open is closed as killed and written anew.
    """

    def __init__(self, project: Project, past: Past, study: Study) -> None:
        self.registry, self.study, self.past = Registry(project), study, past
        self.client = self.registry.client
        with self._alone():
            self.experiment = self.registry.experiment(study.model.name)
            found = self._runs()
            self.parent = found[""].info.run_id if "" in found else self._new_parent()
            self.known = set(found)

    def write(self) -> None:
        """Write the finished trials that MLflow does not have yet."""
        with self._alone():
            for number, trial in enumerate(self.study.finished):
                if str(number) not in self.known:
                    self._write(number, trial)
                    self.known.add(str(number))

    def close(self, best: int) -> None:
        """Name the best trial on the study's run."""
        with self._alone():
            self.client.set_tag(self.parent, "perennial.best_trial", str(best))
            self.client.set_terminated(self.parent)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        locked = locks.exclusive(self.registry.project.var / "locks", "mlflow")
        with self.registry.answering(), locked:
            yield

    def _runs(self) -> dict[str, Run]:
        """The study's runs by their trial's number; the parent has none."""
        found: dict[str, Run] = {}
        token = None
        while True:
            wanted = f"tags.`{STUDY}` = '{self.study.name}'"
            page = self.client.search_runs([self.experiment], wanted, page_token=token)
            for run in page:
                number = run.data.tags.get(TRIAL, "")
                if number and run.info.status == "RUNNING":
                    self.client.set_terminated(run.info.run_id, "KILLED")
                elif run.info.status != "KILLED":
                    found[number] = run
            token = page.token
            if not token:
                return found

    def _new_parent(self) -> str:
        model = self.study.model
        tags = {STUDY: self.study.name, "perennial.at": str(self.past.at)}
        name = f"tune-{model.name}-{self.study.name}"
        run = self.client.create_run(self.experiment, tags=tags, run_name=name)
        return str(run.info.run_id)

    def _write(self, number: int, trial: FrozenTrial) -> None:
        from mlflow.entities import Metric, Param

        metric = self.study.model.judge.primary
        space = self.study.space
        given = space.parameters(trial.params) if number else space.declared()
        tags = {STUDY: self.study.name, TRIAL: str(number), PARENT: self.parent,
                "perennial.state": trial.state.name.lower()}  # fmt: skip
        if WHY in trial.user_attrs:
            tags["perennial.why"] = trial.user_attrs[WHY]
        run = self.client.create_run(self.experiment, tags=tags, run_name=f"trial-{number}")
        attributes = trial.user_attrs
        metrics = [
            Metric(f"fold_{metric}", value, 0, fold)
            for fold, value in enumerate(attributes.get(VALUES, []))
            if value == value  # NaN is no metric that MLflow's databases take
        ]
        metrics.append(Metric("seconds", attributes.get(SECONDS, 0.0), 0, 0))
        if trial.state.name == "COMPLETE" and trial.value is not None:
            metrics.append(Metric(f"mean_{metric}", trial.value, 0, 0))
        parameters = [Param(name, str(value)) for name, value in given.items()]
        self.client.log_batch(run.info.run_id, metrics=metrics, params=parameters)
        self.client.set_terminated(run.info.run_id)
