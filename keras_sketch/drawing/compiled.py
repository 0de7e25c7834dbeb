"""Compiles the kernels of this package with Numba, on their first call, and keeps the result where it can."""

from __future__ import annotations

from collections.abc import Callable

import numba


def compiled(**options: object) -> Callable[[Callable], Callable]:
    """Decorates a kernel with `numba.njit`: no global lock, stored on disk where a folder can be written.

    Numba refuses `cache=True` when neither the package's folder nor the user's cache folder can be written; the kernel
    is then compiled again in each process.

    Args:
        **options: Further options of `numba.njit`.
    """

    def decorate(kernel: Callable) -> Callable:
        try:
            return numba.njit(kernel, nogil=True, cache=True, **options)
        except RuntimeError:
            return numba.njit(kernel, nogil=True, **options)

    return decorate
