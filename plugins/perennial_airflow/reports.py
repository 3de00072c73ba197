"""Reports of stages as tasks show them: in the log for people, as XCom for other tasks."""

from __future__ import annotations

import json
import logging
from typing import Any

logger = logging.getLogger("perennial")


def say(sentence: str) -> None:
    """Log what a person should read."""
    logger.info(sentence)


def done(report: Any) -> dict[str, Any]:
    """Log a stage's report; returns it as what JSON can hold."""
    content: dict[str, Any] = json.loads(report.model_dump_json())
    logger.info("%s %s", type(report).__name__, json.dumps(content, indent=1)[:20_000])
    return content
