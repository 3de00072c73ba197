"""Declared expectations made ready to run, and the one place that imports Great Expectations."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from perennial.declare.gates import Expectation, Gate
from perennial.errors import DeclarationError

# How our severities are called by Great Expectations (and so in what it stores).
SEVERITIES = {"stop": "critical", "quarantine": "warning", "warn": "info"}


def load() -> ModuleType:
    """Import Great Expectations: silent, and without its usage statistics."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Wherever another library has opened the root logger, it tells of each import.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports use deprecated modules of Python
        import great_expectations
        import great_expectations.expectations
    # One of its modules sets a level of its own, and tells of each temporary folder.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return great_expectations


@dataclass(frozen=True)
class Prepared:
    """One declared expectation, and the object of Great Expectations that evaluates it."""

    declared: Expectation
    where: str
    is_daily: bool
    expectation: Any


def prepare(gate: Gate, shown: str) -> list[Prepared]:
    """The gate's expectations ready to run, or a `DeclarationError` with every mistake."""
    load()
    prepared: list[Prepared] = []
    mistakes: list[str] = []
    for name, group in (("expectations", gate.expectations), ("daily", gate.daily)):
        for index, declared in enumerate(group):
            where, is_daily = f"{shown}: {name}.{index}", name == "daily"
            try:
                built = _build(declared)
            except _declaration_errors() as error:
                mistakes.append(f"{where}: {declared.type}: {' '.join(str(error).split())}")
                continue
            if declared.severity == "quarantine" and (is_daily or not _judges_rows(built)):
                mistakes.append(
                    f"{where}.severity must be one of stop, warn, got quarantine: "
                    f"{'a day is no row' if is_daily else f'{declared.type} judges the whole'}, "
                    "so there is no row to set aside"
                )
            prepared.append(Prepared(declared, where, is_daily, built))
    if mistakes:
        raise DeclarationError(mistakes)
    return prepared


def _build(declared: Expectation) -> Any:
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # textual row conditions still work
        return ExpectationConfiguration(
            type=declared.type,
            kwargs=dict(declared.kwargs),
            severity=FailureSeverity(SEVERITIES[declared.severity]),
            notes=declared.why,
        ).to_domain_obj()


def _judges_rows(expectation: Any) -> bool:
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )

    kinds = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
    return isinstance(expectation, kinds)


def _declaration_errors() -> tuple[type[Exception], ...]:
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from pydantic.v1 import ValidationError

    return (GreatExpectationsError, ValidationError, TypeError, ValueError)
