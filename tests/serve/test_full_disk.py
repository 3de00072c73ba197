"""Row 36: the disk is full under a real gateway that is asked all along, and then it is not."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from perennial.errors import UnavailableError
from perennial.keep.fingerprints import of_bytes
from perennial.keep.journal import last_seq

from .conftest import SALE
from .steady_load import Told, asking, dropped, until_every_refusal_is_told
from .test_journal_faults import in_the_lake
from .test_servers import JSON, Servers, served_from

pytestmark = [pytest.mark.faults, pytest.mark.serving, pytest.mark.timeout(240)]

SIZE_MB = 96
"""Of the whole project's disk; the servers' counters take 16 MB of it."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk of its own, where that can be mounted; else a folder."""
    folder = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    if os.geteuid() == 0:
        subprocess.run(mount, capture_output=True, check=False)
    yield folder
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # the ledger is still open


@pytest.fixture(scope="module")
def servers(bakery: Path, small: Path) -> Iterator[Servers]:
    with served_from(small / "bakery", bakery) as found:
        yield found


@contextmanager
def filled(small: Path) -> Iterator[None]:
    """Not a byte is free on the disk of the whole project."""
    ballast = small / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        yield
    finally:
        ballast.unlink()


@contextmanager
def limited(servers: Servers) -> Iterator[None]:
    """The gateway's process may let no file grow beyond what its journal has, and a little."""
    pid = servers.gateway.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    present = sorted((servers.project.var / "journal" / "predictions").glob("*.jsonl"))[-1]
    most = present.stat().st_size + 5_000
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def lake(servers: Servers) -> dict[str, str]:
    """Every file of the lake that a reader may see, with its digest."""
    files = [path for path in servers.project.lake.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(servers.project.lake)): of_bytes(path.read_bytes())
        for path in files
        if ".aside" not in path.parts
    }


def post(servers: Servers, path: str, content: Any) -> tuple[int, Any]:
    status, _, body = servers.gateway.ask("POST", path, json.dumps(content).encode(), JSON)
    return status, json.loads(body)


@pytest.mark.parametrize("how", ["limited", "filled"])
def test_a_full_disk_sheds_and_what_was_acknowledged_is_in_the_lake_once(
    servers: Servers, small: Path, how: str
) -> None:
    if how == "filled" and not small.is_mount():
        pytest.skip("no small disk can be mounted here")
    process = servers.gateway.process
    before = Counter(entry.content["prediction_id"] for entry in servers.journaled())
    already = dropped(servers.gateway)
    n_told = sum(entry.content["n"] for entry in servers.journaled("refusal"))
    n_events = last_seq(servers.project.var / "journal" / "events" / "sales")
    with asking(servers.gateway) as told:
        told.until_answered(200)
        in_the_lake(servers)
        whole = lake(servers)
        with filled(small) if how == "filled" else limited(servers):
            told.until_refused(300)
            if how == "filled":
                others_fail(servers, told, whole)
            assert process.poll() is None
            assert servers.gateway.ask("GET", "/readyz")[0] == 200
            assert dropped(servers.gateway)["refusal"] > already["refusal"], "told while it lasts"
        told.until_answered(300)
    assert process.poll() is None, "nobody has started it again"
    assert told.wrong == []
    why = {"limited": "File too large", "filled": "No space left on device"}[how]
    assert {(each["code"], why in each["message"]) for each in told.refused} == {("journal", True)}
    n_refused = len(told.refused) + (how == "filled")
    until_every_refusal_is_told(servers, n_told + int(already["refusal"]) + n_refused)
    lost = dropped(servers.gateway)
    assert (lost["copy"], lost["failure"]) == (already["copy"], already["failure"])
    logged = Counter(entry.content["prediction_id"] for entry in servers.journaled())
    assert logged - before == Counter(dict.fromkeys(told.answered, 1))
    rows = in_the_lake(servers)
    kept = {row["prediction_id"]: json.loads(row["request"])["oven"] for row in rows}
    assert len(kept) == len(rows) == logged.total(), "each exactly once"
    assert told.numbers.items() <= kept.items()
    assert post(servers, "/events/sales", SALE)[0] == 200
    assert last_seq(servers.project.var / "journal" / "events" / "sales") == n_events + 1


def others_fail(servers: Servers, told: Told, whole: dict[str, str]) -> None:
    """Events are refused too, and whoever writes the lake fails without publishing a part."""
    status, said = post(servers, "/events/sales", [SALE] * 100)  # more than a page may have left
    assert (status, said["error"]["code"]) == (503, "journal")
    assert "No space left on device" in said["error"]["message"]
    with pytest.raises(UnavailableError, match="No space left on device"):
        in_the_lake(servers)
    assert lake(servers) == whole
    told.until_refused(10)
