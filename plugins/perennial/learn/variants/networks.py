"""The variants of networks."""

from __future__ import annotations

from perennial.learn.variants.making import Variant
from perennial.learn.variants.network_forms import (
    distill,
    merge,
    prune,
    quantization_aware,
    quantize,
)
from perennial.learn.variants.onnx_network import to_onnx

VARIANTS: dict[str, Variant] = {
    "onnx": Variant(to_onnx, is_exact=True),
    "merged": Variant(merge, is_exact=True),
    "quantized": Variant(quantize, is_exact=False),
    "quantization_aware": Variant(quantization_aware, is_exact=False),
    "pruned": Variant(prune, is_exact=False),
    "distilled": Variant(distill, is_exact=False),
}
