"""Trees in other forms, held against LightGBM's own answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.declare.optimize import Optimize
from perennial.declare.train import Train
from perennial.errors import IntegrityError, UnavailableError
from perennial.learn import version_files
from perennial.learn.contract import Evidence, Learner
from perennial.learn.encoding import Encoding
from perennial.learn.lightgbm_boosting import Boosting, parameters_of
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.loading import load_model, parse_model, parse_original
from perennial.learn.recalibrated import Recalibrated
from perennial.learn.variants import machine_code
from perennial.learn.variants.compiled_trees import CompiledTrees
from perennial.learn.variants.machine_code import Target, check, this_machine
from perennial.learn.variants.making import Making, NotPossibleError
from perennial.learn.variants.tree_text import read_forest
from perennial.learn.variants.trees import VARIANTS
from perennial.learn.version_files import VersionFiles, digest_of
from perennial.optimize.comparing import odd_rows

N = 1500


def table(seed: int = 0) -> pa.Table:
    """Numbers with gaps and zeros, a short and a long vocabulary, each partly missing."""
    random = np.random.default_rng(seed)
    towns = [f"town {n}" for n in range(300)]
    return pa.table(
        {
            "size": np.where(random.random(N) < 0.1, np.nan, random.normal(size=N)),
            "count": random.integers(-3, 4, N),
            "share": random.random(N).round(3),
            "colour": pa.array(
                random.choice(["red", "green", "blue"], N), mask=random.random(N) < 0.1
            ),
            "town": pa.array(random.choice(towns, N), mask=random.random(N) < 0.05),
        }
    )


def labels_of(rows: pa.Table, task: str) -> Any:
    random = np.random.default_rng(1)
    town = np.array([0 if each is None else int(each[5:]) % 7 for each in rows["town"].to_pylist()])
    red = np.array([each == "red" for each in rows["colour"].to_pylist()])
    size = np.nan_to_num(np.asarray(rows["size"]), nan=1.5)
    score = size + red * np.asarray(rows["count"]) + 0.5 * town - 2 + random.normal(size=N)
    return (score > 0).astype(float) if task == "binary" else score


def fitted(task: Any = "binary", n_trees: int = 70, **parameters: Any) -> LightGBMLearner:
    rows = table()
    encoding = Encoding.learn(rows)
    declared = Train(
        parameters={"num_leaves": 15, "min_data_in_leaf": 5, "max_cat_to_onehot": 2, **parameters}
    )
    boosting = Boosting(encoding, parameters_of(task, declared), on_round=lambda n: None)
    booster = boosting.with_rounds(encoding.encode(rows), labels_of(rows, task), n_trees)
    return LightGBMLearner(booster.model_to_string(), encoding, task)


def making(is_as_good: Any = lambda learner: True, **declared: Any) -> Making:
    rows = table()
    evidence = Evidence(rows, labels_of(rows, "binary"), np.zeros(N, dtype="datetime64[D]"))
    return Making(Optimize(**declared), Train(), lambda: evidence, is_as_good)


def loaded(learner: Learner) -> Learner:
    files = learner.save()
    return parse_model(VersionFiles(digest_of(files), files, b""))


@pytest.mark.parametrize("name", ["compiled", "onnx"])
@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        ("binary", {}),
        ("regression", {}),
        ("regression", {"objective": "huber"}),
        ("binary", {"use_missing": False}),
        ("binary", {"scale_pos_weight": 3.0, "max_cat_to_onehot": 64}),
    ],
)
def test_answers_are_lightgbm_s_to_the_last_bit(
    name: str, task: str, parameters: dict[str, Any]
) -> None:
    original = fitted(task, **parameters)
    form = loaded(VARIANTS[name].make(original, making()))
    for rows in (table(1), odd_rows(table(2))):
        assert np.array_equal(form.predict(rows), original.predict(rows))
    one = table(3).slice(7, 1)
    as_columns = {column: one[column].to_pylist() for column in one.column_names}
    assert np.array_equal(form.predict(as_columns), original.predict(one))
    assert form.predict(table(1).slice(0, 0)).shape == (0,)


def test_zeros_that_count_as_missing_are_compiled_and_refused_by_onnx() -> None:
    original = fitted(zero_as_missing=True)
    form = loaded(VARIANTS["compiled"].make(original, making()))
    for rows in (table(1), odd_rows(table(2))):
        assert np.array_equal(form.predict(rows), original.predict(rows))
    with pytest.raises(NotPossibleError, match="0 for missing"):
        VARIANTS["onnx"].make(original, making())


@pytest.mark.parametrize("name", ["compiled", "onnx"])
def test_a_forest_that_never_split_answers_its_constant(name: str) -> None:
    original = fitted("regression", n_trees=2, min_data_in_leaf=N)
    form = loaded(VARIANTS[name].make(original, making()))
    assert np.array_equal(form.predict(table(1)), original.predict(table(1)))


@pytest.mark.parametrize("name", ["compiled", "onnx"])
def test_the_same_bytes_come_out_twice_and_reasons_add_up(name: str) -> None:
    original = fitted()
    form = VARIANTS[name].make(original, making())
    assert VARIANTS[name].make(original, making()).save() == form.save()
    again = loaded(form)
    assert again.save() == form.save()
    rows = table(1).slice(0, 20)
    told = again.explain(rows)
    total = told.base + told.contributions.sum(axis=1)
    assert np.allclose(total, original.raw_scores(rows), atol=1e-9, rtol=0)
    assert again.importance() == original.importance()
    assert (again.family, again.task, again.features) == ("lightgbm", "binary", original.features)


def test_behind_a_recalibration_it_is_the_line_s_answer() -> None:
    original = Recalibrated(fitted(), 0.3, 0.8)
    compiled = VARIANTS["compiled"].make(original.base, making())
    assert isinstance(compiled, CompiledTrees)
    form = loaded(Recalibrated(compiled, 0.3, 0.8))
    assert isinstance(form, Recalibrated)
    assert isinstance(form.base, CompiledTrees)
    assert np.array_equal(form.predict(table(1)), original.predict(table(1)))


def test_learning_goes_on_from_lightgbm_s_own_trees() -> None:
    original = fitted()
    files = VARIANTS["compiled"].make(original, making()).save()
    again = parse_original(VersionFiles(digest_of(files), files, b""))
    assert isinstance(again, LightGBMLearner)
    assert again.text == original.text


def test_pruning_tries_shares_from_the_largest_down_and_ends_at_the_first_failure() -> None:
    asked: list[int] = []

    def is_as_good(learner: Any) -> bool:
        asked.append(learner.text.count("\nTree="))
        return len(asked) != 3

    shares = (0.9, 0.5, 0.3, 0.1)
    form = VARIANTS["pruned"].make(fitted(), making(is_as_good, pruned={"shares": shares}))
    assert asked == [63, 35, 21]
    assert isinstance(form, LightGBMLearner)
    assert form.text.count("\nTree=") == 35
    with pytest.raises(NotPossibleError, match="90% of its 70 trees already lose more"):
        VARIANTS["pruned"].make(fitted(), making(lambda learner: False, pruned={"shares": shares}))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_distilled_forest_is_small_and_answers_alike(task: str) -> None:
    original = fitted(task, n_trees=200)
    small = {"n_trees": 60, "num_leaves": 15, "learning_rate": 0.2}
    form = loaded(VARIANTS["distilled"].make(original, making(distilled=small)))
    assert isinstance(form, LightGBMLearner)
    assert form.text.count("\nTree=") == 60
    rows = table(1)
    answers, taught = original.predict(rows), form.predict(rows)
    assert np.corrcoef(answers, taught)[0, 1] > 0.9
    if task == "binary":
        assert 0 < taught.min() < taught.max() < 1


def test_code_for_another_machine_is_refused_with_what_to_do() -> None:
    here = this_machine()
    check(here, here)
    more = Target(triple=here.triple, cpu="tomorrow", features=(*here.features, "time-travel"))
    with pytest.raises(
        UnavailableError, match=r"tomorrow .* lacks time-travel: run `perennial opt"
    ):
        check(more, here)
    check(here, more)  # a machine that can do more runs it
    with pytest.raises(UnavailableError, match="compiled for"):
        check(here, Target(triple="arm64-apple-darwin", cpu="m9", features=here.features))


def test_a_version_for_another_machine_is_refused_before_its_code_is_linked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = VARIANTS["compiled"].make(fitted(), making()).save()
    about = json.loads(files["variant.json"])
    about["target"]["features"].append("time-travel")
    files["variant.json"] = json.dumps(about).encode()
    monkeypatch.setattr(
        machine_code, "_target_machine", lambda target: pytest.fail("it was linked")
    )
    with pytest.raises(UnavailableError, match="run `perennial optimize` on a machine like"):
        parse_model(VersionFiles(digest_of(files), files, b""))


@pytest.mark.parametrize("name", ["trees.o", "variant.json", "model.txt"])
def test_a_changed_byte_is_refused_before_anything_is_parsed(tmp_path: Path, name: str) -> None:
    files = VARIANTS["compiled"].make(fitted(n_trees=3), making()).save()
    version_files.write(tmp_path / "version", files, {})
    assert isinstance(load_model(tmp_path / "version"), CompiledTrees)
    path = tmp_path / "version" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=f"{name} differs from its digest"):
        load_model(tmp_path / "version")


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ("num_class=1", "num_class=3", "several classes"),
        ("objective=binary sigmoid:1", "objective=binary sigmoid:2", "sigmoid:2"),
        ("objective=binary sigmoid:1", "objective=poisson", "poisson"),
        ("is_linear=0", "is_linear=1", "linear models"),
        ("label_index=0", "label_index=0\naverage_output", "averaged"),
    ],
)
def test_what_is_not_known_is_refused_and_never_guessed(was: str, becomes: str, why: str) -> None:
    text = fitted(n_trees=2).text
    assert was in text
    with pytest.raises(NotPossibleError, match=why):
        read_forest(text.replace(was, becomes))
