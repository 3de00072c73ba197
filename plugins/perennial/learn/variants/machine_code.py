"""Machine code for the machine that serves: made once, loaded from verified bytes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from perennial.declare.frozen import Frozen
from perennial.errors import UnavailableError
from perennial.learn.contract import FloatArray

EFFORT = 1
"""LLVM's own measure, 0 to 3. More takes twice as long and makes trees no faster."""


class Target(Frozen):
    """The machine that code was made for."""

    triple: str
    """Architecture, vendor, operating system."""
    cpu: str
    features: tuple[str, ...]
    """The instruction sets that the code may use, sorted."""


def this_machine() -> Target:
    """The machine that this runs on."""
    binding = _llvm()
    found = binding.get_host_cpu_features()
    return Target(
        triple=binding.get_process_triple(),
        cpu=binding.get_host_cpu_name(),
        features=tuple(sorted(name for name, is_there in found.items() if is_there)),
    )


def compiled(code: str, target: Target) -> bytes:
    """The object file of LLVM's intermediate code; the same bytes each time."""
    binding = _llvm()
    module = binding.parse_assembly(code)
    module.triple = target.triple
    return bytes(_target_machine(target).emit_object(module))


class Loaded:
    """A function `void (double* rows, double* sums, i64 n)` out of an object file's bytes.

    The bytes are linked in memory: no file is written or opened. Raises UnavailableError on a
    machine that lacks what the code was made with; it would die of the first such instruction.
    """

    def __init__(self, content: bytes, target: Target, name: str) -> None:
        check(target, this_machine())
        binding = _llvm()
        # The engine owns the code's memory, so it has to live as long as the function.
        self._engine = binding.create_mcjit_compiler(
            binding.parse_assembly(""), _target_machine(target)
        )
        self._engine.set_object_cache(getbuffer_func=lambda _: content)
        self._engine.finalize_object()
        address = self._engine.get_function_address(name)
        if not address:
            raise UnavailableError(f"the compiled object has no function {name!r}")
        signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        self._function: Callable[[int, int, int], None] = signature(address)

    def add(self, matrix: FloatArray, sums: FloatArray) -> None:
        """Add the raw score of each row of the C-ordered matrix (n, features) to sums (n,)."""
        self._function(matrix.ctypes.data, sums.ctypes.data, len(matrix))


def check(target: Target, here: Target) -> None:
    """Raise UnavailableError unless code made for `target` runs on the machine `here`."""
    lacking = sorted(set(target.features) - set(here.features))
    if target.triple == here.triple and not lacking:
        return
    lacks = f", which lacks {', '.join(lacking)}" if lacking else ""
    raise UnavailableError(
        f"this version was compiled for {target.cpu} ({target.triple}), and this machine is "
        f"{here.cpu} ({here.triple}){lacks}: run `perennial optimize` on a machine like the one "
        "that serves, or leave compiled out of optimize.variants"
    )


def _target_machine(target: Target) -> Any:
    return (
        _llvm()
        .Target.from_triple(target.triple)
        .create_target_machine(
            cpu=target.cpu,
            features=",".join(f"+{each}" for each in target.features),
            reloc="pic",
            codemodel="large",  # objects of large forests outgrow the offsets of the small one
            opt=EFFORT,
        )
    )


def _llvm() -> Any:
    """LLVM's binding, ready to make and load code of this machine."""
    from llvmlite import binding

    binding.initialize()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding
