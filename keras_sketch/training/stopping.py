"""Ctrl-C and SIGTERM as a request that the training loop honours between two steps."""

from __future__ import annotations

import signal
import sys
import threading


class StopRequest:
    """While entered, the first SIGINT or SIGTERM sets `signal_number`; a second one acts as usual.

    Outside the main thread, where Python installs no handlers, it does nothing.
    """

    def __init__(self):
        self.signal_number: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *_):
        self._restore()

    def _request(self, number, _frame):
        self.signal_number = number
        self._restore()
        message = "\nSaving after this step, or after the validation that is under way; once more to stop at once."
        print(message, file=sys.stderr, flush=True)

    def _restore(self):
        while self._previous:
            signal.signal(*self._previous.popitem())
