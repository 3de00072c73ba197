"""The process of one slot: it verifies the assigned version and becomes its server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from perennial.declare.project import Project
from perennial.deploy.trusting import must_be_as_signed
from perennial.errors import DeclarationError, UnavailableError
from perennial.keep.ledger import Ledger, Slot, bento_folder
from perennial.serve.process import serve


def slot_named(project: Project, model: str, slot: str, ledger: Ledger | None = None) -> Slot:
    """The reserved slot, or an error that lists the reserved ones."""
    found = (ledger or Ledger.of(project)).slots(project.model(model).name)
    for each in found:
        if each.slot == slot:
            return each
    names = ", ".join(each.slot for each in found) or "none"
    raise DeclarationError([f"{model} has no slot {slot!r} (reserved: {names})"])


def run_slot(project: Project, model: str, slot: str) -> NoReturn:
    """Become the server of the version that the ledger assigns to the slot.

    Raises `UnavailableError` when none is assigned or its Bento is gone, `IntegrityError` when its
    bytes are not those that were packaged, which is then on record (see `trusting`).
    """
    ledger = Ledger.of(project)
    place = slot_named(project, model, slot, ledger)
    if place.version is None:
        raise UnavailableError(f"slot {slot} of {model} has no version assigned; deploy one")
    bento = bento_folder(project, model, place.version)
    if not bento.is_dir():
        raise UnavailableError(
            f"slot {slot} of {model}: version {place.version} has no Bento; run `perennial package`"
        )
    must_be_as_signed(project, ledger, model, place.version, f"slot {slot}")
    serve(
        bento,
        project.settings.slot_bind,
        place.port,
        {"BENTOML_HOME": str(project.var / "bentoml")},
    )


def command(*arguments: str) -> list[str]:
    """The command line that runs this library with `arguments` in a process of its own."""
    return [sys.executable, "-m", "perennial.cli", *arguments]


def environment(project: Project) -> dict[str, str]:
    """The environment of the project's processes: this one's, and where the project is."""
    return {**os.environ, "PERENNIAL_PROJECT": str(project.root)}


@contextmanager
def temporary(project: Project, place: Slot) -> Iterator[tuple[Path, Callable[[], bool]]]:
    """The slot's server for as long as this context lasts; its log, and whether it lives."""
    log = project.var / "logs" / f"slot-{place.model}-{place.slot}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command("slot", "--model", place.model, "--slot", place.slot),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=project.root,
            env=environment(project),
        )
    try:
        yield log, lambda: process.poll() is None
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
