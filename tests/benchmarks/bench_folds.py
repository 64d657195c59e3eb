"""All folds at once against one after another: steps a second, memory, and what they grow with.

    python tests/benchmarks/bench_folds.py             # prints
    python tests/benchmarks/bench_folds.py --record    # also writes data/results/folds_DEVICE.json

A step is that of training: features gathered, forward, loss, backward, AdamW. On an accelerator
the default is BioVid's size, 87 folds of 32 clips of 138 frames, and a single fold is also timed as
a CUDA graph, which takes away what it costs to start its many small operations. On a CPU the sizes
are small, and the ratio is what it is.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, replace

import torch
from _record import record

from painlab.config import TemporalConfig, TrainingConfig
from painlab.devices import choose_device
from painlab.training.fold_training import TaskData, first_model, fold_losses
from painlab.training.folds import stack
from painlab.training.memory import bytes_of_fold
from painlab.training.noise import FoldNoise
from painlab.training.recipe import half_precision, make_optimizer

SIZES = {
    "cpu": {"folds": 12, "clips": 16, "frames": 35, "repeats": 9},
    "cuda": {"folds": 87, "clips": 32, "frames": 138, "repeats": 20},
}


def stepper(
    folds: int, clips: int, temporal: TemporalConfig, device: torch.device, *, graph: bool = False
) -> Callable[[], None]:
    """What takes one step of so many folds."""
    names = [str(i) for i in range(folds)]
    noise = FoldNoise(0, names, device=device)
    model = stack([first_model(name, temporal, seed=0) for name in names], noise=noise)
    model = model.to(device).train()
    optimizer = make_optimizer(model, learning_rate=1e-4, weight_decay=0.1, folds=True, fused=True)
    for group in optimizer.param_groups:
        group["capturable"] = graph
    data = planted(temporal, device)
    rows = torch.randint(len(data.labels), (folds, clips), device=device)
    views = torch.zeros_like(rows)

    def step() -> None:
        features, found = data.select(rows, views)
        with half_precision(device):
            logits = model(features, mask=found)
        fold_losses(logits, data.labels[rows], label_smoothing=0.1).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=not graph)

    if not graph:
        return step
    # the graph repeats one step with one noise: as much work, and no training
    fixed = {place: noise.uniform(place, shape) for place, shape in _places(model, step)}
    noise.uniform = lambda place, shape: fixed[place]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        step()

    def replay(_kept=(step, fixed)) -> None:  # the graph reads and writes memory of theirs
        captured.replay()

    return replay


def _places(model, step) -> list[tuple[int, tuple[int, ...]]]:
    """Which dropouts a step asks, and for what shapes."""
    noise = next(part.noise for part in model.modules() if hasattr(part, "noise"))
    asked, ask = {}, noise.uniform

    def listen(place, shape):
        asked[place] = shape
        return ask(place, shape)

    noise.uniform = listen
    step()
    noise.uniform = ask
    return list(asked.items())


def planted(temporal: TemporalConfig, device: torch.device) -> TaskData:
    """As many clips as a binary task has, of noise."""
    clips = 3480 if device.type == "cuda" else 200
    features = torch.randn(clips, 1, temporal.frames, temporal.dim, device=device)
    return TaskData(features, None, torch.randint(2, (clips,), device=device))


def seconds_of(step: Callable[[], None], device: torch.device, *, repeats: int) -> float:
    """The median of some, after two to warm up."""
    taken = []
    for _ in range(repeats + 2):
        _wait(device)
        begin = time.perf_counter()
        step()
        _wait(device)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[2:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Measure and print; write it down where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true", help="write data/results")
    parser.add_argument("--device")
    options = parser.parse_args()
    device, start = choose_device(options.device), time.perf_counter()
    size = SIZES["cuda" if device.type == "cuda" else "cpu"]
    folds, clips, repeats = size["folds"], size["clips"], size["repeats"]
    temporal = TemporalConfig(frames=size["frames"])

    def timed(folds: int, clips: int, temporal: TemporalConfig, **given) -> float:
        step = stepper(folds, clips, temporal, device, **given)
        return seconds_of(step, device, repeats=repeats)

    together, single = timed(folds, clips, temporal), timed(1, clips, temporal)
    figures = {
        "together": {"folds": folds, "clips": clips, "seconds_a_step": together},
        "one_by_one": {"folds": folds, "clips": clips, "seconds_a_step": folds * single},
        "ratio": folds * single / together,
    }
    print(f"{folds} folds of {clips} clips of {temporal.frames} frames on {device}")
    print(f"  at once {1000 * together:.1f} ms, one by one {1000 * folds * single:.1f} ms")
    print(f"  ratio {figures['ratio']:.2f}")
    if device.type == "cuda":
        graphed = timed(1, clips, temporal, graph=True)
        figures["one_by_one_graphed"] = {"seconds_a_step": folds * graphed}
        figures["ratio_graphed"] = folds * graphed / together
        print(f"  against a CUDA-graphed single fold: {figures['ratio_graphed']:.2f}")

    def row(name: str, value: int, folds: int, clips: int, temporal: TemporalConfig) -> dict:
        taken = timed(folds, clips, temporal)
        each = bytes_of_fold(planted(temporal, device), temporal, TrainingConfig(batch=clips))
        print(f"  {name} {value:>4}: {1000 * taken:8.1f} ms a step, {each / 2**20:7.1f} MiB a fold")
        return {name: value, "seconds_a_step": taken, "bytes_a_fold": each}

    quarters = sorted({1, *(max(1, folds * i // 4) for i in range(1, 5))})
    figures["by_folds"] = [row("folds", n, n, clips, temporal) for n in quarters]
    figures["by_latents"] = [
        row("latents", n, folds, clips, replace(temporal, latents=n)) for n in (4, 8, 16, 32)
    ]
    figures["by_clips"] = [
        row("clips", n, folds, n, temporal) for n in (clips // 4, clips // 2, clips, 2 * clips)
    ]
    if options.record:
        config = {**size, "temporal": asdict(temporal), "half_precision": device.type == "cuda"}
        taken = time.perf_counter() - start
        record(f"folds_{device.type}", figures, config=config, seconds=taken, device=str(device))


if __name__ == "__main__":
    main()
