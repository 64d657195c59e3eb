"""Long work in steps that end by themselves, for machines that are lent for minutes."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from painlab.errors import PainLabError

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


def status_of(work: Callable[[], None], *, program: str, folder: Path) -> int:
    """Do a step of some work; the exit status of the program.

    0 at the end, `COME_AGAIN` where the time was up before, 130 for Ctrl-C, and 1 for an error,
    which is told in one line. ``folder`` is where all of it is kept.
    """
    try:
        work()
    except TimeUpError as passed:
        print(f"Stopped after {passed} with all of it kept in {folder}: come again.", flush=True)
        return COME_AGAIN
    except KeyboardInterrupt:
        print(f"Stopped; the same command goes on from what is kept in {folder}.", flush=True)
        return 130
    except PainLabError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    return 0
