"""Expectations evaluated on a frame by Great Expectations.

Each is evaluated by itself: when one raises inside a suite, Great Expectations 1.24 returns its
result several times and drops those of others, so that counts could not be trusted.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perennial.check.columns import columns_of
from perennial.check.expectations import Prepared, load

if TYPE_CHECKING:
    import pandas as pd

RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 3,
    "return_unexpected_index_query": False,
}


@dataclass(frozen=True)
class Evaluated:
    """What Great Expectations answered.

    `error` when it could not; `positions` of the failing rows where it tells them; `is_blank` when
    none of the columns that it is about has a value.
    """

    prepared: Prepared
    result: Any
    success: bool
    error: str | None
    positions: list[int] | None
    is_blank: bool = False

    @property
    def details(self) -> dict[str, Any]:
        """The result's fields by Great Expectations' names."""
        return dict(self.result.result)

    @property
    def n_looked_at(self) -> int | None:
        """How many values were judged one by one; None when they were judged together."""
        if "element_count" not in self.details:
            return None
        return int(self.details["element_count"]) - int(self.details.get("missing_count") or 0)

    @property
    def saw_nothing(self) -> bool:
        """Whether there was no value that it could have found wanting."""
        return self.is_blank if self.n_looked_at is None else self.n_looked_at == 0


def evaluate(prepared: list[Prepared], frame: pd.DataFrame) -> list[Evaluated]:
    """Evaluate on `frame`, whose index counts the rows from 0. Never raises for an expectation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its own code warns of is not ours to change
        context = load().get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("lake").add_dataframe_asset("rows")
        definition = asset.add_batch_definition_whole_dataframe("period")
        batch = definition.get_batch({"dataframe": frame})
        blank = {str(name) for name in frame.columns if frame[name].isna().all()}
        return [_evaluate(each, batch, blank) for each in prepared]


def _evaluate(prepared: Prepared, batch: Any, blank: set[str]) -> Evaluated:
    try:
        result = batch.validate(prepared.expectation, result_format=dict(RESULT_FORMAT))
    except Exception as error:  # noqa: BLE001 - whatever it raises is a failed expectation
        return _broken(prepared, error)
    positions = result.result.get("unexpected_index_list")
    problem = _raised(result.exception_info)
    takes_out = prepared.declared.severity == "quarantine" and not result.success
    if takes_out and positions is None and problem is None:
        problem = "it failed without telling which rows, so none can be set aside"
    about = columns_of(prepared.declared)
    is_blank = bool(about) and blank.issuperset(about)
    success = bool(result.success) and not problem
    return Evaluated(prepared, result, success, problem, positions, is_blank)


def _broken(prepared: Prepared, error: Exception) -> Evaluated:
    from great_expectations.core import ExpectationValidationResult

    problem = f"{type(error).__name__}: {error}"
    info = {"raised_exception": True, "exception_message": problem, "exception_traceback": ""}
    result = ExpectationValidationResult(
        success=False,
        expectation_config=prepared.expectation.configuration,
        exception_info=info,
    )
    return Evaluated(prepared, result, False, problem, None)


def _raised(info: dict[str, Any]) -> str | None:
    """The message of an exception, which Great Expectations stores flat or once per metric."""
    for each in [info, *info.values()]:
        if isinstance(each, dict) and each.get("raised_exception"):
            return " ".join(str(each.get("exception_message")).split())
    return None
