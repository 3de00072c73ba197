"""How a network goes on: the mathematics of each strategy, and what each leaves as it was."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.errors import IntegrityError, NotEnoughEvidenceError
from perennial.learn.contract import Evidence, Start
from perennial.learn.loading import parse_model, ways_of
from perennial.learn.network.adapted import ADAPTER, CONFIG, AdaptedLearner
from perennial.learn.network.architecture import Architecture, fresh
from perennial.learn.network.batches import Batch
from perennial.learn.network.fitting import fit
from perennial.learn.network.learner import NetworkLearner
from perennial.learn.network.strategies import elastic
from perennial.learn.network.strategies.distilling import TEACHER, taught_loss
from perennial.learn.network.strategies.growing import with_another_block
from perennial.learn.network.strategies.onward import plain
from perennial.learn.network.strategies.shrinking import shake
from perennial.learn.network.strategies.transferring import transfer
from perennial.learn.recalibrated import Recalibrated
from perennial.learn.version_files import VersionFiles
from perennial.measure.metrics import METRICS

from .evidence import SMALL, evidence

TASKS: tuple[Task, ...] = ("binary", "regression")
WAYS = ("finetune", "rehearsal", "generative_replay", "distill", "ewc", "lora", "grow",
        "shrink_and_perturb")  # fmt: skip


def declared(**update: Any) -> Train:
    return Train.model_validate(
        {
            "learner": "torch",
            "parameters": SMALL,
            "stopping": {"days": 3},
            "threads": 1,
            "update": {"ways": WAYS, "learning_rate": 0.01, "epochs": 6, **update},
        }
    )


def silent(n: int) -> None:
    """Nobody is told of rounds."""


def shifted(task: Task = "binary") -> Evidence:
    """The same rows, of which more are positive, or all are larger."""
    given = evidence(task)
    if task == "regression":
        return replace(given, labels=given.labels + 20)
    x = np.nan_to_num(given.rows["x"].to_numpy(zero_copy_only=False))
    return replace(given, labels=(x > -1).astype(float))


@pytest.fixture(scope="module")
def champions() -> dict[Task, NetworkLearner]:
    found = {}
    for task in TASKS:
        learner = fit(evidence(task), task, declared(), silent).learner
        assert isinstance(learner, NetworkLearner)
        found[task] = learner
    return found


def start_of(champion: Any, task: Task = "binary") -> Start:
    state: dict[str, bytes] = {}
    for way in ways_of("torch").values():
        if way.remember is not None:
            state |= way.remember(champion, evidence(task), declared(), {})
    return Start(champion, state)


def loss(learner: Any, rows: Evidence, task: Task) -> float:
    metric = METRICS["log_loss" if task == "binary" else "rmse"]
    return float(metric.function(rows.labels, learner.predict(rows.rows)))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("way", WAYS)
def test_each_way_learns_what_changed_alike_twice_and_leaves_the_champion(
    champions: dict[Task, NetworkLearner], way: str, task: Task
) -> None:
    champion, recent = champions[task], shifted(task)
    before, start = champion.save(), start_of(champion, task)
    go_on = ways_of("torch")[way].go_on
    trial = go_on(start, recent, declared(), silent, shifted(task))
    assert loss(trial.learner, recent, task) < loss(champion, recent, task)
    assert trial.validation_loss == min(trial.curve.validation)
    again = go_on(start, recent, declared(), silent, n_rounds=trial.n_rounds)
    twice = go_on(start, recent, declared(), silent, n_rounds=trial.n_rounds)
    assert again.learner.save() == twice.learner.save()
    assert again.n_rounds == trial.n_rounds
    assert champion.save() == before
    loaded = parse_model(VersionFiles("0" * 64, again.learner.save(), b""))
    np.testing.assert_array_equal(loaded.predict(recent.rows), again.learner.predict(recent.rows))


# Distillation


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_against_a_teacher_is_the_one_worked_by_hand(task: Task) -> None:
    # Weight 1/4, temperature 2, out 1, label 0, teacher 2 (binary); label 4, teacher -1.
    nothing = torch.zeros(1, 0)
    label, teacher = (0.0, 2.0) if task == "binary" else (4.0, -1.0)
    batch = Batch(nothing, nothing, nothing, torch.tensor([label]), more={
        TEACHER: torch.tensor([teacher])
    })  # fmt: skip
    out = torch.tensor([1.0])
    found = float(taught_loss(task, 0.25, 2.0)(out, batch))
    if task == "binary":
        soft = 1 / (1 + math.exp(-1.0))
        said = 1 / (1 + math.exp(-0.5))
        taught = -(soft * math.log(said) + (1 - soft) * math.log(1 - said))
        by_hand = 0.75 * math.log(1 + math.e) + 0.25 * 4 * taught
    else:
        by_hand = 0.75 * 9 + 0.25 * 4
    assert found == pytest.approx(by_hand, rel=1e-6)


# Elastic weights


def small_batch(n: int = 12) -> Batch:
    random = np.random.default_rng(5)
    return Batch(
        torch.tensor(random.normal(size=(n, 2)), dtype=torch.float32),
        torch.tensor(random.random((n, 2)) < 0.2),
        torch.tensor(random.integers(0, 4, size=(n, 1))),
        torch.tensor(random.integers(0, 2, size=n), dtype=torch.float32),
    )


def small_network() -> Any:
    shape = Architecture(
        n_numbers=2, sizes=(3,), width=5, blocks=2, dropout=0.5, embedding=2, frequencies=3,
        frequency_scale=0.5, numeric_embedding=2,
    )  # fmt: skip
    return fresh(shape, seed=2).eval()


@pytest.mark.parametrize("task", TASKS)
def test_fisher_is_what_autograd_finds_row_by_row_and_outcome_by_outcome(task: Task) -> None:
    network, batch = small_network(), small_batch(70)
    found = elastic.fisher_of(network, batch, task)
    expected = {name: torch.zeros_like(each) for name, each in network.named_parameters()}
    with torch.no_grad():
        errors = network(batch.numbers, batch.missing, batch.codes) - batch.targets
    variance = float((errors**2).mean())
    for row in range(len(batch)):
        one = batch.take(slice(row, row + 1))
        share = float(torch.sigmoid(network(one.numbers, one.missing, one.codes)).detach())
        # The expectation over what the row's answer may be: of the squared gradient of its
        # log-likelihood. For a normal answer with this variance the squared error averages to it.
        outcomes = [(1.0, share), (0.0, 1 - share)] if task == "binary" else [(None, 1.0)]
        for outcome, chance in outcomes:
            network.zero_grad()
            out = network(one.numbers, one.missing, one.codes)[0]
            if outcome is None:
                (out / math.sqrt(variance)).backward()
            else:
                torch.nn.functional.binary_cross_entropy_with_logits(
                    out, torch.tensor(outcome)
                ).backward()
            for name, each in network.named_parameters():
                if each.grad is not None:
                    expected[name] += chance * each.grad**2 / len(batch)
    for name, each in expected.items():
        torch.testing.assert_close(found[name].float(), each, rtol=1e-4, atol=1e-7)


def test_squares_of_mean_gradients_would_be_far_smaller() -> None:
    network, batch = small_network(), small_batch(64)
    found = sum(float(each.sum()) for each in elastic.fisher_of(network, batch, "binary").values())
    network.zero_grad()
    out = network(batch.numbers, batch.missing, batch.codes)
    torch.nn.functional.binary_cross_entropy_with_logits(out, batch.targets).backward()
    of_mean = sum(
        float((each.grad**2).sum()) for each in network.parameters() if each.grad is not None
    )
    assert found > 3 * of_mean


def test_weights_are_held_by_as_much_as_they_mattered() -> None:
    network = small_network()
    fisher = elastic.fisher_of(network, small_batch(), "binary")
    penalty = elastic.held(network, fisher, strength=3.0)
    moved = copy.deepcopy(network).requires_grad_(True)
    assert float(penalty(moved).detach()) == 0.0
    with torch.no_grad():
        for each in moved.parameters():
            each.add_(0.1)
    penalty(moved).backward()
    for name, each in moved.named_parameters():
        assert each.grad is not None
        torch.testing.assert_close(
            each.grad, 3.0 * fisher[name].float() * 0.1, rtol=1e-4, atol=1e-8
        )


def test_fisher_is_the_mean_over_all_rows_ever_learned(
    champions: dict[Task, NetworkLearner],
) -> None:
    champion = champions["binary"]
    given = declared(ewc={"rows": 800})
    first = elastic.remember(champion, evidence(), given, {})
    both = elastic.remember(champion, shifted(), given, first)
    alone = elastic.remember(champion, shifted(), given, {})
    (one, n_one), (two, n_two), (mixed, n) = (elastic.read(each) for each in (first, alone, both))
    assert n == n_one + n_two == 1600
    for name, each in mixed.items():
        torch.testing.assert_close(each, (one[name] + two[name]) / 2, rtol=1e-5, atol=1e-9)


def test_stronger_ties_move_less(champions: dict[Task, NetworkLearner]) -> None:
    champion = champions["binary"]
    start = start_of(champion)
    moved = []
    for strength in (1e-3, 10.0, 1e5):
        fitted = ways_of("torch")["ewc"].go_on(
            start, shifted(), declared(ewc={"strength": strength}), silent, n_rounds=4
        )
        moved.append(float(np.abs(
            fitted.learner.predict(evidence().rows) - champion.predict(evidence().rows)
        ).mean()))  # fmt: skip
    assert moved[0] > moved[1] > moved[2]


# Growth


@pytest.mark.parametrize("task", TASKS)
def test_a_grown_network_answers_as_before_until_it_learns(
    champions: dict[Task, NetworkLearner], task: Task
) -> None:
    champion = champions[task]
    grown = with_another_block(champion.network, seed=7).eval()
    batch = champion.inputs.batch(evidence(task).rows)
    with torch.no_grad():
        answers = [
            each(batch.numbers, batch.missing, batch.codes) for each in (champion.network, grown)
        ]
    assert torch.equal(*answers)
    fitted = ways_of("torch")["grow"].go_on(
        Start(champion), shifted(task), declared(), silent, n_rounds=2
    )
    assert plain(fitted.learner).network.architecture.blocks == 2


def test_it_grows_no_further_than_declared(champions: dict[Task, NetworkLearner]) -> None:
    with pytest.raises(NotEnoughEvidenceError, match="has made 1 blocks, and train"):
        ways_of("torch")["grow"].go_on(
            Start(champions["binary"]), shifted(), declared(grow={"max_blocks": 1}), silent
        )


# Adapters


def test_adapters_leave_the_base_s_bytes_and_go_on_as_one(
    champions: dict[Task, NetworkLearner],
) -> None:
    champion = champions["binary"]
    go_on = ways_of("torch")["lora"].go_on
    first = go_on(Start(champion), shifted(), declared(), silent, n_rounds=3).learner
    second = go_on(Start(first), shifted(), declared(), silent, n_rounds=3).learner
    for learner in (first, second):
        files = learner.save()
        assert {name: files[name] for name in champion.save()} == champion.save()
        assert set(files) - set(champion.save()) == {ADAPTER, CONFIG}
    assert first.save()[ADAPTER] != second.save()[ADAPTER]
    assert len(first.save()[ADAPTER]) == len(second.save()[ADAPTER])
    swapped = AdaptedLearner.load({**second.save(), ADAPTER: first.save()[ADAPTER]})
    rows = evidence().rows
    np.testing.assert_array_equal(swapped.predict(rows), first.predict(rows))


def test_peft_reads_the_adapter_and_answers_the_same(
    champions: dict[Task, NetworkLearner], tmp_path: Path
) -> None:
    from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict
    from safetensors.torch import load

    champion = champions["binary"]
    learner = ways_of("torch")["lora"].go_on(
        Start(champion), shifted(), declared(), silent, n_rounds=3
    ).learner  # fmt: skip
    told = json.loads(learner.save()[CONFIG])
    network = copy.deepcopy(champion.network)
    shape = {name: told[name] for name in ("r", "lora_alpha", "target_modules")}
    inject_adapter_in_model(LoraConfig(**shape), network)
    set_peft_model_state_dict(network, load(learner.save()[ADAPTER]))
    network.eval()
    batch = champion.inputs.batch(evidence().rows)
    with torch.no_grad():
        out = network(batch.numbers, batch.missing, batch.codes).numpy()
    np.testing.assert_allclose(out, plain(learner).raw_scores(evidence().rows), atol=1e-5)


def test_adapters_that_do_not_fit_are_refused(champions: dict[Task, NetworkLearner]) -> None:
    learner = ways_of("torch")["lora"].go_on(
        Start(champions["binary"]), shifted(), declared(), silent, n_rounds=1
    ).learner  # fmt: skip
    files = learner.save()
    told = json.loads(files[CONFIG])
    for wrong in ({**told, "r": 3}, {**told, "r": 0}, {"r": 8}):
        with pytest.raises(IntegrityError):
            AdaptedLearner.load({**files, CONFIG: json.dumps(wrong).encode()})
    with pytest.raises(IntegrityError, match=r"adapter_model\.safetensors"):
        AdaptedLearner.load({**files, ADAPTER: b"\0" * 40})


# The others


def test_what_is_shrunk_and_shaken_is_shrunk_and_shaken() -> None:
    network = small_network()
    before = {name: each.detach().clone() for name, each in network.named_parameters()}
    drawn = dict(fresh(network.architecture, seed=9).named_parameters())
    shake(network, shrink=0.5, noise=0.25, seed=9)
    for name, each in network.named_parameters():
        if "norm" in name or name == "head.bias":
            assert torch.equal(each, before[name])
        else:
            torch.testing.assert_close(each, 0.5 * before[name] + 0.25 * drawn[name])


@pytest.mark.parametrize("task", TASKS)
def test_a_recalibration_becomes_part_of_the_last_layer(
    champions: dict[Task, NetworkLearner], task: Task
) -> None:
    line = Recalibrated(champions[task], intercept=-0.7, slope=1.3)
    rows = evidence(task).rows
    np.testing.assert_allclose(
        plain(line).raw_scores(rows), line.raw_scores(rows), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("way", ["rehearsal", "generative_replay", "ewc"])
def test_what_was_not_kept_is_asked_for_by_name(
    champions: dict[Task, NetworkLearner], way: str
) -> None:
    with pytest.raises(NotEnoughEvidenceError, match=f"strategy {way} needs .*retrain first"):
        ways_of("torch")[way].go_on(Start(champions["binary"]), shifted(), declared(), silent)


# Transfer


def other_rows(n: int = 240) -> Evidence:
    """Another model's rows: two features are the same, one value and one feature are new."""
    given = evidence()
    letters = [each if each != "c" else "new" for each in given.rows["letter"].to_pylist()]
    rows = pa.table(
        {"extra": np.arange(800.0), "letter": letters, "x": given.rows["x"]}
    ).slice(0, n)  # fmt: skip
    days = np.datetime64("2024-01-01") + np.arange(n) // 24
    return Evidence(rows, given.labels[:n], days.astype("datetime64[D]"))


def test_what_both_know_is_taken_over(champions: dict[Task, NetworkLearner]) -> None:
    base = champions["binary"]
    given = declared()
    still = given.model_copy(update={"parameters": {**SMALL, "epochs": 1, "learning_rate": 1e-12}})
    learner = transfer(base, other_rows(), "binary", still, silent).learner
    assert isinstance(learner, NetworkLearner)
    new, old = learner.network, base.network
    torch.testing.assert_close(new.blocks.state_dict(), old.blocks.state_dict())
    torch.testing.assert_close(new.numbers.frequencies[1], old.numbers.frequencies[0])
    assert learner.inputs.knots[1] == base.inputs.knots[0]
    torch.testing.assert_close(new.categories.weight[[0, 1, 2]], old.categories.weight[[0, 1, 2]])
    assert not torch.allclose(new.categories.weight[3], old.categories.weight[3])
    torch.testing.assert_close(new.entry.weight[:, 4:8], old.entry.weight[:, 0:4])
    torch.testing.assert_close(new.entry.weight[:, 8:11], old.entry.weight[:, 8:11])


def test_with_few_rows_it_is_better_to_start_from_what_is_known(
    champions: dict[Task, NetworkLearner],
) -> None:
    few = other_rows(n=120)
    short = declared().model_copy(update={"parameters": {**SMALL, "epochs": 2}})
    whole = other_rows(800)
    late = Evidence(whole.rows.slice(400), whole.labels[400:], whole.days[400:])
    scratch = fit(few, "binary", short, silent).learner
    moved = transfer(champions["binary"], few, "binary", short, silent).learner
    assert loss(moved, late, "binary") < loss(scratch, late, "binary")


def test_what_is_frozen_stays(champions: dict[Task, NetworkLearner]) -> None:
    base = champions["binary"]
    given = declared().model_copy(
        update={"transfer": Train.model_validate({
            "transfer": {"model": "other", "freeze": True}
        }).transfer}
    )  # fmt: skip
    learner = transfer(base, other_rows(), "binary", given, silent).learner
    assert isinstance(learner, NetworkLearner)
    for name, each in learner.network.blocks.named_parameters():
        assert torch.equal(each, base.network.blocks.get_parameter(name))
    assert not torch.equal(learner.network.head.weight, base.network.head.weight)


def test_another_shape_or_nothing_in_common_is_refused(
    champions: dict[Task, NetworkLearner],
) -> None:
    base = champions["binary"]
    wider = declared().model_copy(update={"parameters": {**SMALL, "width": 32}})
    with pytest.raises(ValueError, match=r"has width 32 \(there 16\)"):
        transfer(base, other_rows(), "binary", wider, silent)
    strange = replace(other_rows(), rows=pa.table({"y": np.arange(240.0)}))
    with pytest.raises(ValueError, match="no feature in common with y"):
        transfer(base, strange, "binary", declared(), silent)
