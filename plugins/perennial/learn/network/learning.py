"""How a network learns: the one loop that a training from scratch and every strategy share.

    learned = learn(
        network,                # TabularNetwork, changed in place
        data,                   # Batch: all rows to learn from
        settings,               # Settings: rates, sizes, epochs, seed, device
        objective,              # Objective: a loss per row, a penalty on the network
        on_round,               # called with 1 after every epoch
        later=None,             # Batch that decides when it is enough; the best epoch is kept
        n_epochs=None,          # or: exactly so many, of settings.epochs that the rate falls over
        trainable=None,         # which parameters move, by name; all of them without
        batches=None,           # Drawing: the batches of each epoch; shuffled rows without
        checkpoint=None,        # a folder: killed in the middle, the same call goes on from there
    )                           # -> Learned: epochs done, the curve

A strategy is made of these: what is learned from (rows of the past mixed into `data`, `weights` for
rows that count less, `batches` for their share in each), what is minimised (`more` columns such as
a teacher's answers for `objective.rows`; `objective.penalty` for weights held in place) and what
may move (`trainable`). Two runs of one call give the same bits on the same machine, killed or not:
batches and dropout are drawn by seed, epoch and step, so no generator's state has to be kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path

from torch import Tensor, nn

from perennial.errors import DeclarationError
from perennial.keep.fingerprints import of_bytes
from perennial.learn.contract import OnRound
from perennial.learn.network import checkpointing
from perennial.learn.network.architecture import TabularNetwork
from perennial.learn.network.batches import Batch, Drawing, number_of, shuffled
from perennial.learn.network.checkpointing import Stand
from perennial.learn.network.objectives import Objective, weight, weighted_sum
from perennial.learn.network.settings import Settings
from perennial.learn.network.torch_library import device_of, repeatable, torch

EVALUATED = 8192
"""Held-out rows that are answered at a time."""


@dataclass
class Learned:
    """How it went: mean losses epoch by epoch."""

    training: list[float] = field(default_factory=list)
    """Of each epoch's own batches, while the weights moved; the penalty is not in it."""
    validation: list[float] = field(default_factory=list)
    """Of the held-out rows after each epoch; empty without any."""
    n_epochs: int = 0
    """The epoch whose weights the network has now, counted from 1."""
    is_stopped_early: bool = False


def learn(
    network: TabularNetwork,
    data: Batch,
    settings: Settings,
    objective: Objective,
    on_round: OnRound,
    *,
    later: Batch | None = None,
    n_epochs: int | None = None,
    trainable: Callable[[str], bool] | None = None,
    batches: Drawing | None = None,
    checkpoint: Path | None = None,
) -> Learned:
    """Move a network's weights by AdamW until held-out rows get no better, or for `n_epochs`.

    Raises DeclarationError when the loss is no number any more, and ValueError for CUDA where
    there is none.
    """
    with repeatable(settings.threads), _moving(network, trainable) as moving:
        course = _Course(network, moving, data, settings, objective, later, checkpoint)
        draw = batches or shuffled(len(data), settings.batch, settings.seed)
        for _ in range(len(course.learned.training)):
            on_round(1)
        while not course.is_over(n_epochs):
            course.epoch(draw)
            course.keep()
            on_round(1)
        return course.end()


class _Course:
    """One training: the network, its optimizer, and how it went so far."""

    def __init__(
        self,
        network: TabularNetwork,
        moving: dict[str, nn.Parameter],
        data: Batch,
        settings: Settings,
        objective: Objective,
        later: Batch | None,
        folder: Path | None,
    ) -> None:
        self.network, self.data, self.settings = network, data, settings
        self.objective, self.later, self.folder = objective, later, folder
        self.device = device_of(settings.device)
        self.moving = moving
        network.to(self.device)
        self.optimizer = torch.optim.AdamW(
            list(moving.values()), lr=0.0, weight_decay=settings.weight_decay
        )
        self.learned = Learned()
        self.best: dict[str, Tensor] = {}
        self.identity = of_bytes(
            json.dumps(
                [asdict(settings), len(data), len(later) if later else 0]
                + [[name, list(each.shape)] for name, each in moving.items()]
            ).encode()
        )
        self._go_on()

    def is_over(self, n_epochs: int | None) -> bool:
        """Whether there were enough epochs."""
        done = len(self.learned.training)
        if n_epochs is not None or self.later is None:
            return done >= (n_epochs if n_epochs is not None else self.settings.epochs)
        waited = done - self.learned.n_epochs
        self.learned.is_stopped_early = waited >= self.settings.patience
        return self.learned.is_stopped_early or done >= self.settings.epochs

    def epoch(self, draw: Drawing) -> None:
        """Go through the rows once, and look at the held-out ones."""
        number = len(self.learned.training)
        self.network.train()
        drawn = draw(number)
        total = heavy = 0.0
        for place, rows in enumerate(drawn):
            self.network.begin(number_of(self.settings.seed, number, place))
            rate = self.settings.rate_at(number + (place + 1) / len(drawn))
            batch = self.data.take(rows)
            loss = self._step(batch, rate, f"epoch {number + 1}, step {place + 1}")
            total += loss * weight(batch)
            heavy += weight(batch)
        self.network.eval()
        self.learned.training.append(total / heavy)
        if self.later is None:
            self.learned.n_epochs = number + 1
            return
        loss = self._held_out(self.later)
        if loss < min(self.learned.validation, default=inf):
            self.learned.n_epochs = number + 1
            self.best = {name: each.detach().clone() for name, each in self.moving.items()}
        self.learned.validation.append(loss)

    def _step(self, batch: Batch, rate: float, when: str) -> float:
        """Move the weights once, by the gradient of the whole batch; its mean loss before."""
        self.optimizer.zero_grad()
        loss, whole = 0.0, weight(batch)
        for part in batch.parts(self.settings.accumulate):
            here = part.to(self.device)
            out = self.network(here.numbers, here.missing, here.codes)
            share = weighted_sum(self.objective.rows(out, here), here) / whole
            torch.autograd.backward(share)
            loss += share.item()
        if self.objective.penalty is not None:
            torch.autograd.backward(self.objective.penalty(self.network))
        length = torch.nn.utils.clip_grad_norm_(self.moving.values(), self.settings.max_gradient)
        if not torch.isfinite(length) or not isfinite(loss):
            raise DeclarationError(
                [
                    f"the network does not learn: in {when} the loss is {loss:g} and its gradient "
                    f"{length.item():g}; declare a smaller learning rate (it is "
                    f"{self.settings.learning_rate:g}: train.parameters.learning_rate, or "
                    "train.update.learning_rate for an update)"
                ]
            )
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        return loss

    def _held_out(self, later: Batch) -> float:
        loss = self.objective.judged or self.objective.rows
        total = 0.0
        with torch.no_grad():
            for part in later.parts(-(-len(later) // EVALUATED)):
                here = part.to(self.device)
                out = self.network(here.numbers, here.missing, here.codes)
                total += weighted_sum(loss(out, here).double(), here).item()
        return total / weight(later)

    def end(self) -> Learned:
        """The network as it is best, back on the CPU."""
        with torch.no_grad():
            for name, best in self.best.items():
                self.moving[name].copy_(best)
        self.network.cpu().eval()
        return self.learned

    def keep(self) -> None:
        """Write down where the training stands, where a folder was given."""
        if self.folder is None:
            return
        tensors: dict[str, Tensor] = {f"weight/{name}": each for name, each in self.moving.items()}
        tensors |= {f"best/{name}": each for name, each in self.best.items()}
        for name, each in self.moving.items():
            state = self.optimizer.state[each]
            tensors |= {f"{part}/{name}": state[part] for part in ADAM if part in state}
        facts = {"identity": self.identity, **asdict(self.learned)}
        checkpointing.write(self.folder, Stand(tensors, facts))

    def _go_on(self) -> None:
        """Take up what an earlier run of this very training left, if it did."""
        stand = checkpointing.read(self.folder) if self.folder else None
        if stand is None or stand.facts["identity"] != self.identity:
            return
        facts = {name: value for name, value in stand.facts.items() if name != "identity"}
        self.learned = Learned(**facts)
        with torch.no_grad():
            for name, each in self.moving.items():
                each.copy_(stand.tensors[f"weight/{name}"])
                state = {part: stand.tensors.get(f"{part}/{name}") for part in ADAM}
                self.optimizer.state[each] = {
                    # The count of steps stays on the CPU, wherever the weights are.
                    part: tensor if part == "step" else tensor.to(self.device)
                    for part, tensor in state.items()
                    if tensor is not None
                }
                if f"best/{name}" in stand.tensors:
                    self.best[name] = stand.tensors[f"best/{name}"].to(self.device)


ADAM = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW remembers of each parameter."""


@contextmanager
def _moving(
    network: TabularNetwork, trainable: Callable[[str], bool] | None
) -> Iterator[dict[str, nn.Parameter]]:
    """The parameters that may move, by name; none of the others gets a gradient meanwhile."""
    before = {name: each.requires_grad for name, each in network.named_parameters()}
    for name, each in network.named_parameters():
        each.requires_grad_(trainable is None or trainable(name))
    try:
        moving = {name: each for name, each in network.named_parameters() if each.requires_grad}
        if not moving:
            raise ValueError("no parameter of the network may move, so there is nothing to learn")
        yield moving
    finally:
        for name, each in network.named_parameters():
            each.requires_grad_(before.get(name, True))
            each.grad = None
