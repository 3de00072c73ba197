"""The guardrail `parity`: what answers were made from is recomputed before each promotion.

That is heavy work, done in a process of its own so that the controller goes on looking. Whatever
happens to that process, a release is never promoted without its word.
"""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from perennial.declare.project import Project
from perennial.declare.release import Release as Declared
from perennial.deploy.slot_process import command, environment
from perennial.keep import release_changes
from perennial.keep.ledger import Ledger
from perennial.keep.releases import Release
from perennial.release.guardrails import Measurement
from perennial.release.kinds import n_needed, phase_after
from perennial.release.measurement import undeclared

logger = logging.getLogger(__name__)

NAME = "parity"
LIMIT_SECONDS = 900.0
"""After so long a comparison is ended, and told."""
AGAIN_SECONDS, AT_MOST_SECONDS = 30.0, 900.0
"""How long until it is tried again when it told nothing: twice as long each time, up to a bound."""


@dataclass
class Comparison:
    """What is known of one phase's comparison."""

    process: subprocess.Popen[bytes] | None = None
    output: IO[bytes] | None = None
    began_at: float = 0.0
    not_before: float = 0.0
    n_open: int = 0
    told: Measurement = field(default_factory=lambda: _open("is recomputed now"))

    @property
    def is_over(self) -> bool:
        """Whether it has told whether values differ: that is not asked twice."""
        return self.told.outcome in ("passed", "failed")


class ParityGate:
    """Keeps each release's comparison: started when all else has passed, kept with the release."""

    def __init__(self, project: Project, ledger: Ledger) -> None:
        self._project, self._ledger = project, ledger
        self._of: dict[tuple[int, int], Comparison] = {}

    def beside(
        self, release: Release, declared: Declared, measured: Sequence[Measurement], n: int
    ) -> list[Measurement]:
        """What was measured, and beside it how parity stands; never waits.

        `n` are the answers of this phase that count. Nothing is added where nothing is measured,
        and after the promotion.
        """
        others = [each for each in measured if each.guardrail != NAME]
        key = (release.id, release.after_seq)
        for gone in [each for each in self._of if each[0] == release.id and each != key]:
            _end(self._of.pop(gone))
        if not others or release.state not in ("shadow", "canary"):
            if key in self._of:
                _end(self._of.pop(key))
            return others
        return [*others, self._look(release, declared, others, n)]

    def at_once(
        self, release: Release, declared: Declared, measured: Sequence[Measurement]
    ) -> list[Measurement]:
        """The same for a person who waits for it, whether all else has passed or not."""
        others = [each for each in measured if each.guardrail != NAME]
        if release.state not in ("shadow", "canary"):
            return others
        if declared.parity is None:
            return [*others, undeclared(NAME)]
        now = _kept(release)
        if not now.is_over:
            self._start(release, now)
            if now.process is not None:
                with suppress(subprocess.TimeoutExpired):
                    now.process.wait(LIMIT_SECONDS)
                self._heed(release, declared, others, now, LIMIT_SECONDS)
        return [*others, now.told]

    def close(self) -> None:
        """End what runs."""
        for each in self._of.values():
            _end(each)
        self._of.clear()

    def _look(
        self, release: Release, declared: Declared, others: Sequence[Measurement], n: int
    ) -> Measurement:
        if declared.parity is None:
            return undeclared(NAME)
        if phase_after(release, declared) is not None:
            return _open("recomputed after the last step, before the promotion", is_needed=False)
        now = self._of.setdefault((release.id, release.after_seq), _kept(release))
        if now.is_over:
            return now.told
        if now.process is not None:
            self._heed(release, declared, others, now)
        elif n < n_needed(release, declared) or any(
            each.is_needed and each.outcome != "passed" for each in others
        ):
            return _open("recomputed once everything else has passed")
        elif time.monotonic() >= now.not_before:
            self._start(release, now)
        return now.told

    def _start(self, release: Release, now: Comparison) -> None:
        which = ("--model", release.model, "--release", str(release.id))
        wanted = command("parity", *which, "--json", "--yielding")
        now.began_at, now.told = time.monotonic(), _open("is recomputed now")
        try:
            now.output = tempfile.TemporaryFile()  # noqa: SIM115  # open until the process has ended
            now.process = subprocess.Popen(
                wanted,
                stdout=now.output,
                cwd=self._project.root,
                env=environment(self._project),
            )
        except OSError as error:  # the other guardrails go on
            _end(now)
            self._again(now, f"the comparison did not start: {error}")

    def _heed(
        self,
        release: Release,
        declared: Declared,
        others: Sequence[Measurement],
        now: Comparison,
        waited: float = 0.0,
    ) -> None:
        """Take in what the process has told, if it has ended or has to be ended."""
        assert now.process is not None
        assert declared.parity is not None
        code = now.process.poll()
        seconds = max(waited, time.monotonic() - now.began_at)
        if code is None and seconds < LIMIT_SECONDS:
            return
        found = _answer(now) if code == 0 else None
        _end(now)
        if found is not None:
            now.told = _measurement(found, release, declared.parity.max_share)
        if now.is_over:
            shown = [each.shown() for each in (*others, now.told)]
            release_changes.show_measured(self._ledger, release, shown)  # for who comes after
        elif found is not None:
            self._again(now, found["says"].removeprefix(f"{NAME}: "))
        elif code is None:
            self._again(now, f"the comparison took longer than {LIMIT_SECONDS:g} s")
        else:
            self._again(now, f"the comparison ended with code {code} and told nothing")

    def _again(self, now: Comparison, why: str) -> None:
        """Tell why nothing is known, and when it is tried again."""
        seconds = min(AGAIN_SECONDS * 2**now.n_open, AT_MOST_SECONDS)
        now.n_open += 1
        now.not_before = time.monotonic() + seconds
        now.told = _open(f"{why}; again in {seconds:g} s")
        logger.warning("%s", now.told.says)


def _kept(release: Release) -> Comparison:
    """What an earlier controller has found out about this very phase."""
    for each in json.loads(release.measured):
        is_told = each["guardrail"] == NAME and each["outcome"] in ("passed", "failed")
        if is_told and list(each.get("values", ())) == [release.after_seq]:
            return Comparison(told=Measurement(**{**each, "values": tuple(each["values"])}))
    return Comparison()


def _answer(now: Comparison) -> dict[str, Any] | None:
    """The report that the process has printed; None when it is none."""
    assert now.output is not None
    now.output.seek(0)
    try:
        found: dict[str, Any] = json.loads(now.output.read())
        return found if {"outcome", "says", "n_answers", "largest_share"} <= set(found) else None
    except (ValueError, TypeError):
        return None


def _measurement(found: dict[str, Any], release: Release, max_share: float) -> Measurement:
    share = found["largest_share"] if found["n_answers"] else None
    return Measurement(
        guardrail=NAME,
        outcome=found["outcome"],
        estimate=share,
        low=share,
        high=share,
        limit=max_share,
        n=found["n_answers"],
        is_needed=True,
        says=found["says"],
        values=(release.after_seq,),
    )


def _open(why: str, is_needed: bool = True) -> Measurement:
    says = f"{NAME}: {why}"
    return Measurement(NAME, "inconclusive", None, None, None, None, 0, is_needed, says)


def _end(comparison: Comparison) -> None:
    if comparison.process is not None:
        if comparison.process.poll() is None:
            comparison.process.kill()
            comparison.process.wait()
        comparison.process = None
    if comparison.output is not None:
        comparison.output.close()
        comparison.output = None
