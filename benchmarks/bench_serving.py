"""How many questions a second, beside a plain BentoML service and a minimal FastAPI one?

    python benchmarks/bench_serving.py [--connections 16] [--seconds 5] [--rounds 5]
                                       [--only gateway] [--preferred] [--write]

Makes a small Perennial project in a temporary folder (15 features of one entity online, 5 told by
the caller, a LightGBM model of 500 trees with 63 leaves, API keys, rate limits), packages and
deploys it and starts it with `perennial up`; a second one of the same with a release open, so that
two versions answer half of the couriers each while its guardrails are measured; then a plain
BentoML service and a minimal FastAPI service with the same model. Each is asked in turns, one row a
request, and the medians of the rounds are told. Before and after that everything is asked once: an
answer that differs from the offline one of its version by more than 1e-9, a courier with two
versions, or a split that is not near one half ends the run. `--preferred` (as root) has the kernel
prefer it to what else runs on the machine; `--write` writes table and plot into the documentation.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from serving import peers
from serving.asking import answered, must_split, until_ready
from serving.load import Load, drive
from serving.parcels import parcels
from serving.report import Found, printed, write
from serving.servers import NAMES, Server, started


def measure(servers: list[Server], asked: argparse.Namespace) -> Found:
    """All rounds, each server in turn; the others have nothing to do meanwhile."""
    spent = dict.fromkeys((each.name for each in servers), 0.0)
    measured: dict[str, list[Load]] = {each.name: [] for each in servers}
    before = {}
    for server in servers:
        until_ready(server)
        before[server.name] = answered(server)
        drive(server, 2, asked.connections)  # to warm up
        peers.until_idle(server.pid)
    for _ in range(asked.rounds):
        for server in servers:
            used = peers.processor_seconds(server.pid)
            measured[server.name].append(drive(server, asked.seconds, asked.connections))
            peers.until_idle(server.pid)
            spent[server.name] += peers.processor_seconds(server.pid) - used
    shares = {}
    for server in servers:
        after = answered(server)
        must_split(server, before[server.name], after)
        shares[server.name] = after.shares
    differences = {name: each.largest_difference for name, each in before.items()}
    return Found(measured, differences, spent, shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="part of the servers' names")
    parser.add_argument("--preferred", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # what was started ends too
    made = parcels()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [
            stack.enter_context(started(name, folder / str(place), made))
            for place, name in enumerate(NAMES)
            if asked.only in name
        ]
        if asked.preferred:
            stack.enter_context(peers.preferred(each.pid for each in servers))
        found = measure(servers, asked)
    print(printed(found, asked))
    if asked.write:
        write(found, asked)


if __name__ == "__main__":
    main()
