"""Ctrl-C and SIGTERM: the first asks the work to stop cleanly, a second Ctrl-C ends it at once."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

EXIT_CODE = 130
SHOW_CURSOR = b"\x1b[?25h"


class StopRequest:
    """A flag that a signal sets and the work reads between two steps: `should_stop=request`."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Say whether the work should stop."""
        return self._asked

    def check(self) -> None:
        """Stop right here, where nothing is worth saving yet."""
        if self._asked:
            raise KeyboardInterrupt

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Set the flag, or end the process when it is set already."""
        if self._asked and number == signal.SIGINT:
            if sys.stdout.isatty():
                os.write(sys.stdout.fileno(), SHOW_CURSOR)
            os._exit(EXIT_CODE)
        self._asked = True
        # os.write, because a signal may arrive inside a buffered write of the same stream.
        os.write(2, b"\nganvas: finishing this step and saving; Ctrl-C again ends at once\n")


@contextlib.contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request while the block runs."""
    request = StopRequest()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, request.on_signal) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
