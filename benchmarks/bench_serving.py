"""How many questions a second, beside a plain BentoML service and a minimal FastAPI one?

    python benchmarks/bench_serving.py [--connections 16] [--seconds 5] [--rounds 5]
                                       [--only gateway] [--preferred] [--write]

Makes a small Perennial project in a temporary folder (15 features of one entity online, 5 told by
the caller, a LightGBM model of 500 trees with 63 leaves), packages and deploys it and starts it
with `perennial up`; then a plain BentoML service and a minimal FastAPI service with the same model.
Each is asked in turns, one row a request, and the medians of the rounds are told. Before that every
server's answers are held against the offline model's: a difference above 1e-9 ends the run.
`--preferred` (as root) has the kernel prefer it to what else runs on the machine; `--write` writes
table and plot into the documentation.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from serving import peers
from serving.load import Load, drive
from serving.parcels import N_QUESTIONS, Parcels, parcels
from serving.perennial_project import packaged, up
from serving.ports import free_ports
from serving.report import Found, printed, write

TOLERANCE = 1e-9
GATEWAY, PLAIN, PLAIN_TWO, FASTAPI = (
    "Perennial gateway", "plain BentoML", "plain BentoML, two workers", "minimal FastAPI",
)  # fmt: skip


def ask(port: int, body: bytes) -> float:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return float(json.load(response)["score"])


def until_ready(port: int, body: bytes, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            ask(port, body)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def largest_difference(port: int, bodies: bytes, scores: list[float]) -> float:
    """Between a server's answers and the offline ones."""
    pairs = zip(bodies.splitlines(), scores, strict=True)
    return max(abs(ask(port, body) - score) for body, score in list(pairs)[:: N_QUESTIONS // 200])


def bodies_of(row: dict[str, float], name: str) -> bytes:
    return json.dumps({"parcel": row} if name.startswith("plain") else row).encode()


def bodies(made: Parcels, name: str) -> bytes:
    if name == GATEWAY:
        return made.bodies(is_gateway=True)
    return b"\n".join(bodies_of(row, name) for row in made.rows) + b"\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="part of the servers' names")
    parser.add_argument("--preferred", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    made = parcels()
    names = [each for each in (PLAIN, PLAIN_TWO, FASTAPI, GATEWAY) if (asked.only or "") in each]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = folder / "model.txt"
        model.write_text(made.learner.text, encoding="utf-8")
        first = free_ports(8)
        ports = {name: first + place for place, name in enumerate(names)}
        pids: dict[str, int] = {}
        for name in names:
            if name == GATEWAY:
                of_project = {
                    "gateway_port": ports[name],
                    "slot_port": first + 4,
                    "supervisor_port": first + 6,
                }
                project = packaged(folder / "project", made, of_project)
                pids[name] = stack.enter_context(up(project, of_project))
                continue
            fastapi = name == FASTAPI
            command = (peers.minimal_fastapi if fastapi else peers.plain_bentoml)(ports[name])
            workers = 2 if name == PLAIN_TWO else 1
            pids[name] = stack.enter_context(peers.server(command, model, folder / name, workers))
        spent = dict.fromkeys(names, 0.0)
        measured: dict[str, list[Load]] = {name: [] for name in names}
        differences = {}
        for name in names:
            content = bodies(made, name)
            (folder / f"{name}.jsonl").write_bytes(content)
            until_ready(ports[name], content.splitlines()[0])
            differences[name] = largest_difference(ports[name], content, made.scores)
            if not differences[name] <= TOLERANCE:
                raise SystemExit(f"{name} answers otherwise than the model: {differences[name]}")
            drive(ports[name], folder / f"{name}.jsonl", 2, asked.connections)  # to warm up
        if asked.preferred:
            stack.enter_context(peers.preferred(pids.values()))
        for _ in range(asked.rounds):
            for name in names:
                file = folder / f"{name}.jsonl"
                before = peers.processor_seconds(pids[name])
                measured[name].append(drive(ports[name], file, asked.seconds, asked.connections))
                spent[name] += peers.processor_seconds(pids[name]) - before
    found = Found(measured, differences, spent)
    print(printed(found, asked))
    if asked.write:
        write(found, asked)


if __name__ == "__main__":
    main()
