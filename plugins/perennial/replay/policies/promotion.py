"""Release as a replay has it: a blessed candidate answers from this very night on."""

from __future__ import annotations

import shutil

from perennial.judge.judged import JUDGED, Judged
from perennial.keep.files import replace_text
from perennial.keep.ledger import Ledger, bento_folder, serving
from perennial.learn import version_files
from perennial.replay.policies.world import World
from perennial.train.candidate import read_candidate

SLOT, PORT, ACTOR = "blue", 1, "replay"
"""A slot that no server ever runs: the ledger asks for one, and nothing listens."""


def promote(world: World, model: str, judged: Judged) -> str:
    """Let the candidate answer; its files and its judgement lie where a Bento's do."""
    candidate = read_candidate(world, model)
    source = bento_folder(world, model, candidate.version) / "src"
    if not (source / "model" / version_files.MANIFEST).exists():
        shutil.rmtree(source, ignore_errors=True)  # what a killed replay left half
        source.mkdir(parents=True)
        version_files.copy(candidate, source / "model")
    replace_text(source / JUDGED, judged.model_dump_json(indent=2) + "\n")
    route(world, model, candidate.version, f"blessed on {judged.at}")
    return candidate.version


def route(world: World, model: str, version: str, why: str) -> None:
    """Let a version answer that was promoted in this world, now or before."""
    now = serving(world, model)
    if now is not None and now.version == version:
        return
    ledger = Ledger.of(world)
    ledger.reserve(model, PORT)
    ledger.set_slot(model, SLOT, version, "proven")
    ledger.route(model, SLOT, version, why, ACTOR)
