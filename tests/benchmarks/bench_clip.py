"""From a file to an answer: the wall time of a 138-frame clip, stage by stage.

The paper claims real time: such a clip lasts 5.52 seconds. The clip is the first 138 frames of the
expressive woman among the real faces beside the checkout, or without them a drifting portrait.
"""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from _record import ROOT, record

import painlab as pl

FRAMES, FPS = 138, 25.0


def make_clip(path: Path, *, size: tuple[int, int] | None) -> str:
    """Write the clip; returns what it shows."""
    beside = ROOT.parent / "shared" / "media"
    real = Path(os.environ.get("PAINLAB_MEDIA", beside)) / "clips" / "expressive_woman.mp4"
    if real.is_file():
        frames, shows = pl.read_video(real, fps=FPS, max_frames=FRAMES).frames, "expressive_woman"
    else:
        from skimage.data import astronaut

        frames = np.stack([np.roll(astronaut(), i // 3, axis=0) for i in range(FRAMES)])
        shows = "drifting portrait"
    if size:
        import cv2

        frames = np.stack([cv2.resize(frame, size) for frame in frames])
    pl.write_video(path, frames, fps=FPS)
    height, width = frames.shape[1:3]
    return f"{shows}, {width}x{height}"


def main() -> None:
    """Print the table; with --record keep it in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    model, begin, figures = pl.PainFramework(), perf_counter(), {}
    with tempfile.TemporaryDirectory() as folder:
        # the second size is that of BioVid's videos
        for size in (None, (1388, 1038)):
            path = Path(folder) / "clip.mp4"
            shows = make_clip(path, size=size)
            pl.predict(path, model=model, device=options.device)  # warm-up
            rounds = []
            for _ in range(options.rounds):
                start = perf_counter()
                told = pl.predict(path, model=model, device=options.device).seconds
                rounds.append({**told, "whole": perf_counter() - start})
            figures[shows] = {stage: median(r[stage] for r in rounds) for stage in rounds[0]}
            print(f"\n{shows}, {FRAMES} frames ({FRAMES / FPS:.2f} s), on {options.device}")
            for stage, seconds in figures[shows].items():
                print(f"  {stage:10} {seconds:7.3f} s  {seconds / FRAMES * 1e3:7.2f} ms a frame")
            share = figures[shows]["whole"] / (FRAMES / FPS)
            print(f"  the whole takes {share:.2f} times the clip's own length")
    if options.record:
        kind = options.device.partition(":")[0]
        config = {"frames": FRAMES, "fps": FPS, "rounds": options.rounds, "model": "default"}
        config["landmarks"] = pl.FaceAligner(device=options.device).landmarks_used
        seconds = perf_counter() - begin
        kept = record(
            f"clip_{kind}", figures, config=config, seconds=seconds, device=options.device
        )
        print(kept.relative_to(ROOT))


if __name__ == "__main__":
    main()
