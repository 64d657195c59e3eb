"""What a look at a data set found, as a table for people and as plain values for programs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from painlab.datasets.probe import ClipFacts
from painlab.datasets.tasks import LEVEL_NAMES, Sample, counted

_SHOWN = 20  # lines of a list; --json has all


@dataclass(frozen=True, eq=False, repr=False)
class DataReport:
    """Who and what is in a data set, and everything that is wrong with it.

    ``samples`` are the clips that the table lists, without those of the subjects left out.
    """

    table: Path
    samples: Sequence[Sample]
    facts: dict[Sample, ClipFacts]  # of the clips that can be read
    problems: list[str]  # lines of the table that are not what they should be
    missing: list[str]  # a sentence for each clip that is listed but not there
    unreadable: list[str]  # a sentence for each clip that is no video, cut off or damaged
    duplicates: list[list[Sample]]  # the same film, byte for byte, more than once
    unlisted: list[Path]  # clips that are there but not listed
    left_out: list[str]
    remarks: list[str]  # what may be as it should be, but is worth a look
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the data set can be used as it is; unlisted clips do no harm."""
        return not self.wrong

    @property
    def wrong(self) -> int:
        """How many things are wrong."""
        lists = (self.problems, self.missing, self.unreadable, self.duplicates)
        return sum(len(found) for found in lists)

    def clips_per_level(self) -> dict[str, list[int]]:
        """The listed clips of each subject, by level 0 to 4; subjects are sorted by name."""
        counts = {
            name: [0] * len(LEVEL_NAMES) for name in sorted({s.subject for s in self.samples})
        }
        for sample in self.samples:
            counts[sample.subject][sample.level] += 1
        return counts

    def uneven(self) -> dict[str, list[int]]:
        """The subjects whose clips per level are not what is most common."""
        counts = self.clips_per_level()
        ((usual, _),) = Counter(map(tuple, counts.values())).most_common(1) or [((), 0)]
        return {name: levels for name, levels in counts.items() if tuple(levels) != usual}

    def to_dict(self) -> dict:
        """Everything as plain values, for JSON."""
        readable = Counter(sample.level for sample in self.facts)
        levels = list(zip(*self.clips_per_level().values(), strict=True)) or [()] * 5
        return {
            "ok": self.ok,
            "table": str(self.table),
            "subjects": len(self.clips_per_level()),
            "clips": len(self.samples),
            "left_out": self.left_out,
            "levels": [
                {"level": i, "class": name, "listed": sum(levels[i]), "readable": readable[i]}
                for i, name in enumerate(LEVEL_NAMES)
            ],
            "clips_per_subject": {
                name: dict(zip(LEVEL_NAMES, counts, strict=True))
                for name, counts in self.clips_per_level().items()
            },
            "frames": {str(n): clips for n, clips in self._histogram("frames")},
            "frames_per_second": {f"{n:g}": clips for n, clips in self._histogram("fps")},
            "pictures": {f"{w}x{h}": clips for (w, h), clips in self._histogram("width", "height")},
            "table_problems": self.problems,
            "missing": self.missing,
            "unreadable": self.unreadable,
            "duplicates": [
                [{"subject": s.subject, "level": s.level, "path": str(s.path)} for s in group]
                for group in self.duplicates
            ],
            "unlisted": [str(path) for path in self.unlisted],
            "remarks": self.remarks,
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """Everything as a table of plain text; long lists are cut short."""
        counts = self.clips_per_level()
        left_out = f" ({counted(len(self.left_out), 'subject')} left out)" if self.left_out else ""
        lines = [
            f"{counted(len(counts), 'subject')}, {counted(len(self.samples), 'clip')}{left_out}",
            f"listed in {self.table}",
            "",
            f"{'level':>5}  {'class':<5}  {'listed':>7}  {'readable':>8}  {'of a subject':>12}",
        ]
        readable = Counter(sample.level for sample in self.facts)
        for i, name in enumerate(LEVEL_NAMES):
            each = [levels[i] for levels in counts.values()] or [0]
            lines.append(
                f"{i:>5}  {name:<5}  {sum(each):>7,}  {readable[i]:>8,}  {_range(each):>12}"
            )
        total = [sum(levels) for levels in counts.values()] or [0]
        lines.append(
            f"{'':>5}  {'all':<5}  {sum(total):>7,}  {len(self.facts):>8,}  {_range(total):>12}"
        )
        sizes = [(f"{w}×{h}", n) for (w, h), n in self._histogram("width", "height")]
        rates = [(f"{fps:g}", n) for fps, n in self._histogram("fps")]
        lines += [
            "",
            f"frames of a clip  {_tally(self._histogram('frames'))}",
            f"frames a second   {_tally(rates)}",
            f"pixels            {_tally(sizes)}",
        ]
        uneven = [
            f"{name}: {', '.join(f'{n} {level}' for n, level in zip(c, LEVEL_NAMES, strict=True))}"
            for name, c in self.uneven().items()
        ]
        same = [
            " = ".join(f"{s.path} ({s.subject}, {LEVEL_NAMES[s.level]})" for s in group)
            for group in self.duplicates
        ]
        for title, found in (
            ("Wrong in the table", self.problems),
            ("Missing", self.missing),
            ("Not readable", self.unreadable),
            ("The same film more than once", same),
            ("Subjects with other numbers of clips than most", uneven),
            ("There, but not listed", [str(path) for path in self.unlisted]),
            ("Remarks", self.remarks),
        ):
            if found:
                lines += ["", f"{title}: {len(found):,}"]
                lines += [f"  {line}" for line in found[:_SHOWN]]
                if len(found) > _SHOWN:
                    lines.append(f"  and {len(found) - _SHOWN:,} more, which --json lists")
        lines += ["", "Nothing is wrong." if self.ok else f"Wrong: {self.wrong:,} in all."]
        return "\n".join(lines)

    def _histogram(self, *names: str) -> list[tuple]:
        """How many readable clips have which value, the most common first."""
        seen = Counter(
            tuple(getattr(facts, name) for name in names) for facts in self.facts.values()
        )
        order = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
        return [(key if len(names) > 1 else key[0], clips) for key, clips in order]


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def _tally(values: Sequence[tuple], shown: int = 5) -> str:
    if not values:
        return "no clip can be read"
    if len(values) == 1:
        return f"{values[0][0]}"
    parts = [f"{value} ({counted(clips, 'clip')})" for value, clips in values[:shown]]
    more = len(values) - shown
    return ", ".join(parts) + (f", and {more} other values" if more > 0 else "")
