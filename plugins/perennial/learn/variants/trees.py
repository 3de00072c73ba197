"""The variants of boosted trees."""

from __future__ import annotations

from perennial.learn.variants.compiled_trees import compile_trees
from perennial.learn.variants.making import Variant
from perennial.learn.variants.onnx_trees import to_onnx
from perennial.learn.variants.smaller_trees import distill, prune

VARIANTS: dict[str, Variant] = {
    "compiled": Variant(compile_trees, is_exact=True),
    "onnx": Variant(to_onnx, is_exact=True),
    "pruned": Variant(prune, is_exact=False),
    "distilled": Variant(distill, is_exact=False),
}
