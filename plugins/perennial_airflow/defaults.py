"""What all tasks and DAGs have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

OWNER = "perennial"

FACTS = ("Declaration", "ContractBroken", "GateStopped", "NotEnoughEvidence", "Integrity")
"""Errors that tell a fact about the project or its data: trying again finds the same."""

TASKS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception=[f"perennial.errors.{each}Error" for each in FACTS],
                action=RetryAction.FAIL,
                reason="the same would be found again",
            )
        ]
    ),
    "execution_timeout": timedelta(minutes=30),
    "depends_on_past": False,
}
"""`default_args` of every DAG. A stage is idempotent, so trying again is always right."""

TRAINING_TIMEOUT = timedelta(hours=2)
"""Of a task that trains; afterwards it is tried again, and what serves stays."""
