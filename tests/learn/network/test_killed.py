"""A training that is killed goes on from its checkpoint, and nobody can tell it from another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.learn.network import checkpointing
from perennial.learn.network.fitting import fit

from .evidence import declared, evidence

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from network.evidence import declared, evidence
from perennial.learn.network.fitting import fit

countdown = int(sys.argv[4])

def die_at_last():
    global countdown
    countdown -= 1
    if countdown == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def replace(aside, place, was=os.replace):
    die_at_last()  # the new stand lies beside the old one, complete but without its name
    was(aside, place)

if sys.argv[3] == "before the rename":
    os.replace = replace
on_round = (lambda n: die_at_last()) if sys.argv[3] == "after an epoch" else (lambda n: None)
fit(evidence(), "binary", declared(dropout=0.2), on_round, Path(sys.argv[2]))
"""


def die(checkpoint: Path, where: str, countdown: int) -> None:
    """Train in another process until it kills itself."""
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tests, checkpoint, where, str(countdown)],
        timeout=300, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.slow
def test_killed_three_times_it_gives_the_bytes_of_an_undisturbed_training(tmp_path: Path) -> None:
    """In the trial, between two epochs; while a checkpoint is written; in the refit."""
    epochs: list[int] = []
    undisturbed = fit(evidence(), "binary", declared(dropout=0.2), epochs.append)
    n_trial, n_refit = len(undisturbed.curve.training), undisturbed.n_rounds
    assert len(epochs) == n_trial + n_refit
    die(tmp_path, "after an epoch", 2)
    assert stand(tmp_path / "trial") == 2
    die(tmp_path, "before the rename", 1)
    assert stand(tmp_path / "trial") == 2
    assert os.listdir(tmp_path / "trial") != [checkpointing.NAME]
    die(tmp_path, "after an epoch", n_trial + 1)
    assert stand(tmp_path / "refit") == 1
    last = fit(evidence(), "binary", declared(dropout=0.2), lambda n: None, tmp_path)
    assert last.learner.save() == undisturbed.learner.save()
    assert (last.curve, last.n_rounds) == (undisturbed.curve, undisturbed.n_rounds)


def stand(folder: Path) -> int:
    """How many epochs a checkpoint knows of."""
    found = checkpointing.read(folder)
    assert found is not None
    return len(found.facts["training"])
