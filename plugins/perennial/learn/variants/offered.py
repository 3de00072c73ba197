"""The variants of each family by name, and the classes of those that load in a way of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping

from perennial.learn.contract import Learner
from perennial.learn.variants.making import VARIANT, Variant


def variants_of(family: str) -> dict[str, Variant]:
    """What a family makes of its learners, by the names that a declaration uses."""
    if family == "lightgbm":
        from perennial.learn.variants.trees import VARIANTS

        return VARIANTS
    if family == "torch":
        from perennial.learn.variants.networks import VARIANTS as OF_NETWORKS

        return OF_NETWORKS
    raise ValueError(f"family must be lightgbm or torch, got {family!r}")


def variant_class(files: Mapping[str, bytes]) -> type[Learner]:
    """The class of the variant that a version's files name in `variant.json`."""
    about = json.loads(files[VARIANT])
    match about["family"], about["variant"]:
        case "lightgbm", "compiled":
            from perennial.learn.variants.compiled_trees import CompiledTrees

            return CompiledTrees
        case "lightgbm", "onnx":
            from perennial.learn.variants.onnx_trees import OnnxTrees

            return OnnxTrees
        case "torch", "onnx":
            from perennial.learn.variants.onnx_network import OnnxNetwork

            return OnnxNetwork
    raise ValueError(f"{VARIANT} must name a variant of a family, got {about!r}")
