"""What the statistics accept: checked once, at the door, and refused by name."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


def finite_vector(values: npt.ArrayLike, name: str) -> FloatArray:
    """Return `values` as floats of shape (n,), refusing none at all and anything not finite.

    A NaN compares false with everything, so one that slipped through would lose its row, or win
    a ranking, without a word; hence it raises ValueError.

    >>> finite_vector([0.5, 1], "scores")
    array([0.5, 1. ])
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise ValueError(f"{name} must have the shape (n,), got {vector.shape}")
    if vector.size == 0:
        raise ValueError(f"{name} must hold at least one row, got none")
    n_bad = int(np.count_nonzero(~np.isfinite(vector)))
    if n_bad:
        first = int(np.argmax(~np.isfinite(vector)))
        raise ValueError(
            f"{name} must be finite, got {n_bad} of {vector.size} that are not, "
            f"the first at row {first}: {vector[first]}"
        )
    return vector


def paired_vectors(
    labels: npt.ArrayLike, scores: npt.ArrayLike, names: tuple[str, str] = ("labels", "scores")
) -> tuple[FloatArray, FloatArray]:
    """Return both as finite vectors of one length (n,); ValueError when the lengths differ.

    >>> paired_vectors([1, 2], [3, 4])
    (array([1., 2.]), array([3., 4.]))
    """
    first, second = finite_vector(labels, names[0]), finite_vector(scores, names[1])
    if first.size != second.size:
        raise ValueError(
            f"{names[0]} and {names[1]} must be of one length, got {first.size} and {second.size}"
        )
    return first, second


def binary_rows(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return labels (n,), each 0 or 1, and finite scores (n,); ValueError otherwise.

    >>> binary_rows([True, False], [2.0, -1.0])
    (array([1., 0.]), array([ 2., -1.]))
    """
    truth, scored = paired_vectors(labels, scores)
    strange = (truth != 0) & (truth != 1)
    if strange.any():
        raise ValueError(f"labels must be 0 or 1, got {truth[strange][0]}")
    return truth, scored


def probability_rows(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return labels (n,), each 0 or 1, and probabilities (n,) in [0, 1]; ValueError otherwise.

    >>> probability_rows([1, 0], [0.9, 0.0])
    (array([1., 0.]), array([0.9, 0. ]))
    """
    truth, scored = binary_rows(labels, scores)
    strange = (scored < 0) | (scored > 1)
    if strange.any():
        raise ValueError(f"scores must be probabilities in [0, 1], got {scored[strange][0]}")
    return truth, scored


def row_weights(weights: npt.ArrayLike | None, n_rows: int) -> FloatArray:
    """Return weights (n,), all ones for None; ValueError for a negative one or a sum of zero.

    >>> row_weights(None, 2)
    array([1., 1.])
    """
    if weights is None:
        return np.ones(n_rows)
    vector = finite_vector(weights, "weights")
    if vector.size != n_rows:
        raise ValueError(f"weights must have one value a row, got {vector.size} for {n_rows} rows")
    if (vector < 0).any():
        raise ValueError(f"weights must not be negative, got {vector.min()}")
    if not vector.any():
        raise ValueError("weights must not all be zero")
    return vector
