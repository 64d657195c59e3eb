"""Compiling with numba."""

import numba


def compiled(function):
    """The function as machine code that lets other threads run, kept on disk for later processes.

    Where numba finds no folder that it may write to, each process compiles anew.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # raised here, before anything is compiled, if there is no such folder
        return numba.njit(**options)(function)
