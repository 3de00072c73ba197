"""Airflow's LocalExecutor, whose workers are forked from a process that has imported the stages."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

from airflow.executors import local_executor


class LocalExecutor(local_executor.LocalExecutor):
    """Lets the preloading begin with the scheduler, not with the first task.

    It keeps the name because Airflow judges by it whether a machine is a developer's own.
    """

    def start(self) -> None:
        """Start, and have the process from which workers are forked import what is declared."""
        super().start()
        if multiprocessing.get_start_method() == "forkserver":
            forkserver.ensure_running()
