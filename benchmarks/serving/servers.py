"""The servers that are compared: started in turn, each with its questions and right answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from serving import peers
from serving.parcels import Parcels
from serving.perennial_project import packaged, released, up
from serving.ports import free_ports

PLAIN, PLAIN_TWO, FASTAPI = "plain BentoML", "plain BentoML, two workers", "minimal FastAPI"
GATEWAY, OPEN = "Perennial gateway", "Perennial gateway, release open"
NAMES = (PLAIN, PLAIN_TWO, FASTAPI, GATEWAY, OPEN)


@dataclass(frozen=True)
class Server:
    """One that answers."""

    name: str
    port: int
    pid: int
    """Of the process above all of its processes."""
    questions: Path
    """JSON, one a line."""
    offline: dict[str | None, list[float]]
    """The offline answers to the questions, per version; None: of a server that tells none."""
    token: str | None = None
    """Its API key."""


@contextmanager
def started(name: str, folder: Path, made: Parcels) -> Iterator[Server]:
    """The server of this name for as long as this lasts, in a folder of its own."""
    starts = _gateway if name in (GATEWAY, OPEN) else _peer
    folder.mkdir()
    with starts(name, folder, made) as server:
        yield server


@contextmanager
def _peer(name: str, folder: Path, made: Parcels) -> Iterator[Server]:
    model, questions, port = folder / "model.txt", folder / "questions.jsonl", free_ports(1)
    model.write_text(made.learner.text, encoding="utf-8")
    asked = [{"parcel": row} if name.startswith("plain") else row for row in made.rows]
    questions.write_bytes(_lines(asked))
    command = (peers.minimal_fastapi if name == FASTAPI else peers.plain_bentoml)(port)
    workers = 2 if name == PLAIN_TWO else 1
    with peers.server(command, model, folder / "server", workers) as pid:
        yield Server(name, port, pid, questions, {None: made.scores})


@contextmanager
def _gateway(name: str, folder: Path, made: Parcels) -> Iterator[Server]:
    questions, first = folder / "questions.jsonl", free_ports(6)
    questions.write_bytes(_lines(made.questions))
    ports = {"gateway_port": first, "slot_port": first + 1, "supervisor_port": first + 3}
    project, token = packaged(folder / "project", made, ports)
    with up(project, ports) as (pid, version):
        offline: dict[str | None, list[float]] = {version: made.scores}
        if name == OPEN:
            offline[released(project, made)] = made.other_scores
        yield Server(name, first, pid, questions, offline, token)


def _lines(asked: list[dict[str, float]]) -> bytes:
    return b"\n".join(orjson.dumps(each) for each in asked) + b"\n"
