"""Each declared variant of a candidate: made, held against the original, timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from perennial.declare.model import Model
from perennial.errors import UnavailableError
from perennial.learn.contract import Evidence, FloatArray, Learner
from perennial.learn.loading import parse_model
from perennial.learn.recalibrated import Recalibrated, Scoring
from perennial.learn.variants.making import Making, NotPossibleError, Variant
from perennial.learn.variants.offered import variants_of
from perennial.learn.version_files import VersionFiles, digest_of
from perennial.measure.intervals import Comparison
from perennial.optimize.choosing import (
    MEASURED_IN,
    drop_of,
    drop_refusal,
    saved,
    saving_refusal,
)
from perennial.optimize.comparing import compared, largest_difference, odd_rows, slices_of
from perennial.optimize.optimized import ORIGINAL, Form, Slice
from perennial.optimize.predictor_process import costs_of
from perennial.train.estimates import Value
from perennial.train.labelled_rows import LabelledRows


@dataclass(frozen=True)
class Tried:
    """A form and the files that hold it; none where it could not be made."""

    form: Form
    files: Mapping[str, bytes]


class Trials:
    """One candidate on the rows that it has not learned from.

    Every form is parsed from its own bytes before it is asked, as serving does. `learned` reads
    the rows that the original learned from, for those variants that learn.
    """

    def __init__(
        self,
        model: Model,
        trained: VersionFiles,
        rows: LabelledRows,
        learned: Callable[[], Evidence],
    ) -> None:
        self.model, self.trained, self.rows, self.learned = model, trained, rows, learned
        self.learner = parse_model(trained)
        self.scores = self.learner.predict(rows.features)
        self.odd = odd_rows(rows.features)
        self._known: dict[bytes, tuple[dict[str, Comparison], tuple[Slice, ...]]] = {}

    @cached_property
    def original(self) -> Tried:
        """The candidate as it was trained; UnavailableError when it does not even come up."""
        try:
            form = self._measured(ORIGINAL, self.learner, self.trained.answering, self.scores)
        except NotPossibleError as error:
            raise UnavailableError(f"model {self.model.name}: the candidate: {error}") from error
        why = "as it was trained"
        return Tried(form.model_copy(update={"outcome": "original", "why": why}), {})

    def of(self, name: str) -> Tried:
        """One declared variant; refused, with the reason, where it cannot be made or used."""
        variant = variants_of(self.learner.family)[name]
        try:
            files = self._make(variant).save()
            return Tried(self._held_against(name, files, variant.is_exact), files)
        except NotPossibleError as error:
            return Tried(Form(name=name, outcome="refused", why=str(error)), {})

    def _make(self, variant: Variant) -> Learner:
        """A variant of what is behind a recalibration's line, and the line before it again."""
        declared = self.model
        if not isinstance(self.learner, Recalibrated):
            making = Making(declared.optimize, declared.train, self.learned, self._is_as_good)
            return variant.make(self.learner, making)
        line = self.learner

        def behind(base: Learner) -> Recalibrated:
            assert isinstance(base, Scoring)
            return Recalibrated(base, line.intercept, line.slope)

        making = Making(
            declared.optimize, declared.train, self.learned,
            lambda base: self._is_as_good(behind(base)),
        )  # fmt: skip
        return behind(variant.make(line.base, making))

    def _held_against(self, name: str, files: Mapping[str, bytes], is_exact: bool) -> Form:
        learner = parse_model(VersionFiles(digest_of(files), files, b""))
        scores = learner.predict(self.rows.features)
        n_bad = int(np.count_nonzero(~np.isfinite(scores)))
        if n_bad:
            why = f"{n_bad} of {scores.size} answers are not numbers"
            return Form(name=name, outcome="refused", why=why, digest=digest_of(files))
        form = self._measured(name, learner, files, scores)
        why = self._refusal(form, learner, is_exact)
        if why:
            return form.model_copy(update={"outcome": "refused", "why": why})
        return form.model_copy(update={"outcome": "qualifies", "why": self._told(form)})

    def _measured(
        self, name: str, learner: Learner, files: Mapping[str, bytes], scores: FloatArray
    ) -> Form:
        model = self.model
        found, slices = self._compared(scores)
        costs = costs_of(learner, files, self.rows.features)
        before = costs if name == ORIGINAL else self.original.form.costs
        assert before is not None
        return Form(
            name=name,
            outcome="original",
            why="",
            digest=digest_of(files),
            largest_difference=largest_difference(self.scores, scores),
            metrics={metric: Value.of(each.challenger) for metric, each in found.items()},
            differences={metric: Value.of(each.difference) for metric, each in found.items()},
            slices=slices,
            costs=costs,
            saved=saved(before, costs, model.optimize.saving),
        )

    def _compared(self, scores: FloatArray) -> tuple[dict[str, Comparison], tuple[Slice, ...]]:
        """All metrics beside the original's, and by slices; worked out once for equal answers."""
        key = scores.tobytes()
        if key not in self._known:
            model, rows = self.model, self.rows
            self._known[key] = (
                compared(model, rows, self.scores, scores, model.judge.metrics),
                slices_of(model, rows, self.scores, scores),
            )
        return self._known[key]

    def _refusal(self, form: Form, learner: Learner, is_exact: bool) -> str:
        declared, primary = self.model.optimize, self.model.judge.primary
        if is_exact:
            odd = largest_difference(self.learner.predict(self.odd), learner.predict(self.odd))
            apart = max(odd, form.largest_difference or 0.0)
            if not apart <= declared.tolerance:
                return (
                    f"an answer lies {apart:.3g} from the original's, which is more than "
                    f"optimize.tolerance {declared.tolerance:g}"
                )
        return drop_refusal(form.differences[primary], primary, declared) or saving_refusal(
            form.saved or 0.0, declared
        )

    def _told(self, form: Form) -> str:
        primary, declared = self.model.judge.primary, self.model.optimize
        drop = drop_of(form.differences[primary], primary)
        return (
            f"it saves {form.saved or 0.0:.1%} of {MEASURED_IN[declared.saving]} and loses at "
            f"most {max(0.0, drop or 0.0):.4g} of {primary} (max_metric_drop "
            f"{declared.max_metric_drop:g})"
        )

    def _is_as_good(self, learner: Learner) -> bool:
        primary: Any = self.model.judge.primary
        scores = learner.predict(self.rows.features)
        if not np.isfinite(scores).all():
            return False
        found = compared(self.model, self.rows, self.scores, scores, (primary,))
        return not drop_refusal(Value.of(found[primary].difference), primary, self.model.optimize)
