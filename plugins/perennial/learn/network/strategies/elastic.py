"""Weights that mattered before are held in place while new days are learned.

Elastic weight consolidation (Kirkpatrick et al. 2017, doi:10.1073/pnas.1611835114), kept up to date
as one running mean (Schwarz et al. 2018, arXiv:1805.06370).
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from perennial.declare.model import Task
from perennial.declare.train import Train
from perennial.errors import IntegrityError, NotEnoughEvidenceError
from perennial.learn.contract import Evidence, Fitted, Learner, Lesson, State
from perennial.learn.network.architecture import TabularNetwork
from perennial.learn.network.batches import Batch
from perennial.learn.network.objectives import Objective, Penalty, label_loss
from perennial.learn.network.strategies.onward import Onward, plain
from perennial.learn.network.torch_library import torch
from perennial.learn.network.weights import saved

FILE = "fisher.safetensors"
N_ROWS = "n_rows"
AT_ONCE = 64
"""Rows whose gradients are held at a time."""


def ewc(lesson: Lesson) -> Fitted:
    """All weights learn, each tied to where it was by how much it mattered."""
    fisher, _ = read(lesson.start.state)
    onward = Onward(lesson)
    objective = Objective(
        label_loss(onward.base.task),
        penalty=held(onward.base.network, fisher, lesson.declared.update.ewc.strength),
    )
    learned = onward.learn(objective=objective)
    return onward.fitted(learned)


def remember(learner: Learner, evidence: Evidence, declared: Train, was: State) -> dict[str, bytes]:
    """The mean Fisher information of all rows learned so far, taken over a sample of the new."""
    base = plain(learner)
    n = evidence.labels.size
    wanted = min(n, declared.update.ewc.rows)
    places = np.random.default_rng(declared.seed).choice(n, wanted, replace=False)
    targets = base.level.targets(evidence.labels)
    batch = base.inputs.batch(evidence.rows, targets).take(torch.from_numpy(np.sort(places)))
    found, n_before = fisher_of(base.network, batch, base.task), 0
    if FILE in was:
        before, n_before = read(was)
        share = n_before / (n_before + n)
        for name, now in found.items():
            if name in before and before[name].shape == now.shape:
                found[name] = share * before[name] + (1 - share) * now
    tensors = {name: each.float() for name, each in found.items()}
    return {FILE: saved({**tensors, N_ROWS: torch.tensor(float(n_before + n))})}


def read(state: State) -> tuple[dict[str, Tensor], int]:
    """The Fisher information by parameter, and the number of rows it is the mean of."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if FILE not in state:
        raise NotEnoughEvidenceError(
            "strategy ewc needs the Fisher information that is kept with a version, but what "
            "serves has none, since ewc was not among train.update.ways when it learned; retrain "
            "first"
        )
    try:
        tensors = load(state[FILE])
        return tensors, int(tensors.pop(N_ROWS))
    except (SafetensorError, KeyError, ValueError) as error:
        raise IntegrityError(f"{FILE} cannot be read: {error}") from error


def fisher_of(network: TabularNetwork, batch: Batch, task: Task) -> dict[str, Tensor]:
    """The diagonal of the Fisher information of a single row, by parameter: the mean over rows.

    Of each row's own gradient, squared, and never the square of a batch's mean, which is smaller
    by about the batch's size. Over the answers that the network itself expects: for binary the
    expectation is exactly p(1 - p) x (d out / d weight)^2; for regression the squared derivative
    over the variance of what is left, here that of the batch.
    """
    from torch.func import functional_call, grad, vmap

    weights = {name: each.detach() for name, each in network.named_parameters()}

    def out_of(weights: dict[str, Tensor], *row: Tensor) -> Tensor:
        alone = tuple(each.unsqueeze(0) for each in row)
        out: Tensor = functional_call(network, weights, alone)[0]
        return out

    gradients = vmap(grad(out_of), in_dims=(None, 0, 0, 0))
    with torch.no_grad():
        out = network(batch.numbers, batch.missing, batch.codes)
    certainty = 1 / float(((out - batch.targets) ** 2).mean().clamp_min(1e-12))
    total = {name: torch.zeros_like(each, dtype=torch.float64) for name, each in weights.items()}
    for first in range(0, len(batch), AT_ONCE):
        part = batch.take(slice(first, first + AT_ONCE))
        share = torch.sigmoid(out[first : first + AT_ONCE])
        weight = share * (1 - share) if task == "binary" else torch.full_like(share, certainty)
        found = gradients(weights, part.numbers, part.missing, part.codes)
        for name, each in found.items():
            squares = each.double().flatten(1) ** 2 * weight.double().unsqueeze(1)
            total[name] += squares.sum(0).reshape(total[name].shape)
    return {name: each / len(batch) for name, each in total.items()}


def held(network: TabularNetwork, fisher: dict[str, Tensor], strength: float) -> Penalty:
    """strength / 2 x the sum over weights of Fisher information x squared distance from now."""
    anchors = {name: each.detach().clone() for name, each in network.named_parameters()}

    def penalty(moved: TabularNetwork) -> Tensor:
        parts = [
            (fisher[name].to(each) * (each - anchors[name].to(each)) ** 2).sum()
            for name, each in moved.named_parameters()
            if name in fisher and fisher[name].shape == each.shape
        ]
        return strength / 2 * torch.stack(parts).sum()

    return penalty
