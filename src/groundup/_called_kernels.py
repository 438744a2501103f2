"""Kernels that are called by other kernels: compiled into their callers, and nowhere else.

numba gives every function that it compiles machine code of its own, and wrappers to call it from
Python and from C, even where only another compiled function ever calls it, which takes over its
code.  For a tree, whose kernels call each other five deep, that was a third of the time to compile.

So a kernel has two faces.  Called from Python it is compiled whole, and cached.  Called from
another kernel it stops at LLVM's intermediate code, which the caller links in and optimises.

A loop over blocks is such a case too: numba puts its body into two wrappers, one around the other,
which the block kernel then takes over.  Optimising and assembling the body in each of them was a
quarter of the time to compile.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.typed_passes import NativeLowering, NativeParforLowering


def _no_machine_code(library: Any) -> None:
    """Finish a library whose code only other libraries take over."""
    library._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LowerForCallers(NativeLowering):
    """Lower to LLVM's intermediate code, and offer that to the functions that call this one."""

    _name = "groundup_lower_for_callers"

    def run_pass(self, state):
        library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        library._finalize_final_module = lambda: _no_machine_code(library)
        state.library = library
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        name = lowered.fndesc.qualname.split(".")[-1]
        # numba finds the code by this object.  It has no address, and nobody can call it.
        key = _dynfunc.make_function(
            lowered.fndesc.lookup_module(), name, "", 0, lowered.env, (library,)
        )
        state.targetctx.insert_user_function(key, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=key)
        return True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LowerBlocks(NativeParforLowering):
    """Lower a loop over blocks, with machine code for its body but none for its wrappers."""

    _name = "groundup_lower_blocks"

    def run_pass(self, state):
        codegen = state.targetctx.codegen()
        create_library = codegen.create_library

        def create(name, **options):
            library = create_library(name, **options)
            if name == "parallelgufuncwrapper" or "_GufuncWrapper" in name:
                library._optimize_final_module = lambda: None
                library._finalize_final_module = lambda: _no_machine_code(library)
            return library

        # numba compiles one function at a time, so nobody else sees this
        codegen.create_library = create
        try:
            return super().run_pass(state)
        finally:
            del codegen.create_library


class BlockCompiler(CompilerBase):
    """numba's compiler, for a kernel whose outermost loop runs over blocks."""

    def define_pipelines(self):
        return [_with_pass_replaced(self.state, NativeParforLowering, _LowerBlocks)]


class _ForCallers(CompilerBase):
    """numba's compiler with its last step replaced."""

    def define_pipelines(self):
        return [_with_pass_replaced(self.state, NativeLowering, _LowerForCallers)]


def _with_pass_replaced(state: Any, old: type, new: type) -> Any:
    pipeline = DefaultPassBuilder.define_nopython_pipeline(state)
    pipeline.passes = [
        (new if given is old else given, description) for given, description in pipeline.passes
    ]
    pipeline.finalize()
    return pipeline


def compile_into_callers(compiled: Any, compile_again: Any) -> None:
    """Let other kernels that call `compiled` take over its code.

    Parameters
    ----------
    compiled : Dispatcher
        A kernel, as ``numba.njit`` returns it.
    compile_again : callable
        ``compile_again(**options)`` makes the same kernel with more options for ``numba.njit``.
    """
    if not isinstance(compiled, Dispatcher):
        return  # NUMBA_DISABLE_JIT=1
    inner = compile_again(
        pipeline_class=_ForCallers, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )
    compiled.get_call_template = inner.get_call_template  # type: ignore[method-assign]
    compiled.get_overload = inner.get_overload  # type: ignore[method-assign]
