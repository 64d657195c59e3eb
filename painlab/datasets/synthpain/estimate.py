"""How long the writing of a SynthPain will take and how much room it needs, before and during."""

from time import perf_counter

from painlab.datasets.synthpain.settings import ClipKey, Settings
from painlab.devices import count_cores

# Rounded from what tests/benchmarks/bench_synthpain_writer.py prints for one core; only the guess
# before the first clips depends on them.
BYTES_PER_PIXEL = 0.026  # of a frame, video and mask
BYTES_OF_FIRST = 0.25  # for each pixel of a clip's first frame, which the others build on
BYTES_PER_FRAME = 1000  # of truth, whatever the size
SECONDS_PER_PIXEL = 3e-7  # of a frame drawn and encoded
SECONDS_PER_FRAME = 0.003  # of moving the head, whatever the size
SECONDS_TO_START = 6.0  # of a process


class Estimate:
    """The rest of the work, guessed at first and then measured.

    Args:
        settings: of the whole.
        todo: the clips that are still to be made.
        processes: how many make them.
    """

    def __init__(self, settings: Settings, todo: list[ClipKey], *, processes: int):
        self.left, self.made = len(todo), 0
        pixels = settings.size**2 * settings.frames
        drawings = sum(1 if key.level == 0 else 2 for key in todo)
        first = BYTES_OF_FIRST * settings.size**2
        self._bytes = first + BYTES_PER_PIXEL * pixels + BYTES_PER_FRAME * settings.frames
        drawing = SECONDS_PER_PIXEL * pixels + SECONDS_PER_FRAME * settings.frames
        self._seconds = drawing * drawings / max(1, len(todo)) / processes
        self._written = 0
        self._begin = None

    def add(self, size: int) -> None:
        """A clip of so many bytes is done."""
        self.left -= 1
        self.made += 1
        self._written += size
        self._bytes = self._written / self.made
        if self._begin is None:  # the first clip also had to wait for programs to be compiled
            self._begin = perf_counter()
        else:
            self._seconds = (perf_counter() - self._begin) / (self.made - 1)

    @property
    def bytes(self) -> int:
        """Room that the rest needs."""
        return round(self._bytes * self.left)

    @property
    def seconds(self) -> float:
        """Time that the rest takes."""
        return self._seconds * self.left

    def __str__(self) -> str:
        return f"about {spoken_time(self.seconds)} and {spoken_size(self.bytes)}"


def sensible_processes(settings: Settings, todo: list[ClipKey]) -> int:
    """As many as there are cores, but one where starting others would take longer than the work."""
    alone = Estimate(settings, todo, processes=1).seconds
    return 1 if alone < 3 * SECONDS_TO_START else min(count_cores(), len(todo))


def spoken_size(size: float | int) -> str:
    """Bytes in the unit that suits them.

    >>> spoken_size(512), spoken_size(36_400_000), spoken_size(2.26e9)
    ('512 bytes', '36 MB', '2.3 GB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            value = size / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return f"{size:.0f} bytes"


def spoken_time(seconds: float | int) -> str:
    """Seconds in the units that suit them.

    >>> spoken_time(8), spoken_time(340), spoken_time(45_000)
    ('8 s', '6 min', '12 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
