"""One clip onto the disk, and the process that does this again and again.

`painlab.datasets.synthpain.workers` starts such processes. They read lines of JSON (first root and
settings, then a clip's numbers in each line) and answer each clip with one. They end when their
input does, so that none outlives the process that started it, however that one ended.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import torch

from painlab.datasets.synthpain.curves import frame_rate
from painlab.datasets.synthpain.files import SCRATCH, publish, truth_path, video_path
from painlab.datasets.synthpain.settings import ClipKey, Settings
from painlab.datasets.synthpain.subjects import draw_subject, sample_name
from painlab.datasets.synthpain.truth import make_clip, write_truth
from painlab.errors import DataError, PainLabError
from painlab.video import write_video


def write_clip(root: Path, settings: Settings, key: ClipKey) -> int:
    """Make a clip's two files, each whole or not there; gives their bytes.

    Pictures are made on the CPU, so that a tree does not depend on which machine had a GPU.

    Raises:
        PainLabError: where the disk refuses the data.
    """
    subject = draw_subject(settings.seed, key.subject)
    name = sample_name(subject, key.level, key.trial, settings.per_level)
    frames, truth = make_clip(settings, key, device="cpu")
    scratch = root / SCRATCH
    video, arrays = scratch / f"{os.getpid()}.mp4", scratch / f"{os.getpid()}.npz"
    try:
        size = write_truth(arrays, truth_path(root, subject.name, name), truth)
        write_video(video, frames.numpy(), fps=frame_rate(settings.frames), reproducible=True)
        size += publish(video, video_path(root, subject.name, name))
    except OSError as error:
        raise DataError(f"{root}: clip {name} cannot be written ({error.strerror}).") from error
    return size


def main() -> None:
    """Read tasks from the standard input and answer on the standard output, until either ends."""
    torch.set_num_threads(1)  # the processes share the cores
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever else prints must not mix with the answers
    order = json.loads(sys.stdin.readline())
    root, settings = Path(order["root"]), Settings(**order["settings"])
    tasks = SimpleQueue()
    Thread(target=_listen, args=(tasks,), daemon=True).start()
    while True:
        key = ClipKey(*json.loads(tasks.get()))
        try:
            answer = {"bytes": write_clip(root, settings, key)}
        except PainLabError as error:
            answer = {"error": str(error)}
        except Exception as error:
            answer = {
                "unexpected": f"{type(error).__name__}: {error}",
                "trace": traceback.format_exc(),
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _listen(tasks: SimpleQueue) -> None:
    """Pass the lines on; when there are no more, end at once, also in the middle of a clip."""
    for line in sys.stdin:
        tasks.put(line)
    os._exit(0)
