from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from perennial.errors import DeclarationError
from perennial.learn.network import checkpointing
from perennial.learn.network.architecture import Architecture, TabularNetwork, fresh
from perennial.learn.network.batches import Batch, shuffled
from perennial.learn.network.learning import Learned, learn
from perennial.learn.network.objectives import Objective, label_loss
from perennial.learn.network.settings import Settings

SHAPE = Architecture(
    n_numbers=3, sizes=(4,), width=8, blocks=2, dropout=0.3, hidden=0.1, embedding=2, frequencies=3,
    frequency_scale=0.1, numeric_embedding=2,
)  # fmt: skip
SETTINGS = Settings(
    learning_rate=0.01, weight_decay=0.01, max_gradient=1.0, batch=32, accumulate=1, epochs=4,
    patience=2, seed=5, threads=1, device="cpu",
)  # fmt: skip
OBJECTIVE = Objective(label_loss("binary"))


def rows(n: int = 100, seed: int = 1) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    numbers = torch.randn(n, 3, generator=draw)
    return Batch(
        numbers=numbers,
        missing=torch.rand(n, 3, generator=draw) < 0.1,
        codes=torch.randint(0, 5, (n, 1), generator=draw),
        targets=(numbers[:, 0] > 0).float(),
    )


def run(
    settings: Settings = SETTINGS, data: Batch | None = None, **how: Any
) -> tuple[TabularNetwork, Learned]:
    network = fresh(SHAPE, seed=2)
    how = {"objective": OBJECTIVE, "on_round": lambda n: None, **how}
    return network, learn(network, data or rows(), settings, **how)


def same(one: TabularNetwork, other: TabularNetwork) -> bool:
    there = other.state_dict()
    return all(torch.equal(each, there[name]) for name, each in one.state_dict().items())


def test_twice_gives_the_same_bits() -> None:
    assert same(run()[0], run()[0])
    assert not same(run()[0], run(replace(SETTINGS, seed=6))[0])


def test_a_batch_in_parts_moves_the_weights_as_a_whole_one() -> None:
    """Dropout and row weights included; only the rounding of sums differs."""
    data = replace(rows(), weights=torch.linspace(0.1, 2, 100))
    whole = run(SETTINGS, data)[0]
    for accumulate in (2, 3, 32, 1000):
        parts = run(replace(SETTINGS, accumulate=accumulate), data)[0]
        for name, each in parts.state_dict().items():
            torch.testing.assert_close(each, whole.state_dict()[name], atol=1e-5, rtol=1e-4)


def test_a_penalty_counts_once_however_many_parts_there_are() -> None:
    def penalty(network: TabularNetwork) -> torch.Tensor:
        return 10 * (network.head.weight**2).sum()

    held = Objective(label_loss("binary"), penalty)
    whole = run(objective=held)[0]
    parts = run(replace(SETTINGS, accumulate=4), objective=held)[0]
    torch.testing.assert_close(parts.head.weight, whole.head.weight, atol=1e-5, rtol=1e-4)
    assert whole.head.weight.abs().sum() < run()[0].head.weight.abs().sum()


def test_only_what_may_move_moves() -> None:
    moved, _ = run(trainable=lambda name: name.startswith("head."))
    start = fresh(SHAPE, seed=2).state_dict()
    changed = {
        name for name, each in moved.state_dict().items() if not torch.equal(each, start[name])
    }
    assert changed == {"head.weight", "head.bias"}
    assert all(each.requires_grad for each in moved.parameters())
    with pytest.raises(ValueError, match="nothing to learn"):
        run(trainable=lambda name: False)


def test_more_columns_reach_the_objective_row_by_row() -> None:
    data = rows()
    seen = []

    def taught(out: torch.Tensor, batch: Batch) -> torch.Tensor:
        assert torch.equal(batch.more["twice"], 2 * batch.numbers[:, 0])
        seen.append(len(batch))
        return (out - batch.more["twice"]) ** 2

    run(data=replace(data, more={"twice": 2 * data.numbers[:, 0]}), objective=Objective(taught))
    assert sum(seen) == 4 * 100


def test_batches_can_be_drawn_otherwise() -> None:
    _, learned = run(batches=lambda epoch: [torch.tensor([epoch, 7, 7])])
    assert len(learned.training) == 4


def test_the_best_epoch_is_kept_and_it_stops_when_nothing_gets_better() -> None:
    late = rows(60, seed=9)
    upside_down = replace(late, targets=1 - late.targets)
    network, learned = run(replace(SETTINGS, epochs=20), later=upside_down)
    assert learned.is_stopped_early
    assert learned.n_epochs == 1 + int(np.argmin(learned.validation))
    assert len(learned.validation) == learned.n_epochs + SETTINGS.patience
    again, _ = run(replace(SETTINGS, epochs=20), n_epochs=learned.n_epochs)
    assert same(network, again)


def test_a_loss_that_is_no_number_is_told() -> None:
    with pytest.raises(DeclarationError, match=r"in epoch \d+, step \d+ the loss is .* smaller"):
        run(replace(SETTINGS, learning_rate=1e30, epochs=40))


def test_cuda_that_is_not_there_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(ValueError, match="torch finds no CUDA here"):
        run(replace(SETTINGS, device="cuda"))
    assert same(run(replace(SETTINGS, device="auto"))[0], run()[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_learns_the_same_twice_and_nearly_what_the_cpu_does() -> None:
    on_cuda = replace(SETTINGS, device="cuda")
    network, learned = run(on_cuda)
    assert same(network, run(on_cuda)[0])
    assert learned.training == pytest.approx(run()[1].training, rel=1e-3)


def test_what_belongs_to_the_process_is_put_back() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    state = torch.random.get_rng_state()
    run(replace(SETTINGS, threads=2))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    rounds: list[int] = []
    network, learned = run(checkpoint=tmp_path)
    again, same_learned = run(checkpoint=tmp_path, on_round=rounds.append, batches=no_batches)
    assert same(network, again)
    assert learned == same_learned
    assert rounds == [1] * 4


def no_batches(epoch: int) -> list[torch.Tensor]:
    raise AssertionError("nothing is left to learn")


def test_the_checkpoint_of_another_training_is_ignored(tmp_path: Path) -> None:
    run(checkpoint=tmp_path)
    other = replace(SETTINGS, learning_rate=0.02)
    assert same(run(other, checkpoint=tmp_path)[0], run(other)[0])


@pytest.mark.parametrize(
    "change", [lambda c: c[: len(c) // 2], lambda c: b"", lambda c: c[:-1] + b"?"]
)
def test_a_damaged_checkpoint_is_ignored(tmp_path: Path, change: Any) -> None:
    run(checkpoint=tmp_path)
    stand = tmp_path / checkpointing.NAME
    stand.write_bytes(change(stand.read_bytes()))
    assert checkpointing.read(tmp_path) is None
    assert same(run(checkpoint=tmp_path)[0], run()[0])


def test_every_row_is_drawn_once_an_epoch_and_epochs_differ() -> None:
    draw = shuffled(103, 10, seed=1)
    first, second = torch.cat(list(draw(0))), torch.cat(list(draw(1)))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(103))
    assert not torch.equal(first, second)
    assert {len(each) for each in draw(0)} <= {9, 10}
