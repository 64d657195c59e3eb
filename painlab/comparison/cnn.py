"""A small ResNet that learned facial actions from rendered faces, as the framework's TNT did.

Its weights then stay as they are: it describes frames, and the rivals that read them learn pain.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from einops import pack, rearrange
from torch import Tensor, nn

from painlab.datasets.synthpain.actions import ACTIONS
from painlab.framework import evaluating
from painlab.training.batches import Faces
from painlab.training.checkpoint import read_checkpoint, write_checkpoint
from painlab.training.pictures import prepare
from painlab.training.pretrain import face_losses
from painlab.training.recipe import average_weights, keep_at, make_optimizer, set_learning_rate
from painlab.typing import Float, UInt8

AT_ONCE = 64  # pictures that pass through it together


@dataclass(frozen=True, kw_only=True)
class CnnTraining:
    """How the ResNet learns; the weights of the two losses are those of the TNT's second stage.

    ``channels`` are those of the four stages of a ResNet-10, half as many as it has by custom.
    """

    channels: tuple[int, ...] = (32, 64, 128, 256)
    people: int = 100
    pictures: int = 16  # of each
    size: int = 64  # pixels of a side
    steps: int = 1000
    batch: int = 32
    identity: float = 0.3
    actions: float = 3.0
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warm_up: int = 60
    label_smoothing: float = 0.1
    averaging: float = 0.995  # of the weights, from step to step
    seed: int = 0


class FaceCnn(nn.Module):
    """A ResNet-10 of timm's with heads for who somebody is and for what the face does.

    Args:
        channels: of its four stages.
        identities: how many people there are.
    """

    def __init__(self, *, channels: tuple[int, ...], identities: int):
        import timm

        super().__init__()
        self.cnn = timm.create_model(
            "resnet18", pretrained=False, num_classes=0, layers=(1, 1, 1, 1), channels=channels
        )  # b d
        self.standardise = nn.BatchNorm1d(channels[-1], affine=False)
        self.to_identity = nn.Linear(channels[-1], identities)
        self.to_actions = nn.Linear(channels[-1], len(ACTIONS))

    def forward(
        self, images: Float[Tensor, "b c height width"]
    ) -> tuple[Float[Tensor, "b y"], Float[Tensor, "b actions"]]:
        """Identity logits and facial actions of pictures in about [-1, 1]."""
        feature = self.standardise(self.cnn(images))  # b d
        return self.to_identity(feature), self.to_actions(feature)


def train_cnn(
    path: Path,
    training: CnnTraining,
    faces: Faces,
    *,
    every: int = 100,
    kept: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = print,
) -> tuple[FaceCnn, list[dict]]:
    """Train, or go on from the checkpoint; the network with averaged weights, and its history.

    The history tells the mean losses, and the seconds of the processor since the entry before.

    Every step's pictures and distortions follow from (seed, step).

    Args:
        path: of the checkpoint, written after ``every`` so many steps.
        training: its settings.
        faces: what it learns from; they must tell their actions.
        kept: called after each checkpoint; it may raise to stop there.
        say: told how far the training is.

    Raises:
        WeightsError: a checkpoint that is damaged or of another run.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        net = FaceCnn(channels=training.channels, identities=faces.identities)
    averaged = deepcopy(net)
    optimizer = make_optimizer(
        net, learning_rate=training.learning_rate, weight_decay=training.weight_decay
    )
    settings = {"training": asdict(training), "faces": faces.describe()}
    done, history = read_checkpoint(
        path, model=net, optimizer=optimizer, averaged=averaged, settings=settings
    )
    net.train()
    sums, begin = [], time.process_time()
    for step in range(done, training.steps):
        rng = np.random.default_rng((training.seed, step))
        batch = faces.batch(step, training.batch, rng)
        batch = prepare(batch, image_size=training.size, rng=rng)
        set_learning_rate(
            optimizer, step,
            steps=training.steps, warm_up=training.warm_up, highest=training.learning_rate,
        )  # fmt: skip
        logits, found = net(batch.images)
        who, what = face_losses(
            logits, found, batch.identity, batch.actions,
            label_smoothing=training.label_smoothing,
        )  # fmt: skip
        optimizer.zero_grad(set_to_none=True)
        (training.identity * who + training.actions * what).backward()
        optimizer.step()
        average_weights(averaged, net, keep=keep_at(step, averaging=training.averaging))
        sums.append([who.item(), what.item()])
        if (step + 1) % every == 0 or step + 1 == training.steps:
            identity, actions = np.mean(sums, 0).tolist()
            seconds = time.process_time() - begin
            history.append(
                {"step": step + 1, "identity": identity, "actions": actions, "seconds": seconds}
            )
            sums, begin = [], time.process_time()
            write_checkpoint(
                path, model=net, optimizer=optimizer, averaged=averaged, step=step + 1,
                settings=settings, history=history,
            )  # fmt: skip
            say(f"CNN, step {step + 1}: identity {identity:.3f}, actions {actions:.3f}")
            kept()
    return averaged.eval(), history


def cnn_features(
    net: FaceCnn, faces: UInt8[Tensor, "b k height width c"]
) -> Float[Tensor, "b k d"]:
    """What the ResNet says of each frame, each computed from that frame alone."""
    features = []
    with evaluating(net), torch.inference_mode():
        for clip in faces:
            images = rearrange(clip, "k height width c -> k c height width").float() / 127.5 - 1
            parts, _ = pack([net.cnn(part) for part in images.split(AT_ONCE)], "* d")  # k d
            features.append(parts)
    return torch.stack(features)
