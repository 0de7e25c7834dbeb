"""Decoding the files of a source a few ahead of where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from keras_sketch.errors import BadDataError

# Decoding happens outside Python's lock; so many files are on their way at a time.
_THREADS = 2
_AHEAD = 32


def decoding_pool() -> ThreadPoolExecutor:
    """Gives the threads that decode; a context manager."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="decode")


def in_order(pool: ThreadPoolExecutor, function: Callable, items: Sequence) -> Iterator:
    """Calls a function on items a few ahead, in their order.

    Args:
        pool: From `decoding_pool`.
        function: Called with an item.
        items: The items.

    Yields:
        What the function returns, or its BadDataError.
    """

    def caught(item):
        try:
            return function(item)
        except BadDataError as error:
            return error

    for start in range(0, len(items), _AHEAD):
        yield from pool.map(caught, items[start : start + _AHEAD])
