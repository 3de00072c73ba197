"""The registry: MLflow's runs and model versions, one version per digest."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.keep import locks
from perennial.learn.contract import Curve
from perennial.train.candidate import candidate_folder

if TYPE_CHECKING:
    from perennial.train.trained import Trained

DIGEST, VERSION = "perennial.digest", "perennial.version"


def set_champion(project: Project, model: str, version: str) -> int:
    """Point the alias `champion` at a version by its name (twelve digits); its number."""
    return Registry(project).set_alias(model, "champion", version)


def tracking_uri(project: Project) -> str:
    """Where MLflow keeps runs and versions."""
    return project.settings.mlflow_uri or f"sqlite:///{project.var / 'mlflow' / 'mlflow.db'}"


class Registry:
    """Registers versions and moves aliases; everything is found again by digest.

    The first use of a new SQLite database makes its tables (some 3 s), one process at a time.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        home = project.var / "mlflow"
        self.artifacts = home / "artifacts"
        self.is_local = project.settings.mlflow_uri is None
        self.uri = tracking_uri(project)
        if self.is_local:
            self.artifacts.mkdir(parents=True, exist_ok=True)
        self.client = self._client()

    def register(self, trained: Trained, curve: Curve) -> int:
        """Record a run and its version with the alias `candidate`; the version's number.

        A digest that is registered already only gets the alias. A run that a killed process left
        behind is closed as killed.
        """
        with self.answering(), locks.exclusive(self.project.var / "locks", "mlflow"):
            number = self.find(trained.model, trained.digest)
            if number is None:
                number = self._new_version(trained, curve)
            self.client.set_registered_model_alias(trained.model, "candidate", str(number))
            return number

    def register_form(self, model: str, digest: str, trained: str, facts: dict[str, str]) -> int:
        """Record another form of the version with the digest `trained`; the form's number.

        It carries that version's tags, `perennial.trained` with its digest, and `facts`. The alias
        `candidate` moves to it; a digest that is registered already only gets the alias.
        """
        with self.answering(), locks.exclusive(self.project.var / "locks", "mlflow"):
            number = self.find(model, digest)
            if number is None:
                known = self.find(model, trained)
                tags = self.client.get_model_version(model, str(known)).tags if known else {}
                tags |= {DIGEST: digest, VERSION: digest[:12], "perennial.trained": trained}
                tags |= {f"perennial.{name}": fact for name, fact in facts.items()}
                number = self._with_run(model, tags, lambda run: self._log_files(model, run))
            self.client.set_registered_model_alias(model, "candidate", str(number))
            return number

    def find(self, model: str, digest: str) -> int | None:
        """The number of the version with this digest, or with this name of twelve digits.

        None when it is not registered.
        """
        tag = DIGEST if len(digest) == 64 else VERSION
        with self.answering():
            wanted = f"name = '{model}' and tag.`{tag}` = '{digest}'"
            found = self.client.search_model_versions(wanted)
            return min((int(each.version) for each in found), default=None)

    def set_alias(self, model: str, alias: str, digest: str) -> int:
        """Point `alias` (such as `champion`) at the version with this digest; its number."""
        with self.answering():
            number = self.find(model, digest)
            if number is None:
                raise UnavailableError(
                    f"model {model}: no registered version is {digest[:12]}, so the alias {alias} "
                    "cannot point at it"
                )
            self.client.set_registered_model_alias(model, alias, str(number))
            return number

    def digest_of(self, model: str, alias: str) -> str | None:
        """The digest of the version that `alias` points at; None when there is none."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_model_version_by_alias(model, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise UnavailableError(f"MLflow does not answer: {error}") from error
        return str(found.tags[DIGEST])

    def _new_version(self, trained: Trained, curve: Curve) -> int:
        return self._with_run(
            trained.model, _tags(trained), lambda run: self._log(run, trained, curve)
        )

    def _with_run(self, model: str, tags: dict[str, str], log: Callable[[str], None]) -> int:
        from mlflow.exceptions import MlflowException

        experiment = self.experiment(model)
        wanted = f"tags.`{DIGEST}` = '{tags[DIGEST]}' and attributes.status = 'RUNNING'"
        for dead in self.client.search_runs([experiment], wanted):
            self.client.set_terminated(dead.info.run_id, "KILLED")
        name = f"{model}-{tags[VERSION]}"
        run = self.client.create_run(experiment, tags=tags, run_name=name)
        log(run.info.run_id)
        self.client.set_terminated(run.info.run_id)
        try:
            self.client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = self.client.create_model_version(
            model, source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id, tags=tags
        )
        return int(version.version)

    def _log(self, run_id: str, trained: Trained, curve: Curve) -> None:
        from mlflow.entities import Metric, Param

        n_rounds = len(curve.validation)
        step = max(1, n_rounds // 200)
        loss = f"validation_{curve.metric}"
        metrics = [
            Metric(loss, curve.validation[at], 0, at + 1)
            for at in sorted({*range(0, n_rounds, step), n_rounds - 1})
        ]
        metrics += [
            Metric("n_rounds", trained.n_rounds, 0, 0),
            Metric("n_rows", trained.n_rows, 0, 0),
        ]
        metrics.append(Metric(f"final_{loss}", trained.validation_loss, 0, 0))
        for each in trained.tried:
            metrics.append(Metric(f"{each.way}_held_out_{each.metric}", each.held_out, 0, 0))
            if each.forgetting is not None:
                metrics.append(Metric(f"{each.way}_forgetting", each.forgetting, 0, 0))
        given = {**trained.parameters, "strategy": trained.strategy}
        parameters = [Param(name, str(value)) for name, value in given.items()]
        self.client.log_batch(run_id, metrics=metrics, params=parameters)
        self._log_files(trained.model, run_id)

    def _log_files(self, model: str, run_id: str) -> None:
        folder = candidate_folder(self.project, model)
        self.client.log_artifacts(run_id, str(folder), "model")

    def experiment(self, model: str) -> str:
        """The number of the model's experiment, made when there is none."""
        found = self.client.get_experiment_by_name(model)
        if found is not None:
            return str(found.experiment_id)
        where = (self.artifacts / model).as_uri() if self.is_local else None
        return str(self.client.create_experiment(model, artifact_location=where))

    def _client(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        with self.answering(), locks.exclusive(self.project.var / "locks", "mlflow"):
            return MlflowClient(self.uri, self.uri)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Tell what MLflow cannot do as UnavailableError."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            raise UnavailableError(f"MLflow does not answer as it should: {error}") from error


def _tags(trained: Trained) -> dict[str, str]:
    made_from = {k: str(v) for k, v in trained.lineage.model_dump().items() if v is not None}
    window = {"window_start": str(trained.window_start), "window_end": str(trained.window_end)}
    facts = {**made_from, **window, "seed": str(trained.seed), "strategy": trained.strategy}
    facts |= {"parent": trained.parent, "why": trained.why} if trained.parent else {}
    named = {DIGEST: trained.digest, VERSION: trained.version}
    return {**named, **{f"perennial.{name}": text for name, text in facts.items()}}
