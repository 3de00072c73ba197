"""Versions that were refused because their bytes are not as signed, as a metric to alert on."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.project import Project
from perennial.keep.distrust import distrusted
from perennial.keep.ledger import Ledger
from perennial.serve.metrics import DISTRUSTED

logger = logging.getLogger(__name__)


def count_distrusted(project: Project, ledger: Ledger) -> None:
    """Count them per model; the last count stays where the ledger does not answer."""
    try:
        for model in project.models:
            DISTRUSTED.labels(model).set(len(distrusted(project, ledger, model)))
    except SQLAlchemyError as error:
        logger.warning("refused versions not counted, the last count stays: %s", error)
