"""A forest as an ONNX graph in double precision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perennial.learn.variants.making import NotPossibleError
from perennial.learn.variants.tree_text import Forest, Split, Tree

INPUT, OUTPUT = "rows", "raw_scores"
LESS_OR_EQUAL, MEMBER = 0, 6
"""How the operator TreeEnsemble numbers the questions of its nodes."""


@dataclass
class _Nodes:
    """The operator's attributes: one entry a node, or a leaf, over all trees."""

    roots: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    """The sets of all nodes that ask for membership, each ended by NaN."""
    is_missing_left: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    is_left_leaf: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    is_right_leaf: list[int] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)

    def add(self, tree: Tree) -> None:
        """Append a tree; a tree of one leaf asks something whose answers are the same."""
        first, first_leaf = len(self.modes), len(self.leaves)
        self.roots.append(first)
        for split in tree.splits or (Split(0, ~0, ~0, 0.0, None, "nan", is_missing_left=True),):
            self._ask(split)
            for child, places, is_leaf in (
                (split.left, self.left, self.is_left_leaf),
                (split.right, self.right, self.is_right_leaf),
            ):
                places.append(first + child if child >= 0 else first_leaf + ~child)
                is_leaf.append(int(child < 0))
        self.leaves += tree.leaves

    def _ask(self, split: Split) -> None:
        if split.missing == "zero":
            raise NotPossibleError("its splits take 0 for missing, which ONNX cannot say")
        is_left = split.threshold >= 0 if split.missing == "none" else split.is_missing_left
        self.features.append(split.feature)
        self.thresholds.append(split.threshold)
        self.modes.append(LESS_OR_EQUAL if split.categories is None else MEMBER)
        self.is_missing_left.append(int(is_left))
        if split.categories is not None:
            self.members += [*map(float, split.categories), float("nan")]


def graph_of(forest: Forest) -> bytes:
    """The graph, from rows (n, features) to raw scores (n, 1), both double; the same bytes twice.

    The operator is TreeEnsemble of ai.onnx.ml 5. Its sets of categories and its doubles are what
    older operators lack: they compare single-precision numbers, and take the other branch for a
    value that is very near a threshold.
    """
    from onnx import TensorProto, helper

    nodes = _Nodes()
    for tree in forest.trees:
        nodes.add(tree)
    n_leaves, double = len(nodes.leaves), TensorProto.DOUBLE
    operator = helper.make_node(
        "TreeEnsemble", [INPUT], [OUTPUT], domain="ai.onnx.ml", n_targets=1, aggregate_function=1,
        post_transform=0, tree_roots=nodes.roots, nodes_featureids=nodes.features,
        nodes_modes=_tensor("nodes_modes", nodes.modes, np.uint8),
        nodes_splits=_tensor("nodes_splits", nodes.thresholds, np.float64),
        nodes_missing_value_tracks_true=nodes.is_missing_left,
        nodes_truenodeids=nodes.left, nodes_trueleafs=nodes.is_left_leaf,
        nodes_falsenodeids=nodes.right, nodes_falseleafs=nodes.is_right_leaf,
        leaf_targetids=[0] * n_leaves,
        leaf_weights=_tensor("leaf_weights", nodes.leaves, np.float64),
        **(
            {"membership_values": _tensor("membership_values", nodes.members, np.float64)}
            if nodes.members
            else {}
        ),
    )  # fmt: skip
    graph = helper.make_graph(
        [operator], "trees",
        [helper.make_tensor_value_info(INPUT, double, [None, forest.n_features])],
        [helper.make_tensor_value_info(OUTPUT, double, [None, 1])],
    )  # fmt: skip
    versions = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    return bytes(model.SerializeToString(deterministic=True))


def _tensor(name: str, values: list[Any], kind: Any) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(values, dtype=kind), name)
