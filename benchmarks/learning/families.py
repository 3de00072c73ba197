"""How near does a network come to trees on the example, month by month?

    python benchmarks/learning/families.py [--months 2013-03 …] [--seeds 7 8] [--write]

Both families learn as `models/flight_delay.yaml` declares them, from all days before the month,
and answer the questions of the month, which neither has seen. Needs the training rows of those
months (`dvc repro features`). One process, `train.threads` of each. Differences are torch minus
lightgbm on the same questions, with the interval over resampled days that `judge` uses. `--write`
puts the table into docs/learning.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from sections import DOCS, fill, load, machine

from perennial.declare.model import Model
from perennial.declare.project import Project
from perennial.learn.contract import Evidence
from perennial.learn.loading import fit_of
from perennial.measure.intervals import Comparison, compare
from perennial.measure.metrics import METRICS
from perennial.train.labelled_rows import LabelledRows, read_labelled

EXAMPLE, PAGE = "flight_delay", DOCS / "learning.md"
FAMILIES = ("lightgbm", "torch")
MONTHS = ("2013-03", "2013-04", "2013-09")
SHOWN = ("roc_auc", "log_loss")
LABELS_KNOWN_AFTER = timedelta(days=3)


@dataclass(frozen=True)
class Month:
    """One month, answered by both families that learned with one seed."""

    month: str
    seed: int
    n_learned: int
    n_judged: int
    seconds: dict[str, float]
    compared: dict[str, Comparison]
    """By metric; the champion is the first of `FAMILIES`."""


def declared(project: Project, family: str, seed: int) -> Model:
    """The example with another word for its learner, and another seed."""
    file = project.root / "models" / f"{EXAMPLE}.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["train"] |= {"learner": family, "seed": seed}
    return Model.model_validate({"name": EXAMPLE, **content})


def measured(project: Project, months: Sequence[str], seeds: Sequence[int]) -> Iterator[Month]:
    """Each month with each seed, one after the other."""
    for month in months:
        first = date.fromisoformat(f"{month}-01")
        after = (first + timedelta(days=31)).replace(day=1)
        known_by = after + LABELS_KNOWN_AFTER
        model = project.model(EXAMPLE)
        learned = read_labelled(project, model, None, first, known_by=first)
        judged = read_labelled(project, model, first, after, known_by=known_by)
        for seed in seeds:
            yield _measure(project, month, seed, learned, judged)


def _measure(
    project: Project, month: str, seed: int, learned: LabelledRows, judged: LabelledRows
) -> Month:
    answers: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    evidence = Evidence(learned.features, learned.labels, learned.days)
    for family in FAMILIES:
        model = declared(project, family, seed)
        began = time.perf_counter()
        fitted = fit_of(family)(evidence, model.task, model.train, lambda _: None)
        seconds[family] = time.perf_counter() - began
        answers[family] = fitted.learner.predict(judged.features)
    judge = project.model(EXAMPLE).judge
    compared = compare(
        {name: METRICS[name].prepare for name in SHOWN},
        judged.labels,
        *(answers[family] for family in FAMILIES),
        seed=seed,
        groups=judged.days,
        n_resamples=judge.resamples,
        confidence=judge.confidence,
    )
    return Month(month, seed, learned.n_rows, judged.n_rows, seconds, compared)


HEAD = (
    "| month | seed | learned from | judged on | "
    "ROC AUC lightgbm | torch | difference | log loss lightgbm | torch | difference | "
    "seconds lightgbm | torch |\n"
    f"|---|{'---:|' * 11}"
)


def line(found: Month) -> str:
    """One row of the table."""
    cells = [found.month, str(found.seed), f"{found.n_learned:,}", f"{found.n_judged:,}"]
    for name in SHOWN:
        each = found.compared[name]
        cells += [f"{each.champion.estimate:.4f}", f"{each.challenger.estimate:.4f}"]
        apart = each.difference
        cells.append(f"{apart.estimate:+.4f} ({apart.low:+.4f} to {apart.high:+.4f})")
    cells += [f"{found.seconds[family]:.0f}" for family in FAMILIES]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table row by row; write it where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", nargs="+", default=list(MONTHS), metavar="YYYY-MM")
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8])
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = [HEAD]
    print(HEAD)
    for found in measured(Project.find(), asked.months, asked.seeds):
        lines.append(line(found))
        print(lines[-1], flush=True)
    told = f"{machine('lightgbm', 'torch')}. {load()}"
    print(f"\n{told}")
    if asked.write:
        fill(PAGE, "families", "\n".join([*lines, "", told]))


if __name__ == "__main__":
    main()
