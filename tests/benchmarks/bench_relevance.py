"""What a relevance map costs, against one forward and backward pass of the same frames.

The figure to quote is the ratio; both run one after another within each round, so a machine that is
slow for a while is slow for both. On a GPU seconds are the clock's; on a CPU they are those that
the processor spent on this process, which programs beside it do not lengthen. Memory is what a
fresh process needs at most beyond what it needs once the model and the clip are there: on a GPU as
PyTorch counts it, else as the system does.
"""

import argparse
import multiprocessing
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import torch
from _record import record

import painlab as pl
from painlab.config import FrameworkConfig, TemporalConfig
from painlab.explain import METHODS

FRAMES = (1, 8, 32)


def framework(device: str) -> pl.PainFramework:
    """The shipped sizes, with a place for 32 frames; what the weights are does not matter here."""
    torch.manual_seed(0)
    config = FrameworkConfig(temporal=TemporalConfig(frames=max(FRAMES)))
    return pl.PainFramework(config).eval().to(device)


def both_ways(model, clips) -> None:
    """A forward pass, and a backward pass to all weights."""
    model(clips)[:, 1].sum().backward()
    for p in model.parameters():
        p.grad = None


def seconds(call, *arguments, **how) -> float:
    """Of one call; both ways and a map are measured alike."""
    on_gpu = arguments[1].is_cuda
    clock = perf_counter if on_gpu else process_time
    start = clock()
    call(*arguments, **how)
    if on_gpu:
        torch.cuda.synchronize()
    return clock() - start


def _peak(device: str) -> int:
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    # not getrusage's, which a process takes over from the one that started it
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _memory_of(method: str | None, frames: int, device: str, answer) -> None:
    model, clips = framework(device), torch.zeros(1, frames, 3, 224, 224, device=device)
    with torch.no_grad():  # what the libraries load at the first call is not the method's
        model(clips[:, :1])
    before = _peak(device)
    if method is None:
        both_ways(model, clips)
    else:
        pl.relevance(model, clips, method=method)
    answer.put(_peak(device) - before)


def memory(method: str | None, frames: int, device: str) -> int:
    """Bytes that one map, or without a method a pass both ways, needs at its peak."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_memory_of, args=(method, frames, device, answer))
    process.start()
    found = answer.get(timeout=600)
    process.join()
    return found


def main() -> None:
    """Print the table; with --record keep it in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--methods", nargs="*", default=["chefer"], choices=METHODS)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    start, figures, device = perf_counter(), {}, options.device
    model = framework(device)
    print(f"{'':22} {'frames':>6} {'both ways':>10} {'map':>8} {'ratio':>6} {'MB':>6} {'MB':>6}")
    for frames in FRAMES:
        clips = torch.rand(1, frames, 3, 224, 224, device=device) * 2 - 1
        for method in options.methods:
            rounds = [
                (
                    seconds(both_ways, model, clips),
                    seconds(pl.relevance, model, clips, method=method),
                )
                for _ in range(options.rounds + 1)
            ][1:]
            found = {
                "seconds both ways": median(r[0] for r in rounds),
                "seconds a map": median(r[1] for r in rounds),
                "ratio": median(r[1] / r[0] for r in rounds),
                "bytes both ways": memory(None, frames, device),
                "bytes a map": memory(method, frames, device),
            }
            figures[f"{method}, {frames} frames"] = found
            print(
                f"{method:22} {frames:6d} {found['seconds both ways']:10.3f} "
                f"{found['seconds a map']:8.3f} {found['ratio']:6.2f} "
                f"{found['bytes both ways'] / 1e6:6.0f} {found['bytes a map'] / 1e6:6.0f}",
                flush=True,
            )
    if options.record:
        name = f"relevance_cost_{'cpu' if device == 'cpu' else 'gpu'}"
        config = {
            "frames": FRAMES,
            "rounds": options.rounds,
            "methods": options.methods,
            "clock": "of the processor" if device == "cpu" else "of the wall",
        }
        record(name, figures, config=config, device=device, seconds=perf_counter() - start)


if __name__ == "__main__":
    main()
