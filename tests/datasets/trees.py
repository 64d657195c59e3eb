"""Small BioVid trees, written in a moment: each clip is one tiny film with bytes of its own."""

import struct
from pathlib import Path

from painlab.datasets.tasks import LEVEL_NAMES

HEADER = "subject_id\tsubject_name\tclass_id\tclass_name\tsample_id\tsample_name"
PEOPLE = ("010101_w_30", "020202_m_41", "030303_w_52")


def unlike(film: bytes, number: int) -> bytes:
    """The same film with a box that players skip, so that no two files are equal."""
    return film + struct.pack(">I4sQ", 16, b"free", number)


class Tree:
    """A BioVid tree on disk, and what its table says, to be damaged by a test."""

    def __init__(self, root: Path, film: bytes, *, people=PEOPLE, per_level=1):
        self.root, self.film = root, film
        self.videos = root / "PartA" / "video"
        self.csv = root / "PartA" / "starting_point" / "samples.csv"
        self.lines, self.clips = [HEADER], []
        for i, name in enumerate(people, start=1):
            (self.videos / name).mkdir(parents=True)
            for level, title in enumerate(LEVEL_NAMES):
                for trial in range(per_level):
                    sample = f"{name}-{title}-{1 + trial + level * per_level:03}"
                    path = self.videos / name / f"{sample}.mp4"
                    path.write_bytes(unlike(film, len(self.clips)))
                    self.clips.append(path)
                    number = len(self.clips)
                    self.lines.append(f"{i}\t{name}\t{level}\t{title}\t{number}\t{sample}")
        self.csv.parent.mkdir(parents=True)
        self.save()

    def save(self, *, end="\n", encoding="utf-8", lines=None) -> None:
        """Write the table anew."""
        text = end.join(lines or self.lines) + end
        self.csv.write_bytes(text.encode(encoding))
