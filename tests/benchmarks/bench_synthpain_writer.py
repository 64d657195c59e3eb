"""What a clip of SynthPain costs on the disk and in time, and the writer's memory by clips written.

Memory is the greatest resident set of `painlab synth` and its working processes, for ten times as
many clips and five times as many people. Nothing is asserted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _record import record

from painlab.datasets.synthpain.estimate import spoken_size, spoken_time
from painlab.datasets.synthpain.files import SCRATCH
from painlab.datasets.synthpain.settings import PRESETS, ClipKey, Settings
from painlab.datasets.synthpain.truth import make_clip, write_truth
from painlab.video import write_video

SUBJECTS = (0, 1, 2, 3)
MEMORY = {20: (4, 1), 200: (20, 2)}  # clips: subjects, clips of each level


def clip_costs(settings: Settings, folder: Path) -> dict[str, float]:
    """Means over a few clips of all levels, one thread: seconds by stage, bytes by file."""
    (folder / SCRATCH).mkdir()
    part, place = folder / SCRATCH / "part", folder / "place"
    rows = []
    for subject in SUBJECTS:
        make_clip(settings, ClipKey(subject, 0, 0))  # paints the person, compiles
        for level in range(5):
            start = perf_counter()
            frames, truth = make_clip(settings, ClipKey(subject, level, 0))
            rendered = perf_counter()
            truth_bytes = write_truth(part, place, truth)
            kept = perf_counter()
            write_video(folder / "clip.mp4", frames.numpy(), fps=25, reproducible=True)
            encoded = perf_counter()
            video_bytes = (folder / "clip.mp4").stat().st_size
            rows.append(
                (rendered - start, kept - rendered, encoded - kept, video_bytes, truth_bytes)
            )
    names = ("render_s", "truth_s", "encode_s", "video_bytes", "truth_bytes")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def peak_memory(root: Path, *, subjects: int, per_level: int, processes: int) -> tuple[int, float]:
    """Bytes of the greatest process of a run, and its seconds."""
    size = [f"--subjects={subjects}", f"--per-level={per_level}", "--frames=12", "--size=48"]
    command = [sys.executable, "-m", "painlab", "synth", root, "--quiet", *size]
    start = perf_counter()
    process = subprocess.Popen([*command, f"--processes={processes}"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"painlab synth ended with status {process.returncode}.")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit, perf_counter() - start


def main() -> None:
    """Print both tables; with --record keep them in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=138)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    begin, threads = perf_counter(), torch.get_num_threads()
    settings = Settings(frames=options.frames, size=options.size)
    with tempfile.TemporaryDirectory() as folder:
        torch.set_num_threads(1)
        costs = clip_costs(settings, Path(folder))
        torch.set_num_threads(threads)
        seconds = costs["render_s"] + costs["truth_s"] + costs["encode_s"]
        print(f"A clip of {options.frames} frames, {options.size}×{options.size}, one thread:")
        for stage in ("render_s", "truth_s", "encode_s"):
            print(f"  {stage[:-2]:7} {costs[stage]:7.2f} s   {costs[stage] / seconds:5.0%}")
        for kind in ("video_bytes", "truth_bytes"):
            print(f"  {kind[:5]:7} {spoken_size(costs[kind])}")
        full = PRESETS["full"].clips
        size = full * (costs["video_bytes"] + costs["truth_bytes"])
        print(
            f"  {full:,} such clips: {spoken_size(size)}, {spoken_time(full * seconds)} on one core"
        )
        memory = {}
        for processes in (1, 2):
            for clips, (subjects, per_level) in MEMORY.items():
                root = Path(folder) / f"{clips}-{processes}"
                peak, took = peak_memory(
                    root, subjects=subjects, per_level=per_level, processes=processes
                )
                memory[f"{clips} clips, processes={processes}"] = peak
                print(
                    f"{clips:4} clips, processes={processes}: {spoken_size(peak)} at most, "
                    f"{took:.1f} s",
                    flush=True,
                )
            ratio = peak / memory[f"20 clips, processes={processes}"]
            print(f"  memory of 200 clips over that of 20: {ratio:.2f}")
    if options.record:
        config = {"frames": options.frames, "size": options.size, "subjects": len(SUBJECTS)}
        figures = {"clip": costs, "peak_bytes": memory}
        print(record("synthpain_writer", figures, config=config, seconds=perf_counter() - begin))


if __name__ == "__main__":
    main()
