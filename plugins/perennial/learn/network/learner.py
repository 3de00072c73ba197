"""A tabular network that answers."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self, get_args

import numpy as np
from pydantic import Field, FiniteFloat
from torch import Tensor

from perennial.declare.frozen import Frozen
from perennial.declare.model import Task
from perennial.errors import IntegrityError
from perennial.learn.contract import Explanation, FloatArray, Rows
from perennial.learn.encoding import Encoding, Feature
from perennial.learn.network.architecture import Architecture, TabularNetwork
from perennial.learn.network.batches import Batch
from perennial.learn.network.explaining import contributions, filled_up
from perennial.learn.network.inputs import Inputs
from perennial.learn.network.level import Level
from perennial.learn.network.torch_library import repeatable, torch
from perennial.learn.network.weights import loaded, saved, shapes_of

WEIGHTS, NETWORK, FEATURES = "network.safetensors", "network.json", "features.json"
BASE = "base"
"""The embedded row that nobody knows anything about, beside the weights."""

SMALL_BATCH = 512
"""Up to so many rows one thread answers sooner than several can be woken."""

AT_ONCE = 8192
"""Rows that are answered at a time, which bounds the memory for a long table."""

SAMPLE = 512
"""Rows that importance is measured on."""


TASKS = get_args(Task)


class Told(Frozen):
    """What `network.json` tells."""

    architecture: Architecture
    knots: tuple[tuple[tuple[FiniteFloat, ...], tuple[FiniteFloat, ...]], ...] = Field(
        description="Per number where its ranks are (see `knots`)."
    )
    level: tuple[FiniteFloat, FiniteFloat] = Field(description="Centre and scale of the answers.")
    importance: tuple[FiniteFloat, ...] = Field(description="Per feature its share.")


class NetworkLearner:
    """A network, and all that stands between it and rows with names.

    Safe to ask from several threads at once. It learned with 32-bit numbers and answers with
    64-bit ones: a row alone, in a batch, on another number of threads or on another machine gets
    the same raw score to 1e-9 of its size, where 32-bit sums would differ by up to 1e-6, and a
    server could not prove that it answers as it did offline.
    """

    family: ClassVar[str] = "torch"

    def __init__(
        self,
        network: TabularNetwork,
        inputs: Inputs,
        level: Level,
        task: Task,
        base: Tensor,
        importance: FloatArray,
        threads: int = 2,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self._answering = copy.deepcopy(self.network).double()
        self.inputs, self.level, self.threads = inputs, level, threads
        self.base, self.shares = base, importance
        self._task: Task = task

    @classmethod
    def finished(
        cls,
        network: TabularNetwork,
        inputs: Inputs,
        level: Level,
        task: Task,
        data: Batch,
        threads: int,
    ) -> Self:
        """The learner that a network becomes once it has learned from `data`.

        Measures on them what belongs to a learner and not to its weights: the mean embedded row,
        where explanations start, and each feature's mean absolute contribution to 512 rows spread
        over `data`.
        """
        with repeatable(threads), torch.no_grad():
            total = torch.zeros(sum(network.architecture.lengths), dtype=torch.float64)
            for part in data.parts(-(-len(data) // AT_ONCE)):
                total += network.embed(part.numbers, part.missing, part.codes).double().sum(0)
            base = (total / max(1, len(data))).float()
            learner = cls(network, inputs, level, task, base, np.empty(0), threads)
            spread = torch.linspace(0, len(data) - 1, min(SAMPLE, len(data))).long()
            sizes = np.abs(learner._explained(data.take(spread))[1]).mean(axis=0)
        whole = sizes.sum()
        learner.shares = sizes / whole if whole > 0 else np.full(len(sizes), 1 / len(sizes))
        return learner

    @property
    def task(self) -> Task:
        """What kind of answer it gives."""
        return self._task

    @property
    def features(self) -> tuple[str, ...]:
        """The columns it needs, in its order."""
        return self.inputs.encoding.names

    def predict(self, rows: Rows) -> FloatArray:
        """The answers (n,): probabilities for binary, numbers in the label's unit otherwise."""
        raw = self.raw_scores(rows)
        if self._task == "regression":
            return raw
        from scipy.special import expit

        return np.asarray(expit(raw), dtype=np.float64)

    def raw_scores(self, rows: Rows) -> FloatArray:
        """Log-odds for binary, the answer itself otherwise (n,)."""
        return self._raw(self.inputs.batch(rows))

    def explain(self, rows: Rows) -> Explanation:
        """Integrated gradients from the mean row (see `explaining.contributions`)."""
        raw, parts = self._explained(self.inputs.batch(rows))
        with torch.inference_mode():
            alone = self._answering.answer(self.base.double()[None]).numpy()
        base = self.level.raw(alone)[0]
        parts = filled_up(parts, raw - base)
        return Explanation(self.features, np.full(len(raw), base), parts)

    def importance(self) -> dict[str, float]:
        """Per feature its mean absolute contribution to rows learned from, as a share."""
        return {name: float(each) for name, each in zip(self.features, self.shares, strict=True)}

    def save(self) -> dict[str, bytes]:
        """Weights as safe tensors; the network's shape, levels and inputs as JSON."""
        about = {
            "family": self.family,
            "task": self._task,
            "features": [each.model_dump(mode="json") for each in self.inputs.encoding.features],
        }
        told = Told(
            architecture=self.network.architecture,
            knots=self.inputs.knots,
            level=(self.level.centre, self.level.scale),
            importance=tuple(float(each) for each in self.shares),
        )
        return {
            WEIGHTS: saved({**self.network.state_dict(), BASE: self.base}),
            NETWORK: told.model_dump_json().encode(),
            FEATURES: _json(about),
        }

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The learner that `save` gave these bytes for; IntegrityError when they are no such."""
        try:
            about = json.loads(files[FEATURES])
            encoding = Encoding([Feature.model_validate(each) for each in about["features"]])
            told = Told.model_validate_json(files[NETWORK])
            inputs = Inputs(encoding, told.knots)
            task: Task = about["task"]
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"{FEATURES} or {NETWORK} cannot be read: {error}") from error
        shape = told.architecture
        fits = (shape.n_numbers, shape.sizes) == (len(inputs.numbers), inputs.sizes)
        if not fits or len(told.importance) != len(encoding.names) or task not in TASKS:
            raise IntegrityError(f"{NETWORK} and {FEATURES} tell of different models")
        expected = {**shapes_of(shape), BASE: (sum(shape.lengths),)}
        if WEIGHTS not in files:
            raise IntegrityError(f"{WEIGHTS} is missing")
        tensors = loaded(files[WEIGHTS], expected, WEIGHTS)
        base = tensors.pop(BASE)
        network = TabularNetwork(shape)  # no larger than the file, as its shapes are known now
        network.load_state_dict(tensors)
        return cls(network, inputs, Level(*told.level), task, base, np.array(told.importance))

    def _raw(self, batch: Batch) -> FloatArray:
        _set_threads(1 if len(batch) <= SMALL_BATCH else self.threads)
        if not len(batch):
            return np.empty(0)
        with torch.inference_mode():
            out = [
                self._answering(part.numbers.double(), part.missing, part.codes).numpy()
                for part in batch.parts(-(-len(batch) // AT_ONCE))
            ]
        return self.level.raw(np.concatenate(out))

    def _explained(self, batch: Batch) -> tuple[FloatArray, FloatArray]:
        """Raw scores (n,), and contributions (n, number of features) that nearly sum to them."""
        raw = self._raw(batch)
        with torch.no_grad():
            embedded = self._answering.embed(batch.numbers.double(), batch.missing, batch.codes)
        lengths = self.network.architecture.lengths
        parts = np.empty((len(batch), len(lengths)))
        parts[:, self.inputs.order] = self.level.scale * contributions(
            self._answering, embedded, self.base.double(), lengths
        )
        return raw, parts


def _set_threads(wanted: int) -> None:
    """Torch's number of threads belongs to the process, and no answer depends on it."""
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
