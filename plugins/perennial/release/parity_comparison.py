"""One comparison of a release's features, in a process of its own, and what it has told.

It is heavy work, and the controller goes on looking meanwhile. Whatever happens to the process is
told as *inconclusive* and tried again, ever more rarely.
"""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from perennial.declare.project import Project
from perennial.deploy.slot_process import command, environment
from perennial.keep.releases import Release
from perennial.release.measurement import PARITY, Measurement

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 900.0
"""After so long a comparison is ended, and told."""
AGAIN_SECONDS, AT_MOST_SECONDS = 30.0, 900.0
"""How long until it is tried again when it told nothing: twice as long each time, up to a bound."""


def not_yet(why: str, is_needed: bool = True) -> Measurement:
    """The guardrail as long as nothing is known, and why."""
    says = f"{PARITY}: {why}"
    return Measurement(PARITY, "inconclusive", None, None, None, None, 0, is_needed, says)


@dataclass
class Comparison:
    """What is known of one phase's comparison."""

    process: subprocess.Popen[bytes] | None = None
    output: IO[bytes] | None = None
    began_at: float = 0.0
    not_before: float = 0.0
    n_open: int = 0
    told: Measurement = field(default_factory=lambda: not_yet("is recomputed now"))

    @classmethod
    def of(cls, release: Release) -> Comparison:
        """With what an earlier controller has found out about this very phase."""
        for each in json.loads(release.measured):
            is_told = each["guardrail"] == PARITY and each["outcome"] in ("passed", "failed")
            if is_told and list(each.get("values", ())) == [release.after_seq]:
                return cls(told=Measurement(**{**each, "values": tuple(each["values"])}))
        return cls()

    @property
    def is_over(self) -> bool:
        """Whether it has told whether values differ: that is not asked twice."""
        return self.told.outcome in ("passed", "failed")

    def start(self, project: Project, release: Release) -> None:
        """Begin it in a process of its own; that it does not start is told, and holds up nobody."""
        which = ("--model", release.model, "--release", str(release.id))
        wanted = command("parity", *which, "--json", "--yielding")
        self.began_at, self.told = time.monotonic(), not_yet("is recomputed now")
        try:
            self.output = tempfile.TemporaryFile()  # noqa: SIM115  # open until the process has ended
            self.process = subprocess.Popen(
                wanted, stdout=self.output, cwd=project.root, env=environment(project)
            )
        except OSError as error:  # the other guardrails go on
            self.end()
            self._again(f"the comparison did not start: {error}")

    def wait(self) -> None:
        """Until it has ended, or has taken too long."""
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(LIMIT_SECONDS)

    def heed(
        self, release: Release, max_share: float, n_least: int = 0, waited: float = 0.0
    ) -> None:
        """Take in what the process has told, if it has ended or has to be ended.

        With fewer than `n_least` answers it has passed nothing; after `waited` seconds it is ended.
        """
        assert self.process is not None
        code = self.process.poll()
        seconds = max(waited, time.monotonic() - self.began_at)
        if code is None and seconds < LIMIT_SECONDS:
            return
        found = self._answer() if code == 0 else None
        self.end()
        if found is not None:
            self.told = _measurement(found, release, max_share, n_least)
            if not self.is_over:
                self._again(self.told.says.removeprefix(f"{PARITY}: "))
        elif code is None:
            self._again(f"the comparison took longer than {LIMIT_SECONDS:g} s")
        else:
            self._again(f"the comparison ended with code {code} and told nothing")

    def end(self) -> None:
        """End what runs."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self.output is not None:
            self.output.close()
            self.output = None

    def _again(self, why: str) -> None:
        """Tell why nothing is known, and when it is tried again."""
        seconds = min(AGAIN_SECONDS * 2**self.n_open, AT_MOST_SECONDS)
        self.n_open += 1
        self.not_before = time.monotonic() + seconds
        self.told = not_yet(f"{why}; again in {seconds:g} s")
        logger.warning("%s", self.told.says)

    def _answer(self) -> dict[str, Any] | None:
        """The report that the process has printed; None when it is none."""
        assert self.output is not None
        self.output.seek(0)
        try:
            found: dict[str, Any] = json.loads(self.output.read())
            is_whole = {"outcome", "says", "n_answers", "largest_share"} <= set(found)
            return found if is_whole else None
        except (ValueError, TypeError):
            return None


def _measurement(
    found: dict[str, Any], release: Release, max_share: float, n_least: int
) -> Measurement:
    n, outcome, says = found["n_answers"], found["outcome"], found["says"]
    share = found["largest_share"] if n else None
    if outcome == "passed" and n < n_least:
        outcome, says = "inconclusive", f"{says}; {n_least} answers are needed"
    return Measurement(
        guardrail=PARITY,
        outcome=outcome,
        estimate=share,
        low=share,
        high=share,
        limit=max_share,
        n=n,
        is_needed=True,
        says=says,
        values=(release.after_seq,),
    )
