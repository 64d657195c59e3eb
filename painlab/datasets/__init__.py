"""Where samples come from: tasks, splits, BioVid, any manifest, and SynthPain."""

from painlab.datasets.biovid import BioVid
from painlab.datasets.manifest import Manifest
from painlab.datasets.splits import check_split, hold_out, leave_one_subject_out
from painlab.datasets.tasks import TASKS, Sample, Task

__all__ = [
    "TASKS",
    "BioVid",
    "Manifest",
    "Sample",
    "Task",
    "check_split",
    "hold_out",
    "leave_one_subject_out",
]
