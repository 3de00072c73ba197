"""A forest as LLVM's intermediate code: one small function a tree, so that it compiles in seconds.

One large function would take LLVM minutes: its time grows faster than a function's size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise

from perennial.learn.variants.tree_text import Forest, Split, Tree

ENTRY = "forest"
BLOCK = 32
"""Trees that answer all rows before the next ones do, so that their code stays in the cache."""

ZERO = struct.unpack("f", struct.pack("f", 1e-35))[0]
"""LightGBM takes smaller numbers for 0 (a single-precision constant of its own)."""


def code_of(forest: Forest) -> str:
    """The code of `void forest(double* rows, double* sums, i64 n)`.

    It adds each row's raw score to what stands in `sums`. Trees are added one by one in their
    order, as LightGBM does, so that sums agree to the last bit. Categories are read as whole
    numbers, once a row and block.
    """
    places = {feature: place for place, feature in enumerate(forest.categories)}
    parts = ["\n".join(_tree(number, tree, places)) for number, tree in enumerate(forest.trees)]
    edges = [*range(0, len(forest.trees), BLOCK), len(forest.trees)]
    parts += ["\n".join(_block(forest, places, *edge)) for edge in pairwise(edges)]
    calls = [f"  call void @block{start}(double* %x, double* %y, i64 %n)" for start in edges[:-1]]
    entry = [f"define void @{ENTRY}(double* %x, double* %y, i64 %n) {{", *calls, "  ret void", "}"]
    return "\n".join(["declare double @llvm.fabs.f64(double)", *parts, *entry])


def _tree(number: int, tree: Tree, places: dict[int, int]) -> Iterator[str]:
    """`double tree(double* row, i32* categories)`."""
    sets = []
    yield f"define private double @tree{number}(double* %x, i32* %c) {{"
    yield f"  br label %{'n0' if tree.splits else 'l0'}"
    for place, split in enumerate(tree.splits):
        if split.categories is None:
            yield from _number(place, split)
        else:
            words = _words(split.categories)
            name = f"@set{number}_{place}"
            sets.append(f"{name} = private constant [{len(words)} x i64] [{_listed(words)}]")
            yield from _category(place, split, places[split.feature], name, len(words))
    for leaf, value in enumerate(tree.leaves):
        yield f"l{leaf}:\n  ret double {_exact(value)}"
    yield "}"
    yield from sets


def _number(place: int, split: Split) -> Iterator[str]:
    i, left, right = place, _label(split.left), _label(split.right)
    yield f"n{i}:"
    yield f"  %p{i} = getelementptr double, double* %x, i64 {split.feature}"
    yield f"  %v{i} = load double, double* %p{i}"
    is_missing_left = split.is_missing_left
    if split.missing == "zero":
        missing = left if is_missing_left else right
        yield f"  %a{i} = call double @llvm.fabs.f64(double %v{i})"
        yield f"  %z{i} = fcmp ule double %a{i}, {_exact(ZERO)}"
        yield f"  br i1 %z{i}, label %{missing}, label %m{i}"
        yield f"m{i}:"
    elif split.missing == "none":
        is_missing_left = split.threshold >= 0  # NaN goes where 0 would
    comparison = "ule" if is_missing_left else "ole"  # u: also true for NaN
    yield f"  %b{i} = fcmp {comparison} double %v{i}, {_exact(split.threshold)}"
    yield f"  br i1 %b{i}, label %{left}, label %{right}"


def _category(place: int, split: Split, category: int, name: str, n: int) -> Iterator[str]:
    """Bit `code` of the set says left; a code beyond it (missing is one) goes right."""
    i, left, right = place, _label(split.left), _label(split.right)
    kind = f"[{n} x i64]"
    yield f"n{i}:"
    yield f"  %p{i} = getelementptr i32, i32* %c, i64 {category}"
    yield f"  %v{i} = load i32, i32* %p{i}"
    yield f"  %k{i} = icmp ult i32 %v{i}, {64 * n}"
    yield f"  br i1 %k{i}, label %m{i}, label %{right}"
    yield f"m{i}:"
    yield f"  %z{i} = zext i32 %v{i} to i64"
    yield f"  %q{i} = lshr i64 %z{i}, 6"
    yield f"  %e{i} = getelementptr {kind}, {kind}* {name}, i64 0, i64 %q{i}"
    yield f"  %w{i} = load i64, i64* %e{i}"
    yield f"  %s{i} = and i64 %z{i}, 63"
    yield f"  %t{i} = lshr i64 %w{i}, %s{i}"
    yield f"  %b{i} = trunc i64 %t{i} to i1"
    yield f"  br i1 %b{i}, label %{left}, label %{right}"


def _block(forest: Forest, places: dict[int, int], start: int, end: int) -> Iterator[str]:
    """`void block(double* rows, double* sums, i64 n)`: some trees, all rows."""
    kind = f"[{max(1, len(places))} x i32]"
    yield f"define private void @block{start}(double* %x, double* %y, i64 %n) {{"
    yield f"  %room = alloca {kind}"
    yield f"  %c = getelementptr {kind}, {kind}* %room, i64 0, i64 0"
    yield "  br label %head"
    yield "head:"
    yield "  %i = phi i64 [0, %0], [%next, %body]"
    yield "  %more = icmp ult i64 %i, %n"
    yield "  br i1 %more, label %body, label %end"
    yield "body:"
    yield f"  %offset = mul i64 %i, {forest.n_features}"
    yield "  %row = getelementptr double, double* %x, i64 %offset"
    yield "  %sum = getelementptr double, double* %y, i64 %i"
    yield "  %so_far = load double, double* %sum"
    for feature, place in places.items():
        yield f"  %from{place} = getelementptr double, double* %row, i64 {feature}"
        yield f"  %double{place} = load double, double* %from{place}"
        yield f"  %known{place} = fcmp oge double %double{place}, 0.0"
        yield f"  %whole{place} = fptosi double %double{place} to i32"
        yield f"  %code{place} = select i1 %known{place}, i32 %whole{place}, i32 -1"
        yield f"  %to{place} = getelementptr i32, i32* %c, i64 {place}"
        yield f"  store i32 %code{place}, i32* %to{place}"
    before = "%so_far"
    for number in range(start, end):
        yield f"  %tree{number} = call double @tree{number}(double* %row, i32* %c)"
        yield f"  %sum{number} = fadd double {before}, %tree{number}"
        before = f"%sum{number}"
    yield f"  store double {before}, double* %sum"
    yield "  %next = add i64 %i, 1"
    yield "  br label %head"
    yield "end:"
    yield "  ret void"
    yield "}"


def _label(child: int) -> str:
    return f"n{child}" if child >= 0 else f"l{~child}"


def _words(members: tuple[int, ...]) -> list[int]:
    words = [0] * (max(members, default=0) // 64 + 1)
    for each in members:
        words[each // 64] |= 1 << (each % 64)
    return words


def _listed(words: list[int]) -> str:
    return ", ".join(f"i64 {word}" for word in words)


def _exact(value: float) -> str:
    """A double by its bits: decimal digits would be rounded on the way."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    return f"0x{bits:016X}"
