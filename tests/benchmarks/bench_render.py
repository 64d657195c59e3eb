"""Rendering SynthPain: frames a second, and how the cost grows with frames and vertices.

Each figure is the best of some rounds, since other work on the machine can only slow one down. On a
CPU milliseconds are those of processor time, all threads together, and frames a second those of the
wall clock. Whole clips are drawn by `render_clip`, from the motion to the pictures; the rasteriser
alone draws an egg of any number of vertices that fills two thirds of the frame.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter, process_time

import torch
from _record import ROOT, record

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets" / "synthpain"))
from scenes import draw_numba, egg, only_frames, to_device

from painlab.datasets.synthpain.pain import draw_motion
from painlab.datasets.synthpain.rasterise_torch import rasterise_torch
from painlab.datasets.synthpain.render import render_clip
from painlab.datasets.synthpain.subjects import draw_subject

FRAMES = 138
MESHES = {"2,500": (35, 70), "10,000": (72, 140), "40,000": (144, 280), "160,000": (288, 560)}


def clip_drawing(device: str):
    """What draws a clip of a person in pain, from the motion on."""
    person = draw_subject(0, 0)
    motion = draw_motion(person, level=4, trial=0, frames=FRAMES)
    return lambda: render_clip(person, motion, level=4, trial=0, device=device)


def cpu_drawing(scene: dict, **more):
    """What draws a clip on the CPU: the loops that numba compiles."""
    return lambda: draw_numba(scene, **more)


def torch_drawing(scene: dict, device: str):
    """What draws a clip by torch, from tensors that lie on the device already."""
    scene = to_device(scene, device)
    positions = scene.pop("positions")
    return lambda: rasterise_torch(positions, **scene)


def best(draw, *, frames: int, rounds: int) -> dict[str, float]:
    """Frames a second by the wall clock, milliseconds of processor time a frame."""
    wall, spent = [], []
    for _ in range(rounds):
        start, used = perf_counter(), process_time()
        draw()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        wall.append(perf_counter() - start)
        spent.append(process_time() - used)
    return {"frames_per_second": frames / min(wall), "milliseconds": 1e3 * min(spent) / frames}


def say(name: str, told: dict[str, float]) -> None:
    """One line of a table."""
    rate, cost = told["frames_per_second"], told["milliseconds"]
    print(
        f"  {name:<28} {rate:9.1f} frames/s {cost:9.2f} ms of processor time a frame "
        f"({1e3 / cost:.0f} frames a second and core)",
        flush=True,
    )


def on_cpu(rounds: int) -> dict:
    """The compiled loops: threads, frames, vertices; and torch on the same clip."""
    figures: dict = {}
    start = perf_counter()
    draw_numba(egg(frames=1))
    figures["first_call_seconds"] = perf_counter() - start
    print(f"The first call took {figures['first_call_seconds']:.2f} s (longer where it compiles).")

    draw, cores = clip_drawing("cpu"), torch.get_num_threads()
    draw()
    print(f"{FRAMES} frames, 224x224, 2x2 samples a pixel, {cores} threads")
    figures["clip"] = best(draw, frames=FRAMES, rounds=rounds)
    say("a clip, from its motion on", figures["clip"])
    clip = egg(frames=FRAMES)
    print("the rasteriser alone, 10,000 vertices")
    for threads in sorted({1, cores}):
        told = best(cpu_drawing(clip, threads=threads), frames=FRAMES, rounds=rounds)
        figures[f"threads {threads}"] = told
        say(f"{threads} threads", told)
    few = only_frames(clip, slice(0, 4))
    figures["torch"] = best(torch_drawing(few, "cpu"), frames=4, rounds=rounds)
    say("torch on the CPU", figures["torch"])

    print("by frames")
    for frames in (1, 12, 35, FRAMES):
        part = only_frames(clip, slice(0, frames))
        told = best(cpu_drawing(part, threads=1), frames=frames, rounds=rounds)
        figures[f"frames {frames}"] = told
        say(f"{frames} frames", told)
    print("by vertices")
    for name, (rows, cols) in MESHES.items():
        scene = egg(rows=rows, cols=cols, frames=12)
        told = best(cpu_drawing(scene, threads=1), frames=12, rounds=rounds)
        figures[f"vertices {name}"] = told
        say(f"{name} vertices", told)
    return figures


def on_cuda(rounds: int) -> dict:
    """Torch on the GPU: frames and vertices, and the memory that it took."""
    figures: dict = {}
    draw = clip_drawing("cuda")
    draw()
    figures["clip"] = best(draw, frames=FRAMES, rounds=rounds)
    say("a clip, from its motion on", figures["clip"])
    clip = egg(frames=10 * FRAMES)
    torch_drawing(only_frames(clip, slice(0, FRAMES)), "cuda")()  # warm-up
    for frames in (1, 12, FRAMES, 10 * FRAMES):
        torch.cuda.reset_peak_memory_stats()
        draw = torch_drawing(only_frames(clip, slice(0, frames)), "cuda")
        told = best(draw, frames=frames, rounds=rounds)
        told["peak_gigabytes"] = torch.cuda.max_memory_allocated() / 1e9
        figures[f"frames {frames}"] = told
        say(f"{frames} frames, {told['peak_gigabytes']:.1f} GB", told)
    for name, (rows, cols) in MESHES.items():
        scene = egg(rows=rows, cols=cols, frames=FRAMES)
        draw = torch_drawing(scene, "cuda")
        draw()
        figures[f"vertices {name}"] = best(draw, frames=FRAMES, rounds=rounds)
        say(f"{name} vertices", figures[f"vertices {name}"])
    return figures


def main() -> None:
    """Print the tables; with --record keep them in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    devices = {"cpu": on_cpu} | ({"cuda": on_cuda} if torch.cuda.is_available() else {})
    for device, measure in devices.items():
        start = perf_counter()
        print(f"Rendering on {device}")
        figures = measure(options.rounds)
        if options.record:
            config = {"frames": FRAMES, "size": 224, "supersample": 2, "rounds": options.rounds}
            seconds = perf_counter() - start
            kept = record(
                f"render_speed_{device}", figures, config=config, seconds=seconds, device=device
            )
            print(kept.relative_to(ROOT))


if __name__ == "__main__":
    main()
