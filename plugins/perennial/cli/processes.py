"""What the supervisor, or a container, starts: each command becomes one process."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import click

from perennial.cli.group import commands
from perennial.declare.project import Project
from perennial.stages import MEANING


@commands.command(hidden=True)
@click.option("--model", required=True, help=MEANING["model"])
@click.option("--slot", required=True, help="The slot's name.")
@click.option("--check", "only_check", is_flag=True, help="Only say whether it is as it should be.")
def slot(model: str, slot: str, only_check: bool) -> None:
    """Be the server of one slot, or where slots are machines of their own what keeps it running."""
    from perennial.deploy.following import Follower, is_as_assigned
    from perennial.deploy.slot_process import run_slot

    project = Project.find()
    if only_check:
        sys.exit(not is_as_assigned(project, model, slot))
    if project.settings.slot_host is None:
        run_slot(project, model, slot)
    _until_told_to_stop(lambda stop: Follower(project, model, slot).run(stop))


@commands.command(hidden=True)
def gateway() -> None:
    """Be the gateway (the supervisor starts this)."""
    from perennial.serve.authenticating import must_be_safe
    from perennial.serve.process import serve

    project = Project.find()
    must_be_safe(project)
    serve(
        project.root / "bentofiles" / "gateway",
        project.settings.host,
        project.settings.gateway_port,
        {"BENTOML_HOME": str(project.var / "bentoml")},
    )


@commands.command(hidden=True)
def freshen() -> None:
    """Be the freshener (the supervisor starts this)."""
    from perennial.deploy.following import end_at_a_release
    from perennial.features.freshener import Freshener

    project = Project.find()

    def work(stop: Any) -> None:
        if project.settings.slot_host is not None:  # no supervisor here starts it anew
            end_at_a_release(project, stop)
        Freshener(project).run(stop)

    _until_told_to_stop(work)


@commands.command(hidden=True)
def controller() -> None:
    """Be the release controller (the supervisor starts this)."""
    from perennial.release.controller import Controller

    _until_told_to_stop(lambda stop: Controller(Project.find()).run(stop))


@commands.command(hidden=True)
@click.option("--model", required=True, help=MEANING["model"])
def mirror(model: str) -> None:
    """Let the registry follow what answers (the release controller starts this)."""
    from perennial.release.mirroring import mirror as run

    run(Project.find(), model)


@commands.command(hidden=True)
def supervise() -> None:
    """Be the supervisor (`up` starts this)."""
    from perennial.deploy.supervisor import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    run(Project.find())


def _until_told_to_stop(work: Callable[[Any], None]) -> None:
    import signal
    import threading

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work(stop)
