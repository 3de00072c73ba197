"""Writes what was measured into the documentation, between two marks, and says on what machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def fill(page: Path, section: str, text: str) -> None:
    """Put `text` between the marks of a section. Raises `SystemExit` where they are missing."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, has_begin, rest = page.read_text(encoding="utf-8").partition(begin)
    _, has_end, after = rest.partition(end)
    if not (has_begin and has_end):
        raise SystemExit(f"{page} has no section between {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def machine(*packages: str) -> str:
    """What it ran on, with the versions of these packages."""
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    told = f"{cores} cores, {_processor()}, Python {platform.python_version()}"
    return f"{told}, {versions}" if versions else told


def load() -> str:
    """How many processes run or wait to, a sentence for beside the numbers."""
    return f"Waiting processes beside it (load): {os.getloadavg()[0]:.1f}, its own included."


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
