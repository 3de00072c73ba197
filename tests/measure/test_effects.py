"""Effects in bulk are those of `distances`, and their squares are norms close to no change."""

import numpy as np
import pytest

from perennial.measure.distances import cramers_v, ks_distance_of_counts
from perennial.measure.effects import Effect, norm_of, shares

OF_PAIRS = {"ks": ks_distance_of_counts, "cramers_v": cramers_v}


@pytest.mark.parametrize("effect", ["ks", "cramers_v"])
def test_effects_in_bulk_are_those_of_pairs(effect: Effect) -> None:
    random = np.random.default_rng(0)
    usual = np.array([0.5, 0.3, 0.2, 0.0])
    references = random.multinomial(5_000, usual, size=20).astype(float)
    windows = random.multinomial(300, [0.4, 0.3, 0.2, 0.1], size=20).astype(float)
    norm = norm_of(effect, references.sum(axis=0), references, windows)
    expected = [OF_PAIRS[effect](*pair) for pair in zip(references, windows, strict=True)]
    assert norm.effects(references, windows) == pytest.approx(expected)


@pytest.mark.parametrize("effect", ["ks", "cramers_v"])
def test_the_square_of_the_linear_part_is_the_effects_square_near_no_change(effect: Effect) -> None:
    random = np.random.default_rng(1)
    usual = np.array([0.4, 0.3, 0.2, 0.1])
    references = 1e9 * np.tile(usual, (20, 1))
    windows = 1e9 * (usual + 1e-3 * (random.dirichlet(np.ones(4), 20) - 0.25))
    norm = norm_of(effect, usual * 1e9, references, windows)
    squares = norm.squares(norm.linear(shares(windows) - shares(references)))
    expected = np.square(norm.effects(references, windows))
    assert squares - norm.offset == pytest.approx(expected, rel=0.01, abs=1e-8)


def test_a_category_without_rows_weighs_nothing() -> None:
    pair = np.array([[5.0, 5.0, 0.0]]), np.array([[6.0, 4.0, 0.0]])
    norm = norm_of("cramers_v", np.array([50.0, 50.0, 0.0]), *pair)
    assert norm.linear(np.array([[0.1, -0.1, 0.0]]))[0, 2] == 0
    assert np.isfinite(norm.effects(*pair)).all()
