"""Ctrl-C and SIGTERM as a request that the training loop honours between two steps."""

from __future__ import annotations

import os
import signal
import sys
import threading

GRACE_SECONDS = 8.0
"""Pre-emptible machines are gone 30 seconds after SIGTERM, some after 10."""


class StopRequest:
    """While entered, the first SIGINT or SIGTERM sets `signal_number`; a second one acts as usual.

    Outside the main thread, where Python installs no handlers, it does nothing.

    Attributes:
        signal_number: The signal that came; None: none.
        last_words: Where this is not empty, a SIGTERM that nobody has taken up (`take_up`) within `GRACE_SECONDS`
            prints it and ends the process with 128 plus the signal's number, also in the middle of a step, in which
            Python runs no handlers.
    """

    def __init__(self):
        self.signal_number: int | None = None
        self.last_words = ""
        self._previous: dict[int, object] = {}
        self._taken_up = threading.Event()
        self._wakeup: tuple[int, int] | None = None

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            self._wakeup = writer, signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
            threading.Thread(target=self._watch, args=(reader,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._restore()
        if self._wakeup is not None:
            self.take_up()
            writer, previous = self._wakeup
            signal.set_wakeup_fd(previous)
            os.close(writer)

    def take_up(self) -> None:
        """Says that the request is being honoured, however long it takes from here."""
        self._taken_up.set()

    def _request(self, number, _frame):
        self.signal_number = number
        self._restore()
        print("\nSaving after this step; once more to stop at once.", file=sys.stderr, flush=True)

    def _restore(self):
        while self._previous:
            signal.signal(*self._previous.popitem())

    def _watch(self, reader: int) -> None:
        """Reads the signals' numbers, which come here whatever the main thread does, until the other end is closed."""
        with os.fdopen(reader, "rb", buffering=0) as numbers:
            while number := numbers.read(1):
                if number[0] == signal.SIGTERM and not self._taken_up.wait(GRACE_SECONDS) and self.last_words:
                    print(self.last_words, file=sys.stderr, flush=True)
                    sys.stdout.flush()
                    os._exit(128 + signal.SIGTERM)
