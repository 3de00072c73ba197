"""What other forms of a model save: trees in process, and any as the stage `optimize` measures it.

    python benchmarks/learning/optimizing.py [--peers] [--stage-only]

Prints two tables. The first asks a synthetic forest (500 trees of 63 leaves, 20 features) and,
where this checkout has trained one, the example's model, in one process on one thread: rows as
matrices, so that only the model is timed. `--peers` adds what others make of the same trees
(lleaves, onnxmltools); lleaves takes minutes to compile. The second is the stage's own report of
the example's candidate on its held-out days, each form in a fresh process of the predictor: all
forms of the family that the candidate has (`train.learner`). `--stage-only` prints that alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from sections import load, machine
from serving.parcels import parcels

from perennial.declare.model import Model
from perennial.declare.optimize import Optimize, Saving
from perennial.declare.project import Project
from perennial.errors import UnavailableError
from perennial.learn.contract import Evidence
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.lightgbm_library import lightgbm
from perennial.learn.loading import family_of, parse_model
from perennial.learn.variants.making import Making
from perennial.learn.variants.offered import variants_of
from perennial.learn.variants.trees import VARIANTS
from perennial.learn.version_files import VersionFiles
from perennial.optimize.trials import Trials
from perennial.train.candidate import read_candidate, read_trained
from perennial.train.champion import learned_days, trained_at
from perennial.train.estimates import Value
from perennial.train.labelled_rows import read_labelled

EXAMPLE = "flight_delay"
EXACT = ("compiled", "onnx")
N_DAYS, N_ONE, N_BATCHES, BATCH = 31, 4000, 100, 256
PACKAGES = ("lightgbm", "llvmlite", "onnxruntime")
SAVING: dict[str, Saving] = {"lightgbm": "latency", "torch": "size"}
"""What a form of a family is made for, and judged by here."""
ALSO_TOLD = ("roc_auc",)

Ask = Callable[[Any], Any]


@dataclass(frozen=True)
class Asked:
    """One form of one model, asked row by row and by 256."""

    name: str
    seconds_to_make: float
    n_bytes: int
    one_row: tuple[float, float]
    """Microseconds, half of the times and 99 in 100 times no more."""
    batch: float
    """Microseconds a row at 256 rows, half of the times no more."""
    largest_difference: float


def in_process(*, with_peers: bool = False) -> str:
    """The first table, as Markdown."""
    models = {"500 trees, 20 features": synthetic(), "the example's": example()}
    lines = [
        "| model | form | one row: µs p50 | p99 | 256 rows: µs a row | times as fast (one row) | "
        "largest difference | KB | s to make |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for told, found in models.items():
        if found is None:
            continue
        learner, matrix = found
        rows = list(forms(learner, matrix, with_peers=with_peers))
        lines += [
            f"| {told} | {each.name} | {each.one_row[0]:.1f} | {each.one_row[1]:.1f} | "
            f"{each.batch:.1f} | {rows[0].one_row[0] / each.one_row[0]:.1f} | "
            f"{each.largest_difference:.1g} | {each.n_bytes / 1000:.0f} | "
            f"{each.seconds_to_make:.1f} |"
            for each in rows
        ]
    return "\n".join([*lines, "", f"{machine(*PACKAGES)}. {load()}"])


def as_the_stage_measures() -> str:
    """The second table, as Markdown; a sentence where the example has no candidate."""
    found = candidate()
    if found is None:
        return f"{EXAMPLE} has no candidate with held-out days here: run `make repro` first."
    project, model, trained = found
    family = family_of(trained.files)
    declared = Optimize(variants=tuple(variants_of(family)), saving=SAVING[family])
    model = model.model_copy(update={"optimize": declared})
    first, until = learned_days(trained)
    end = until + timedelta(days=N_DAYS)
    rows = read_labelled(project, model, until, end, known_by=end)

    def learned() -> Evidence:
        known = read_labelled(project, model, first, until, known_by=trained_at(trained))
        return Evidence(known.features, known.labels, known.days)

    trials = Trials(model, trained, rows, learned)
    primary = model.judge.primary
    told = dict.fromkeys((primary, *(name for name in ALSO_TOLD if name in model.judge.metrics)))
    lines = [
        "| form | KB | MB in memory | one row: ms p50 | p99 | 256 rows: ms p50 | p99 | rows/s | "
        + "".join(f"{name} | minus the original | " for name in told)
        + "outcome |",
        "|---" * (9 + 2 * len(told)) + "|",
    ]
    for tried in (trials.original, *(trials.of(name) for name in declared.variants)):
        form, costs = tried.form, tried.form.costs
        if costs is None:
            gaps = " |" * (7 + 2 * len(told))
            lines.append(f"| {form.name} |{gaps} {form.outcome}: {form.why} |")
            continue
        lines.append(
            f"| {form.name} | {costs.size_bytes / 1000:.0f} | {costs.memory_mb:.0f} | "
            f"{costs.one_row_ms.p50:.3f} | {costs.one_row_ms.p99:.2f} | {costs.batch_ms.p50:.1f} | "
            f"{costs.batch_ms.p99:.1f} | {costs.rows_per_second:.0f} | "
            + "".join(
                f"{form.metrics[name].estimate:.5f} | {_apart(form.differences[name])} | "
                for name in told
            )
            + f"{form.outcome}: {form.why} |"
        )
    where = f"{rows.n_rows:,} rows of {until} <= day < {end}"
    about = f"Family {family}, {where}. {machine(*PACKAGES, 'torch')}. {load()}"
    return "\n".join([*lines, "", about])


def _apart(difference: Value) -> str:
    """A difference with its interval; nothing lies apart where the answers are the same."""
    if difference.estimate == difference.low == difference.high == 0:
        return "0"
    low, high = (
        "unknown" if end is None else f"{end:+.5f}" for end in (difference.low, difference.high)
    )
    return f"{difference.estimate:+.5f} ({low} to {high})"


def synthetic() -> tuple[LightGBMLearner, Any]:
    """The serving benchmark's forest, and its questions as a matrix."""
    made = parcels()
    return made.learner, made.learner.encoding.encode(made.rows)


def example() -> tuple[LightGBMLearner, Any] | None:
    """The example's trained forest, and rows that it has not learned from, with their gaps."""
    found = candidate()
    if found is None:
        return None
    project, model, trained = found
    learner = parse_model(trained)
    if not isinstance(learner, LightGBMLearner):
        return None
    until = learned_days(trained)[1]
    rows = read_labelled(project, model, until, until + timedelta(days=7), until + timedelta(30))
    return learner, learner.encoding.encode(rows.features)


def candidate() -> tuple[Project, Model, VersionFiles] | None:
    """The example's candidate as it was trained, where this checkout has one."""
    project = Project.find()
    for read in (read_trained, read_candidate):
        try:
            return project, project.model(EXAMPLE), read(project, EXAMPLE)
        except UnavailableError:
            continue
    return None


def forms(learner: LightGBMLearner, matrix: Any, *, with_peers: bool) -> Iterator[Asked]:
    """LightGBM itself first, then each exact form of the same trees; raw scores of a matrix."""
    booster = lightgbm().Booster(model_str=learner.text)
    by_lightgbm = lambda rows: booster.predict(rows, raw_score=True, num_threads=1)  # noqa: E731
    yield _asked("Booster.predict, one thread", 0.0, len(learner.text), by_lightgbm, matrix, None)
    original = by_lightgbm(matrix)
    for name in EXACT:
        began = time.perf_counter()
        form: Any = VARIANTS[name].make(learner, _making())
        seconds = time.perf_counter() - began
        n_bytes = sum(map(len, form.save().values()))
        yield _asked(name, seconds, n_bytes, form._sums, matrix, original)
    if with_peers:
        yield from peers(learner, booster, matrix, original)


def peers(learner: LightGBMLearner, booster: Any, matrix: Any, original: Any) -> Iterator[Asked]:
    """The same trees by lleaves as it comes, and by onnxmltools (single precision)."""
    import lleaves
    import onnxruntime
    from onnxmltools.convert import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "model.txt", Path(folder) / "compiled"
        path.write_text(learner.text)
        compiled = lleaves.Model(model_file=str(path))
        began = time.perf_counter()
        compiled.compile(cache=str(cache), raw_score=True)
        seconds = time.perf_counter() - began
        ask: Ask = lambda rows: compiled.predict(rows, n_jobs=1)  # noqa: E731
        yield _asked("lleaves", seconds, cache.stat().st_size, ask, matrix, original)
    began = time.perf_counter()
    kind = FloatTensorType([None, matrix.shape[1]])
    graph = convert_lightgbm(booster, initial_types=[("rows", kind)], zipmap=False)
    content = graph.SerializeToString()
    seconds = time.perf_counter() - began
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    single = matrix.astype(np.float32)
    ask = lambda rows: session.run(["probabilities"], {"rows": rows})[0][:, 1]  # noqa: E731
    likely = booster.predict(matrix, num_threads=1)
    yield _asked("onnxmltools", seconds, len(content), ask, single, likely)


def _making() -> Making:
    """What exact forms are made with: they learn nothing and ask nothing."""

    def never(*_: Any) -> Any:
        raise AssertionError("an exact form asks for no evidence")

    return Making(Optimize(), Project.find().model(EXAMPLE).train, never, never)


def _asked(name: str, seconds: float, n_bytes: int, ask: Ask, matrix: Any, original: Any) -> Asked:
    places = np.random.default_rng(0).integers(len(matrix) - BATCH, size=N_ONE)
    one = [_microseconds(ask, matrix[place : place + 1]) for place in places]
    many = [_microseconds(ask, matrix[place : place + BATCH]) for place in places[:N_BATCHES]]
    apart = 0.0 if original is None else float(np.abs(ask(matrix) - original).max())
    median, late = np.quantile(one, [0.5, 0.99])
    batch = float(np.median(many)) / BATCH
    return Asked(name, seconds, n_bytes, (float(median), float(late)), batch, apart)


def _microseconds(ask: Ask, rows: Any) -> float:
    began = time.perf_counter()
    ask(rows)
    return 1e6 * (time.perf_counter() - began)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", action="store_true", help="compare lleaves and onnxmltools, too")
    parser.add_argument("--stage-only", action="store_true", help="the second table alone")
    asked = parser.parse_args()
    if not asked.stage_only:
        print(in_process(with_peers=asked.peers))
        print()
    print(as_the_stage_measures())


if __name__ == "__main__":
    main()
