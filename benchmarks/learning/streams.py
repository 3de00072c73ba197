"""Two seeded streams of phases in which what the inputs say about the label changes.

`shifted`: the relation turns by the same angle from phase to phase and never comes back. Inputs do
not tell which phase it is. `recurring`: two seasons in turns, A, B, A, B, …, that come back as they
were; the temperature mostly tells which one it is, so that a model can know both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from perennial.learn.contract import Evidence
from perennial.learn.evidence_rows import evidence_of, plain_table

NAMES = ("shifted", "recurring")
START = np.datetime64("2024-01-01", "D")
DAYS, FIRST_DAYS = 30, 7
"""Of a phase; of them those that ask what a model knows before it has learned any of it."""
TURN, SEASONS = np.deg2rad(25), np.deg2rad((0.0, 90.0))
"""By which angle the relation turns from phase to phase; the angles of the two seasons."""
REGIONS, KINDS = np.array(["north", "east", "south", "west", "isles"]), np.array(["a", "b", "c"])
N_NUMBERS = 5


@dataclass(frozen=True)
class Phase:
    """The rows of some days: those to learn from, and others of the same days that never are."""

    learned: Evidence
    held_out: Evidence

    @property
    def first_days(self) -> Evidence:
        """All rows of its first days; whoever asks about them has learned none of the phase."""
        tables = [plain_table(each) for each in (self.learned, self.held_out)]
        rows = evidence_of(pa.concat_tables(tables))
        is_first = rows.days < rows.days.min() + FIRST_DAYS
        return Evidence(rows.rows.filter(pa.array(is_first)), rows.labels[is_first],
                        rows.days[is_first])  # fmt: skip


def angle(stream: str, phase: int) -> float:
    """Which way the changing part of the relation points, in radians.

    >>> [round(float(np.rad2deg(angle("shifted", phase)))) for phase in range(4)]
    [0, 25, 50, 75]
    >>> [round(float(np.rad2deg(angle("recurring", phase)))) for phase in range(4)]
    [0, 90, 0, 90]
    """
    return float(phase * TURN if stream == "shifted" else SEASONS[phase % 2])


def phases(stream: str, seed: int, n: int, n_rows: int) -> list[Phase]:
    """`n` phases in order, each with `n_rows` rows to learn from and as many that never are."""
    world = World(stream, seed)
    return [world.phase(place, n_rows) for place in range(n)]


class World:
    """What stays the same in a stream: two relations that it turns between, and constant parts."""

    def __init__(self, stream: str, seed: int) -> None:
        if stream not in NAMES:
            raise ValueError(f"stream must be one of {', '.join(NAMES)}, got {stream!r}")
        self.stream, self.seed = stream, seed
        random = np.random.default_rng([seed, NAMES.index(stream)])
        # Two directions at a right angle to each other, each of length 1.
        turned, _ = np.linalg.qr(random.normal(size=(N_NUMBERS, 2)))
        self.directions = turned.T
        self.of_region = random.normal(size=(2, REGIONS.size))
        self.of_kind = random.permutation([-0.6, 0.0, 0.6])

    def phase(self, place: int, n_rows: int) -> Phase:
        """The phase at `place`, whatever was asked for before."""
        random = np.random.default_rng([self.seed, NAMES.index(self.stream), 1 + place])
        table = self._rows(place, 2 * n_rows, random)
        is_learned = random.permutation(np.arange(2 * n_rows) < n_rows)
        return Phase(*(evidence_of(table.filter(pa.array(each)))
                       for each in (is_learned, ~is_learned)))  # fmt: skip

    def _rows(self, place: int, n: int, random: np.random.Generator) -> Any:
        hidden = random.normal(size=(n, N_NUMBERS))
        region = random.choice(REGIONS.size, n, p=[0.4, 0.25, 0.2, 0.1, 0.05])
        kind = random.choice(KINDS.size, n, p=[0.5, 0.3, 0.2])
        is_unknown = random.random(n) < 0.15
        cold = 15.0 if self.stream == "shifted" else (8.0, 22.0)[place % 2]
        points = angle(self.stream, place)
        turn = np.array([np.cos(points), np.sin(points)])
        changing = 1.8 * np.tanh(hidden) @ (turn @ self.directions)
        changing += 0.7 * (turn @ self.of_region)[region]
        constant = self.of_kind[kind] + 0.8 * is_unknown + 0.5 * (kind == 1) * hidden[:, 0]
        chance = 1 / (1 + np.exp(-(2 * changing + constant - 0.4)))
        rows = {
            "price": np.round(np.exp(3 + 0.8 * hidden[:, 0]), 2),
            "wait": np.exp(1 + 0.5 * hidden[:, 1]),
            "weight": 70 + 12 * hidden[:, 2],
            "distance": hidden[:, 3] * 3,
            # Missing values say something, as they do in life.
            "age": np.where(is_unknown, np.nan, 40 + 10 * hidden[:, 4]),
            "temperature": cold + 4 * random.normal(size=n),
            "region": REGIONS[region],
            "kind": KINDS[kind],
        }
        days = START + place * DAYS + random.integers(DAYS, size=n)
        labels = (random.random(n) < chance).astype(np.float64)
        return plain_table(Evidence(pa.table(rows), labels, days))
