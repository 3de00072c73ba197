from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from perennial.declare.model import Task
from perennial.errors import ContractBrokenError, IntegrityError
from perennial.learn import version_files
from perennial.learn.loading import load_model
from perennial.learn.network.fitting import fit
from perennial.learn.network.learner import WEIGHTS, NetworkLearner
from perennial.learn.recalibrated import Recalibrated, Scoring

from .evidence import declared, evidence

TASKS: tuple[Task, ...] = ("binary", "regression")


@cache
def learner(task: Task = "binary") -> NetworkLearner:
    found = fit(evidence(task), task, declared(blocks=2), lambda n: None).learner
    assert isinstance(found, NetworkLearner)
    return found


ODD = [
    {"x": None, "letter": None, "noise": None},
    {"x": 1e9, "letter": "unknown", "noise": float("nan")},
    {"x": float("inf"), "letter": "a", "noise": -1.0},
]


@pytest.mark.parametrize("task", TASKS)
def test_saved_and_loaded_answers_alike(task: Task, tmp_path: Path) -> None:
    files = learner(task).save()
    version_files.write(tmp_path / "v", files, {})
    again = load_model(tmp_path / "v")
    rows = evidence(task).rows
    np.testing.assert_array_equal(again.predict(rows), learner(task).predict(rows))
    assert again.save() == files
    assert again.importance() == learner(task).importance()
    assert (again.family, again.task, again.features) == ("torch", task, ("x", "letter", "noise"))


@pytest.mark.parametrize("task", TASKS)
def test_three_shapes_of_rows_are_answered_alike(task: Task) -> None:
    table = evidence(task).rows.slice(0, 300)
    answers = learner(task).predict(table)
    np.testing.assert_array_equal(learner(task).predict(table.to_pylist()), answers)
    np.testing.assert_array_equal(learner(task).predict(table.to_pydict()), answers)


@pytest.mark.parametrize("task", TASKS)
def test_a_row_alone_is_answered_as_in_a_batch(task: Task) -> None:
    rows = [*evidence(task).rows.slice(0, 40).to_pylist(), *ODD]
    together = learner(task).raw_scores(rows)
    alone = np.concatenate([learner(task).raw_scores([row]) for row in rows])
    np.testing.assert_allclose(alone, together, rtol=1e-11, atol=1e-11)


def test_no_rows_give_no_answers() -> None:
    assert learner().predict([]).shape == (0,)
    assert learner().explain([]).contributions.shape == (0, 3)


def test_a_long_table_is_answered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = evidence().rows
    whole = learner().raw_scores(rows)
    monkeypatch.setattr("perennial.learn.network.learner.AT_ONCE", 70)
    np.testing.assert_allclose(learner().raw_scores(rows), whole, rtol=1e-11, atol=1e-11)


def test_a_missing_column_and_a_text_for_a_number_are_mistakes() -> None:
    with pytest.raises(ContractBrokenError, match="no column 'noise'"):
        learner().predict([{"x": 1.0, "letter": "a"}])
    with pytest.raises(ContractBrokenError, match="'x' must hold numbers"):
        learner().predict([{"x": "1", "letter": "a", "noise": 0.0}])


def test_unknown_and_missing_categories_are_one() -> None:
    rows = [{"x": 0.3, "letter": letter, "noise": 0.0} for letter in (None, "new", "newer", "a")]
    answers = learner().predict(rows)
    assert answers[0] == answers[1] == answers[2] != answers[3]


@pytest.mark.parametrize("task", TASKS)
def test_base_and_contributions_sum_to_the_raw_score(task: Task) -> None:
    rows = [*evidence(task).rows.slice(0, 300).to_pylist(), *ODD]
    explained = learner(task).explain(rows)
    total = explained.base + explained.contributions.sum(axis=1)
    np.testing.assert_allclose(total, learner(task).raw_scores(rows), rtol=1e-12, atol=1e-12)
    assert np.ptp(explained.base) == 0


def test_what_is_filled_up_is_small_beside_what_the_gradients_say() -> None:
    """Completeness (Sundararajan et al. 2017, proposition 1), up to the quadrature."""
    found = learner()
    batch = found.inputs.batch(evidence().rows)
    raw, parts = found._explained(batch)
    base = found.explain(evidence().rows.slice(0, 1)).base[0]
    left = np.abs(raw - base - parts.sum(axis=1))
    assert left.mean() < 0.02 * np.abs(parts).sum(axis=1).mean()


def test_a_feature_that_the_network_cannot_see_gets_nothing() -> None:
    place = learner().inputs.order.index(2)  # noise
    lengths = learner().network.architecture.lengths
    start = sum(lengths[:place])
    blind = changed(
        WEIGHTS,
        weights(lambda t: t["entry.weight"][:, start : start + lengths[place]].fill_(0.0)),
    )
    explained = NetworkLearner.load(blind).explain(evidence().rows)
    assert np.abs(explained.contributions[:, 2]).max() < 1e-9
    assert np.abs(explained.contributions[:, 0]).max() > 0.1


def test_it_can_be_recalibrated() -> None:
    assert isinstance(learner(), Scoring)
    moved = Recalibrated(learner(), 0.5, 2.0)
    again = Recalibrated.load(moved.save())
    rows = evidence().rows
    np.testing.assert_array_equal(again.predict(rows), moved.predict(rows))
    assert (again.raw_scores(rows) == 0.5 + 2.0 * learner().raw_scores(rows)).all()


def changed(name: str, change: Callable[[bytes], bytes]) -> dict[str, bytes]:
    files = learner().save()
    return {**files, name: change(files[name])}


def told(**values: object) -> Callable[[bytes], bytes]:
    """network.json with other values."""
    return lambda content: json.dumps({**json.loads(content), **values}).encode()


def shaped(**values: object) -> Callable[[bytes], bytes]:
    """network.json with another architecture."""
    shape = learner().network.architecture.model_dump(mode="json")
    return told(architecture={**shape, **values})


def weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        tensors = load(content)
        change(tensors)
        return save(tensors)

    return apply


HUGE = b"\xff\xff\xff\xff\xff\xff\xff\x7f"

CRAFTED = {
    "no safe tensors": ("network.safetensors", lambda c: b"not a header"),
    "empty": ("network.safetensors", lambda c: b""),
    "a header longer than the file": ("network.safetensors", lambda c: HUGE + c[8:]),
    "cut": ("network.safetensors", lambda c: c[:-4]),
    "longer": ("network.safetensors", lambda c: c + b"\0\0\0\0"),
    "a tensor too few": ("network.safetensors", weights(lambda t: t.pop("head.bias"))),
    "a tensor too many": ("network.safetensors", weights(lambda t: t.update(x=t["base"].clone()))),
    "another shape": ("network.safetensors", weights(lambda t: t.update(base=t["base"][:-1]))),
    "another type": ("network.safetensors", weights(lambda t: t.update(base=t["base"].double()))),
    "no number": ("network.safetensors", weights(lambda t: t["base"].fill_(float("nan")))),
    "a huge width": ("network.json", shaped(width=10**9)),
    "many blocks": ("network.json", shaped(blocks=10**9)),
    "another width": ("network.json", shaped(width=17)),
    "huge vocabularies": ("network.json", shaped(sizes=[10**12])),
    "negative vocabularies": ("network.json", shaped(sizes=[-3])),
    "another number of numbers": ("network.json", shaped(n_numbers=3)),
    "too few knots": ("network.json", told(knots=[[[1.0], [0.0]]])),
    "no knots": ("network.json", told(knots=[[[], []], [[1.0], [0.0]]])),
    "knots that fall": ("network.json", told(knots=[[[1.0, 0.5], [0, 1]], [[1.0], [0.0]]])),
    "knots without heights": ("network.json", told(knots=[[[0.5, 1.0], [0]], [[1.0], [0.0]]])),
    "a knot that is no number": ("network.json", told(knots=[[[float("nan")], [0]]] * 2)),
    "too few shares": ("network.json", told(importance=[1.0])),
    "a level that is no number": ("network.json", told(level=[0.0, float("inf")])),
    "no JSON": ("network.json", lambda c: b"{"),
    "features of nothing": ("features.json", lambda c: b"[]"),
    "another task": ("features.json", lambda c: c.replace(b"binary", b"poetry")),
    "an unknown kind": ("features.json", lambda c: c.replace(b'"category"', b'"picture"')),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_are_refused(name: str) -> None:
    file, change = CRAFTED[name]
    with pytest.raises(IntegrityError, match=r"network|features"):
        NetworkLearner.load(changed(file, change))


@pytest.mark.parametrize("name", ["network.safetensors", "network.json", "features.json"])
def test_a_file_that_is_not_there_is_told(name: str) -> None:
    files = learner().save()
    del files[name]
    with pytest.raises(IntegrityError, match=name):
        NetworkLearner.load(files)


def test_random_damage_is_an_integrity_error_or_answers() -> None:
    """Bytes are verified before they are parsed; this is what holds when somebody signs rubbish."""
    random = np.random.default_rng(1)
    for name, content in learner().save().items():
        for _ in range(40):
            harmed = bytearray(content)
            place = int(random.integers(min(len(harmed), 2000)))
            harmed[place] = int(random.integers(256))
            try:
                found = NetworkLearner.load({**learner().save(), name: bytes(harmed)})
            except IntegrityError:
                continue
            assert found.predict([dict.fromkeys(found.features)]).shape == (1,)
