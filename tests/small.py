"""What several tests begin with: a portrait that drifts through a film, and a small framework."""

from pathlib import Path

import numpy as np
import torch

import painlab as pl
from painlab.video import write_video


def portrait() -> np.ndarray:
    """A public-domain portrait: (height width c)."""
    from skimage.data import astronaut

    return astronaut()[:360, 60:420]


def drifting(frames: int, *, across: float = 0.0, step: int = 1) -> np.ndarray:
    """The portrait, one pixel lower each frame and ``across`` pixels to the right.

    Args:
        frames: how many.
        across: pixels a frame.
        step: every which pixel of the portrait is taken.
    """
    picture = portrait()[::step, ::step]
    return np.stack([np.roll(picture, (i, int(i * across)), axis=(0, 1)) for i in range(frames)])


def film_with_a_gap(folder: Path, *, step: int = 1) -> Path:
    """A film of 12 frames, no face in frames 4 and 5."""
    frames = drifting(12, step=step)
    frames[4:6] = 0
    write_video(folder / "face.mp4", frames, fps=25)
    return folder / "face.mp4"


def small_framework(*, frames: int, classes: int = 2) -> pl.PainFramework:
    """Of the real picture size, otherwise small, so that a process takes a second and not ten."""
    spatial = pl.TNTConfig(dim=24, inner_dim=8, depth=1, inner_heads=2)
    temporal = pl.TemporalConfig(frames=frames, dim=24, latents=4, latent_dim=16, classes=classes)
    return pl.PainFramework(pl.FrameworkConfig(spatial=spatial, temporal=temporal))


def telling_framework(*, frames: int) -> pl.PainFramework:
    """A small framework of five classes whose weights tell frames and clips apart."""
    torch.manual_seed(5)
    model = small_framework(frames=frames, classes=5)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model.eval()
