"""Frames a second of painlab's TNT beside timm's: same weights, same batch, in turn.

The figure to quote is the ratio; both models run one after another within each round, so a
machine that is slow for a while is slow for both.
"""

import argparse
from statistics import median
from time import perf_counter

import torch
from _record import record
from timm.models.tnt import TNT as TimmTNT  # noqa: N811

import painlab as pl


def timm_tnt() -> torch.nn.Module:
    """timm's TNT of the paper's size."""
    torch.manual_seed(0)
    return TimmTNT(
        embed_dim=192, inner_dim=12, depth=12, num_heads_outer=3, num_heads_inner=2, num_classes=0
    ).eval()


def rate(model, images) -> float:
    """Frames a second of one call."""
    start = perf_counter()
    model(images)
    if images.is_cuda:
        torch.cuda.synchronize()
    return len(images) / (perf_counter() - start)


def compare(theirs, ours, images, *, rounds: int) -> dict[str, float]:
    """Median frames a second of both, and the median of the ratios within a round."""
    with torch.inference_mode():
        difference = (theirs(images).float() - ours(images).float()).abs().max().item()
        rates = [(rate(theirs, images), rate(ours, images)) for _ in range(rounds)]
    return {
        "timm": median(r[0] for r in rates),
        "painlab": median(r[1] for r in rates),
        "ratio": median(r[1] / r[0] for r in rates),
        "largest_difference": difference,
    }


def main() -> None:
    """Print the table; with --record keep it in data/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    batch = options.batch or (8 if options.device == "cpu" else 256)

    start, figures = perf_counter(), {}
    print(f"TNT at 224x224, batches of {batch} on {options.device}, frames a second")
    print(f"{'':22} {'timm':>9} {'painlab':>9} {'ratio':>6}  largest difference")
    for dtype in (torch.float32, torch.bfloat16):
        theirs = timm_tnt()
        ours = pl.TNT.from_timm(theirs)
        theirs, ours = theirs.to(options.device, dtype), ours.to(options.device, dtype)
        images = torch.randn(batch, 3, 224, 224).to(options.device, dtype)
        for mode in ("eager", "compiled"):
            if mode == "compiled":
                theirs, ours = torch.compile(theirs), torch.compile(ours)
            told = compare(theirs, ours, images, rounds=options.rounds)
            name = f"{str(dtype).removeprefix('torch.')} {mode}"
            figures[name] = told
            print(
                f"{name:22} {told['timm']:9.1f} {told['painlab']:9.1f} {told['ratio']:6.2f}  "
                f"{told['largest_difference']:.1e}"
            )
    if options.record:
        config = {"batch": batch, "image_size": 224, "rounds": options.rounds}
        kind = options.device.partition(":")[0]
        print(
            record(
                f"tnt_throughput_{kind}",
                figures,
                config=config,
                seconds=perf_counter() - start,
                device=options.device,
            )
        )


if __name__ == "__main__":
    main()
