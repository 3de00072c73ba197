"""Asks a server one question at a time, and holds its answers against the offline ones."""

from __future__ import annotations

import itertools
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

import orjson

from serving.servers import Server

TOLERANCE = 1e-9
SHARES = (0.4, 0.6)
"""Of the couriers that may go to the new version at weight 0.5: five standard errors and more."""


def ask(server: Server, body: bytes) -> dict[str, Any]:
    """What /predict answers."""
    headers = {"Content-Type": "application/json"}
    if server.token:
        headers["Authorization"] = f"Bearer {server.token}"
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/predict", body, headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = orjson.loads(response.read())
    return answer


def until_ready(server: Server, seconds: float = 120) -> None:
    """Wait until each of its versions has answered. Raises `SystemExit` with what was said last."""
    deadline = time.monotonic() + seconds
    awaited, said = set(server.offline), "nothing"
    bodies = itertools.cycle(server.questions.read_bytes().splitlines())
    while awaited:
        try:
            answer = ask(server, next(bodies))
            said = f"{answer}"
            awaited.discard(answer.get("version"))
        except OSError as error:
            said = f"{type(error).__name__}: {error}"
            time.sleep(0.2)
        if time.monotonic() > deadline:
            raise SystemExit(f"{server.name} is not ready, {awaited} have not answered: {said}")


@dataclass(frozen=True)
class Answered:
    """What a server said to all questions, asked one after another."""

    largest_difference: float
    """Between an answer and the offline one of the version that gave it."""
    versions: dict[int, str]
    """Per courier the version that answered; empty where none is told."""

    @property
    def shares(self) -> dict[str, float]:
        """Of the couriers, per version."""
        found = list(self.versions.values())
        return {each: found.count(each) / len(found) for each in sorted(set(found))}


def answered(server: Server) -> Answered:
    """Ask everything once. Raises `SystemExit` where an answer is not the offline one, or where two
    versions answered for one courier."""
    largest, versions = 0.0, {}
    for number, body in enumerate(server.questions.read_bytes().splitlines()):
        answer = ask(server, body)
        version = answer.get("version")
        if version not in server.offline:
            raise SystemExit(f"{server.name}: {version} answers, not one of {[*server.offline]}")
        difference = abs(answer["score"] - server.offline[version][number])
        largest = max(largest, difference)
        if not difference <= TOLERANCE:
            raise SystemExit(f"{server.name} answers otherwise than the model: by {difference}")
        if version is not None:
            courier = orjson.loads(body)["courier"]
            if versions.setdefault(courier, version) != version:
                raise SystemExit(
                    f"{server.name}: {versions[courier]} answered for courier {courier}, and then "
                    f"{version}: {answer}"
                )
    return Answered(largest, versions)


def must_split(server: Server, before: Answered, after: Answered) -> None:
    """Every version answers its share of the couriers, and each courier had one all along."""
    if len(server.offline) < 2:
        return
    low, high = SHARES
    wrong = [share for share in after.shares.values() if not low <= share <= high]
    if wrong or len(after.shares) != len(server.offline):
        raise SystemExit(f"{server.name} splits by {after.shares}, not by {low} to {high} each")
    moved = [each for each, version in before.versions.items() if after.versions[each] != version]
    if moved:
        raise SystemExit(f"{server.name}: couriers {moved[:5]} changed their version meanwhile")
