"""Training the landmark network on rendered heads, whose 68 points are known exactly."""

import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

from painlab.alignment.network import LandmarkNet
from painlab.alignment.pose import MIRRORED
from painlab.config import LandmarkNetConfig
from painlab.training.batches import in_order
from painlab.training.checkpoint import read_checkpoint, write_checkpoint
from painlab.training.distort import distort
from painlab.training.recipe import average_weights, keep_at, make_optimizer, set_learning_rate
from painlab.typing import Float, UInt8

SEED_OF_PEOPLE = 1001  # SynthPain's own people have seeds from 0 on
OUTER_CORNERS = (36, 45)
OPENINGS = ([37, 38, 43, 44, 61, 62, 63], [41, 40, 47, 46, 67, 66, 65])  # upper, lower


@dataclass(frozen=True, kw_only=True)
class LandmarkTraining:
    """How the landmark network is trained."""

    people: int = 400
    pictures: int = 60  # of each
    seed: int = SEED_OF_PEOPLE
    steps: int = 6000
    batch: int = 48
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 200
    depth_weight: float = 0.3
    opening_weight: float = 0.5
    spread_weight: float = 0.1
    averaging: float = 0.998  # of the weights, from step to step


def mirror(
    images: Float[Tensor, "b c height width"], landmarks: Float[Tensor, "b 68 3"]
) -> tuple[Float[Tensor, "b c height width"], Float[Tensor, "b 68 3"]]:
    """Left and right exchanged, in the picture and among the landmarks."""
    flipped = landmarks[:, MIRRORED].clone()
    flipped[..., 0] = images.shape[-1] - 1 - flipped[..., 0]
    return images.flip(-1), flipped


def landmark_loss(
    found: Float[Tensor, "b 68 3"],
    true: Float[Tensor, "b 68 3"],
    *,
    depth_weight: float,
    opening_weight: float | int = 0.5,
) -> Float[Tensor, ""]:
    """Mean distance in parts of the outer eye corners' distance in space, gentler near 0.

    Eyes count double, and the openings of eyes and lips count once more by themselves: a lid moves
    by a tenth of that distance, and a network that knows where eyes are has little to gain by
    seeing whether they are open.
    """
    error = (found - true) / eye_span(true)[:, None, None]  # b 68 3
    weights = torch.tensor([1.0, 1.0, depth_weight], device=found.device).repeat(68, 1)
    weights[36:48] *= 2
    upper, lower = OPENINGS
    opening = (error[:, upper] - error[:, lower])[..., :2]
    return (_bent(error) * weights).mean() + opening_weight * _bent(opening).mean()


def eye_span(landmarks: Float[Tensor, "b 68 3"]) -> Float[Tensor, "b"]:
    """The distance of the outer eye corners in space, in pixels."""
    return (landmarks[:, OUTER_CORNERS[1]] - landmarks[:, OUTER_CORNERS[0]]).norm(dim=-1)


def _bent(error: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The absolute error, bent to a parabola where it is below half a percent."""
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.005, reduction="none")


def eyes_first(landmarks: Float[Tensor, "b 68 3"]) -> Float[Tensor, "b 68 3"]:
    """z counted from the middle between the eyes."""
    origin = reduce(landmarks[:, 36:48, 2], "b j -> b 1", "mean")
    return torch.cat([landmarks[..., :2], (landmarks[..., 2] - origin)[..., None]], dim=-1)


def train_landmarks(
    folder: Path,
    training: LandmarkTraining,
    *,
    images: UInt8[Tensor, "b height width c"],
    landmarks: Float[Tensor, "b 68 3"],
    device: torch.device,
    every: int = 250,
    workers: int = 0,
    say=print,
) -> LandmarkNet:
    """Train, or go on where a killed run was; the network with averaged weights.

    Every step's pictures and distortions follow from (seed, step). ``workers`` threads prepare them
    ahead; 0 leaves that to the one that trains.
    """
    torch.manual_seed(training.seed)
    model = LandmarkNet(LandmarkNetConfig(image_size=images.shape[1])).to(device)
    averaged = deepcopy(model)
    optimizer = make_optimizer(
        model, learning_rate=training.learning_rate, weight_decay=training.weight_decay
    )
    settings, path = asdict(training), folder / "landmarks.checkpoint.safetensors"
    done, history = read_checkpoint(
        path, model=model, optimizer=optimizer, averaged=averaged, settings=settings
    )
    landmarks = eyes_first(landmarks)

    def make(step: int):
        rng = np.random.default_rng((training.seed, step))
        rows = torch.from_numpy(rng.choice(len(images), training.batch, replace=False))
        batch = rearrange(images[rows], "b height width c -> b c height width").float() / 255
        batch, true = distort(batch, landmarks[rows], rng)
        return mirror(batch, true) if rng.random() < 0.5 else (batch, true)

    start, losses = time.perf_counter(), []
    batches = in_order(make, range(done, training.steps), workers=workers)
    for step, (batch, true) in enumerate(batches, done):
        set_learning_rate(
            optimizer, step,
            steps=training.steps, warm_up=training.warm_up, highest=training.learning_rate,
        )  # fmt: skip
        model.train()
        found, spread = model(batch.to(device), return_spread=True)
        true = true.to(device)
        loss = landmark_loss(
            found,
            true,
            depth_weight=training.depth_weight,
            opening_weight=training.opening_weight,
        )
        # narrow maps: a point is found where it is, not as a mean over the whole face
        loss = loss + training.spread_weight * (spread / eye_span(true)[:, None]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
        average_weights(averaged, model, keep=keep_at(step, averaging=training.averaging))
        if (step + 1) % every == 0 or step + 1 == training.steps:
            mean_loss = float(torch.stack(losses).mean())
            losses.clear()
            history.append({"step": step + 1, "loss": mean_loss})
            write_checkpoint(
                path, model=model, optimizer=optimizer, averaged=averaged, step=step + 1,
                settings=settings, history=history,
            )  # fmt: skip
            a_step = (time.perf_counter() - start) / (step + 1 - done)
            left = a_step * (training.steps - step - 1)
            say(f"step {step + 1}: loss {mean_loss:.5f}, {left / 60:.0f} min left")
    return averaged.eval()
