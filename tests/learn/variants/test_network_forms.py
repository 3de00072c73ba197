"""Other forms of a network: how near their answers are, and what each takes or saves."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from perennial.declare.optimize import Optimize
from perennial.declare.train import Train
from perennial.errors import IntegrityError
from perennial.learn import version_files
from perennial.learn.contract import Evidence, Start
from perennial.learn.loading import parse_model, parse_original, ways_of
from perennial.learn.network.fitting import fit
from perennial.learn.network.layers import Block, Dropout
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.quantized import INT8, QuantizedLearner, restored, rounded
from perennial.learn.network.strategies.onward import plain
from perennial.learn.recalibrated import Recalibrated
from perennial.learn.variants.making import Making, NotPossibleError
from perennial.learn.variants.network_forms import with_fewer_units
from perennial.learn.variants.networks import VARIANTS
from perennial.learn.variants.onnx_network import graph_of
from perennial.learn.version_files import VersionFiles
from perennial.measure.metrics import METRICS

SHAPE = {
    "width": 32, "blocks": 2, "frequencies": 8, "numeric_embedding": 8, "embedding": 4,
    "batch": 128, "epochs": 12, "learning_rate": 0.01,
}  # fmt: skip


def declared() -> Train:
    return Train.model_validate(
        {"learner": "torch", "parameters": SHAPE, "stopping": {"days": 3}, "threads": 1}
    )


def evidence(seed: int = 3, n: int = 1500) -> Evidence:
    random = np.random.default_rng(seed)
    x, letter = random.normal(size=n), random.choice(["a", "b", "c"], size=n)
    score = np.sin(2 * x) + (letter == "a") + random.normal(scale=0.5, size=n)
    days = np.datetime64("2024-01-01") + np.sort(random.integers(12, size=n))
    rows = pa.table({"x": x, "letter": letter, "noise": random.normal(size=n)})
    return Evidence(rows, (score > 0.3).astype(float), days.astype("datetime64[D]"))


@pytest.fixture(scope="module")
def original() -> NetworkLearner:
    learner = fit(evidence(), "binary", declared(), lambda n: None).learner
    assert isinstance(learner, NetworkLearner)
    return learner


def auc(learner: Any, rows: Evidence) -> float:
    return float(METRICS["roc_auc"].function(rows.labels, learner.predict(rows.rows)))


def making(original: Any, drop: float = 0.01) -> Making:
    held_out = evidence(seed=9)
    best = auc(original, held_out)
    return Making(
        Optimize.model_validate(
            {
                "max_metric_drop": drop,
                "pruned": {"shares": [0.75, 0.5]},
                "distilled": {"epochs": 30, "student_learning_rate": 0.01},
            }
        ),
        declared(),
        evidence,
        lambda learner: auc(learner, held_out) >= best - drop,
    )


def loaded(files: Any) -> Any:
    return parse_model(VersionFiles("0" * 64, files, b""))


def size(learner: Any) -> int:
    return sum(len(each) for each in learner.save().values())


@pytest.mark.parametrize(
    ("name", "largest_drop"),
    [("quantized", 0.003), ("quantization_aware", 0.003), ("pruned", 0.01), ("distilled", 0.02)],
)
def test_a_smaller_form_answers_nearly_as_well_and_alike_twice(
    original: NetworkLearner, name: str, largest_drop: float
) -> None:
    rows = evidence(seed=9)
    form = VARIANTS[name].make(original, making(original))
    assert auc(form, rows) >= auc(original, rows) - largest_drop
    assert size(form) < size(original)
    assert VARIANTS[name].make(original, making(original)).save() == form.save()
    read = loaded(form.save())
    np.testing.assert_array_equal(read.predict(rows.rows), form.predict(rows.rows))
    assert read.save() == form.save()


@pytest.mark.parametrize(
    ("name", "apart"), [("quantization_aware", 0.002), ("pruned", 0.01), ("distilled", 0.01)]
)
def test_what_a_teacher_teaches_is_blurred_by_no_label_and_nothing_left_out(
    original: NetworkLearner, name: str, apart: float
) -> None:
    rows = evidence(seed=9).rows
    assert original.network.architecture.dropout > 0.3  # 0.02 apart where it was left on
    form = VARIANTS[name].make(original, making(original))
    assert np.abs(form.predict(rows) - original.predict(rows)).mean() < apart
    assert all(each.share > 0 for each in form.network.modules() if isinstance(each, Dropout))


def test_eight_bits_take_less_than_half_of_the_bytes(original: NetworkLearner) -> None:
    form = QuantizedLearner.of(original)
    assert len(form.save()[INT8]) < 0.5 * len(original.save()["network.safetensors"])


def test_no_weight_is_rounded_by_more_than_half_a_step() -> None:
    weights = torch.randn(20, 30, generator=torch.Generator().manual_seed(1))
    whole, scale = rounded(weights)
    assert whole.dtype == torch.int8
    assert ((whole.float() * scale - weights).abs() <= scale / 2 + 1e-7).all()


def test_a_spoiled_file_of_whole_numbers_is_refused(original: NetworkLearner) -> None:
    files = QuantizedLearner.of(original).save()
    with pytest.raises(IntegrityError, match=INT8.replace(".", r"\.")):
        loaded({**files, INT8: files[INT8][:-8]})
    with pytest.raises(IntegrityError):
        restored(b"\0" * 30)


def test_a_rounded_version_goes_on_learning(original: NetworkLearner) -> None:
    form = loaded(QuantizedLearner.of(original).save())
    fitted = ways_of("torch")["finetune"].go_on(
        Start(form), evidence(seed=4), declared(), lambda n: None, n_rounds=1
    )
    assert type(fitted.learner) is NetworkLearner


def test_fewer_units_are_those_that_count_most(original: NetworkLearner) -> None:
    network = copy.deepcopy(original.network)
    block = network.blocks[0]
    assert isinstance(block, Block)
    with torch.no_grad():
        block.outer.weight[:, :10] = 0.0  # ten units that nobody hears
    fewer = with_fewer_units(network, share=22 / 32).eval()
    assert fewer.architecture.units == (22, 22)
    units = torch.randn(5, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(fewer.blocks[0](units), network.eval().blocks[0](units))


def test_nothing_is_pruned_where_nothing_may_be_lost(original: NetworkLearner) -> None:
    given = making(original)
    strict = Making(given.declared, given.train, given.learned, lambda learner: False)
    with pytest.raises(NotPossibleError, match="75% of its units already lose more"):
        VARIANTS["pruned"].make(original, strict)


def test_adapters_are_taken_in_with_the_same_answers(original: NetworkLearner) -> None:
    adapted = ways_of("torch")["lora"].go_on(
        Start(original), evidence(seed=4), declared(), lambda n: None, n_rounds=2
    ).learner  # fmt: skip
    form = VARIANTS["merged"].make(adapted, making(adapted))
    assert type(form) is NetworkLearner
    rows = evidence(seed=9).rows
    np.testing.assert_array_equal(form.predict(rows), adapted.predict(rows))
    assert size(form) < size(adapted)
    with pytest.raises(NotPossibleError, match="no adapters"):
        VARIANTS["merged"].make(original, making(original))


def test_a_rounded_champion_goes_on_with_adapters_and_as_a_version(
    original: NetworkLearner, tmp_path: Path
) -> None:
    told = {"training.json": b"{}", "packages.txt": b"", "optimize.json": b"{}"}
    version_files.write(tmp_path / "rounded", QuantizedLearner.of(original).save(), told)
    champion = parse_model(version_files.read(tmp_path / "rounded"))
    lora = ways_of("torch")["lora"]
    rows = evidence(seed=9).rows
    for turn in range(2):
        adapted = lora.go_on(
            Start(champion), evidence(seed=4 + turn), declared(), lambda n: None, n_rounds=2
        ).learner  # fmt: skip
        version_files.write(tmp_path / f"adapted-{turn}", adapted.save(), told)
        champion = parse_model(version_files.read(tmp_path / f"adapted-{turn}"))
        np.testing.assert_array_equal(champion.predict(rows), adapted.predict(rows))
        assert INT8 in adapted.save()  # the base stays as it is
    line = Recalibrated(QuantizedLearner.of(original), 0.1, 0.9)
    version_files.write(tmp_path / "line", line.save(), told)
    again = parse_model(version_files.read(tmp_path / "line"))
    np.testing.assert_array_equal(again.predict(rows), line.predict(rows))
    version_files.write(tmp_path / "again", again.save(), told)


def test_rounding_takes_adapters_in(original: NetworkLearner) -> None:
    adapted = ways_of("torch")["lora"].go_on(
        Start(original), evidence(seed=4), declared(), lambda n: None, n_rounds=6
    ).learner  # fmt: skip
    rows = evidence(seed=9).rows
    rounded_too = loaded(VARIANTS["quantized"].make(adapted, making(adapted)).save())
    apart = np.abs(rounded_too.predict(rows) - adapted.predict(rows)).mean()
    assert 5 * apart < np.abs(original.predict(rows) - adapted.predict(rows)).mean()


def test_exporting_a_graph_logs_nothing(original: NetworkLearner) -> None:
    logged: list[str] = []

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.getMessage())

    heard, exporter = Heard(), logging.getLogger("torch.onnx")
    exporter.addHandler(heard)
    try:
        graph_of(original)
    finally:
        exporter.removeHandler(heard)
    assert logged == []


def test_a_graph_answers_as_the_network_does(original: NetworkLearner) -> None:
    form = VARIANTS["onnx"].make(original, making(original))
    files = form.save()
    assert VARIANTS["onnx"].make(original, making(original)).save() == files
    rows = [
        {"x": 0.5, "letter": "a", "noise": None},
        {"x": None, "letter": "never heard of", "noise": 1e30},
        {"x": -2.0, "letter": None, "noise": 0.0},
    ]
    read = loaded(files)
    for few in (rows, rows[:1], []):
        np.testing.assert_allclose(read.predict(few), original.predict(few), atol=1e-9)
    explained = read.explain(rows)
    total = explained.base + explained.contributions.sum(axis=1)
    np.testing.assert_allclose(total, read.raw_scores(rows), atol=1e-6)
    assert type(parse_original(VersionFiles("0" * 64, files, b""))) is NetworkLearner
    assert plain(read).network.architecture == original.network.architecture
