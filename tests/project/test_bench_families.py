"""Comparing families changes one word of the example, and tells differences the right way."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perennial.declare.project import Project
from perennial.measure.intervals import compare
from perennial.measure.metrics import METRICS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def families() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("learning.families")


def test_one_word_takes_the_other_family_as_it_is_declared(families: Any) -> None:
    project = Project(ROOT)
    trees, network = (families.declared(project, each, 8) for each in families.FAMILIES)
    assert (trees.train.learner, network.train.learner) == ("lightgbm", "torch")
    assert (trees.train.seed, network.train.seed) == (8, 8)
    assert "num_leaves" in trees.train.parameters
    assert "dropout" in network.train.parameters
    same = {"train": None}
    assert trees.model_copy(update=same) == network.model_copy(update=same)


def test_a_better_network_shows_as_a_positive_difference_of_roc_auc(families: Any) -> None:
    random = np.random.default_rng(1)
    labels = (random.random(400) < 0.3).astype(float)
    trees, network = (np.clip(0.3 + far * (labels - 0.3) + random.normal(scale=0.1, size=400), 0, 1)
                      for far in (0.1, 0.6))  # fmt: skip
    prepared = {name: METRICS[name].prepare for name in families.SHOWN}
    compared = compare(prepared, labels, trees, network, seed=1, groups=np.arange(400) % 20)
    seconds = {"lightgbm": 1.0, "torch": 2.0}
    cells = families.line(families.Month("2013-03", 7, 1000, 400, seconds, compared)).split(" | ")
    columns = families.HEAD.splitlines()[0].split(" | ")
    assert len(cells) == len(columns)
    places = [n for n, name in enumerate(columns) if name == "difference"]
    assert cells[places[0]].startswith("+")
    assert cells[places[1]].startswith("-")
