"""Where samples come from: tasks, splits, BioVid, any manifest, and SynthPain."""

from painlab.datasets.biovid import BioVid
from painlab.datasets.manifest import Manifest
from painlab.datasets.splits import check_split, hold_out, leave_one_subject_out
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.writer import write_synthpain
from painlab.datasets.tasks import TASKS, Sample, Task

__all__ = [
    "TASKS",
    "BioVid",
    "Manifest",
    "Sample",
    "SynthPain",
    "Task",
    "check_split",
    "hold_out",
    "leave_one_subject_out",
    "write_synthpain",
]
