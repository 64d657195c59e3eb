"""Long work in steps that end by themselves, for machines that are lent for minutes."""

import time

COME_AGAIN = 75  # the exit status that sysexits.h has for what succeeds when it is tried again


class TimeUpError(Exception):
    """The seconds that were given have passed, and what was made until now is kept."""


class Clock:
    """Stops the work where something has been kept, before the time is up.

    It stops when as much again as passed since the last such moment would be too much. Every call
    comes at least to the first one, so that a limit however short ends the work in the end.
    """

    def __init__(self, seconds: float | int | None):
        self.begin = self.last = time.monotonic()
        self.seconds = seconds

    def kept(self) -> None:
        """Something was kept just now."""
        now = time.monotonic()
        took, self.last = now - self.last, now
        if self.seconds is not None and now + took > self.begin + self.seconds:
            raise TimeUpError(f"{now - self.begin:.0f} s")
