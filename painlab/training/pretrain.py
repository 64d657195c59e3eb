"""Pre-training of the spatial module on faces (paper III-B.3): identities, then facial actions.

The paper learns the identities of VGGFace2. Identity alone teaches a network to overlook what a
face does, so facial actions are learned as well; the authors' 2024 paper (PainViT) adds emotion
data in the same place.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from einops import repeat
from torch import Tensor, nn

from painlab.config import TNTConfig, config_to_dict
from painlab.datasets.synthpain.actions import ACTIONS
from painlab.errors import PainLabError, WeightsError
from painlab.spatial.resolution import at_resolution
from painlab.spatial.tnt import TNT
from painlab.training.batches import FaceBatch, Faces, in_order
from painlab.training.checkpoint import read_checkpoint, write_checkpoint
from painlab.training.parallel import Processes
from painlab.training.pictures import prepare
from painlab.training.recipe import average_weights, keep_at, make_optimizer, set_learning_rate
from painlab.typing import Float, Int
from painlab.weights import in_half, read_weights, write_weights

RESULT = "tnt.safetensors"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of pre-training; the defaults are Table I's where it speaks.

    ``identity`` and ``actions`` weigh the two losses; a stage may have either or both.
    """

    name: str
    steps: int
    image_size: int = 224  # pixels of a side
    batch: int = 32
    identity: float | int = 1.0
    actions: float | int = 0.0
    learning_rate: float = 1e-4  # Table I
    weight_decay: float = 0.1  # Table I
    warm_up: int = 0  # steps; Table I has 5 of 200 epochs
    label_smoothing: float = 0.1  # Table I
    averaging: float | int = 0.999  # of the weights, from step to step
    seed: int = 0

    def __post_init__(self):
        if self.steps < 1 or self.batch < 1 or not (self.identity > 0 or self.actions > 0):
            raise PainLabError(
                f"{self}: a stage needs steps, pictures in a batch, and something to learn."
            )


class FaceNet(nn.Module):
    """A TNT with a classifier of identities and a linear map to facial actions on its feature.

    Between feature and heads each channel is standardised over the batch: at first all faces have
    nearly the same feature, and the heads would have to wait until they differ (the batch norm
    neck of Luo et al., "Bag of tricks", CVPR Workshops 2019).

    Args:
        tnt: without classes.
        identities: how many people there are.
    """

    def __init__(self, tnt: TNT, *, identities: int):
        super().__init__()
        self.tnt = tnt
        self.standardise = nn.BatchNorm1d(tnt.config.dim, affine=False)
        self.to_identity = nn.Linear(tnt.config.dim, identities)
        self.to_actions = nn.Linear(tnt.config.dim, len(ACTIONS))
        nn.init.trunc_normal_(self.to_identity.weight, std=0.02)
        nn.init.zeros_(self.to_actions.weight)  # noise would cost more than its mean says
        for head in (self.to_identity, self.to_actions):
            nn.init.zeros_(head.bias)

    def forward(
        self, images: Float[Tensor, "b c height width"]
    ) -> tuple[Float[Tensor, "b y"], Float[Tensor, "b actions"]]:
        """Identity logits and facial actions of pictures in about [-1, 1]."""
        feature = self.standardise(self.tnt(images))  # b d
        return self.to_identity(feature), self.to_actions(feature)


def face_losses(
    logits: Float[Tensor, "b y"],
    found: Float[Tensor, "b actions"],
    identity: Int[Tensor, "b"],
    actions: Float[Tensor, "b actions"] | None,
    *,
    label_smoothing: float,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Cross-entropy over identities, and the squared error summed over actions; batch means."""
    of_identity = F.cross_entropy(logits.float(), identity, label_smoothing=label_smoothing)
    if actions is None:
        return of_identity, 0.0 * found.sum()
    return of_identity, (found.float() - actions).square().sum(-1).mean()


def pretrain(
    folder: Path,
    stages: Sequence[tuple[Stage, Faces]],
    *,
    config: TNTConfig | None = None,
    device: torch.device,
    every: int = 250,
    workers: int = 0,
    about: Mapping[str, str] | None = None,
    say: Callable[[str], None] = print,
    processes: Processes | None = None,
) -> TNT:
    """Train a TNT stage by stage, or go on where a killed run was.

    The weights of each stage, averaged over its steps, are written to ``NUMBER-NAME.safetensors``
    for pictures of its size, those of the last one to ``tnt.safetensors`` for pictures of the
    configured size, all in half precision (`painlab.load_model` reads them).

    Every step's pictures, distortions and dropped paths follow from (seed, step), so the end is the
    same however often the run was killed. On several processes (``torchrun``) the gradients are
    averaged over them, and each takes its part of every batch.

    Args:
        folder: for the checkpoints, one a stage, and the weights.
        stages: each with the faces that it learns from.
        config: of the TNT; by default the paper's.
        device: where the network learns.
        every: steps between checkpoints.
        workers: threads that prepare batches ahead.
        about: what the weights files shall tell of themselves, besides these settings.
        say: told how far the run is.
        processes: those of ``torchrun``; alone if None.

    Raises:
        WeightsError: where the folder holds checkpoints or weights of another run.
        PainLabError: where a stage wants actions that its faces do not tell.
    """
    processes = processes or Processes.alone()
    config = replace(config or TNTConfig(), classes=0)
    _refuse_other_weights(folder / RESULT, stages, config)
    torch.manual_seed(stages[0][0].seed)
    net: FaceNet | None = None
    tnt = TNT(replace(config, image_size=stages[0][0].image_size))
    begin(tnt)
    learned_from, described = None, describe_stages(stages)
    for number, (stage, faces) in enumerate(stages, 1):
        tnt = at_resolution(tnt, stage.image_size)
        # new heads alike in every process, and whether or not the stage before ran in this one
        drawn = np.random.SeedSequence((stage.seed, number))
        torch.manual_seed(int(drawn.generate_state(1)[0]))
        start = FaceNet(tnt, identities=faces.identities)
        if net is not None and learned_from == faces.describe():
            start.to_identity, start.to_actions = net.to_identity, net.to_actions
            start.standardise = net.standardise
        learned_from = faces.describe()
        # a stage starts from what the ones before made: its checkpoint belongs to all of them
        settings = {"stages": described[:number], "config": config_to_dict(config)}
        net = _train_stage(
            checkpoint_path(folder, number, stage), stage, faces,
            net=start.to(device), settings=settings, device=device, every=every,
            workers=workers, say=say, processes=processes,
        )  # fmt: skip
        tnt = net.tnt
        told = {**(about or {}), "settings": json.dumps(settings, sort_keys=True)}
        if processes.first:
            write_half(folder / f"{number}-{stage.name}.safetensors", tnt, about=told)
    tnt = at_resolution(tnt, config.image_size).eval()
    if processes.first:
        write_half(folder / RESULT, tnt, about=told)
    processes.wait()
    return tnt


def describe_stages(stages: Sequence[tuple[Stage, Faces]]) -> list[dict]:
    """What decides the weights that stages end with, as plain values: checkpoints and weights
    files keep it.
    """
    return [{"stage": asdict(stage), "faces": faces.describe()} for stage, faces in stages]


def _refuse_other_weights(path: Path, stages, config: TNTConfig) -> None:
    """Weights that another run finished are not written over; further stages may follow its own."""
    if not path.exists():
        return
    told = json.loads(read_weights(path).about.get("settings", "{}"))
    before = told.get("stages", [])
    differ = ["config"] if told.get("config") != _as_json(config_to_dict(config)) else []
    differ += ["stages"] if before != _as_json(describe_stages(stages))[: len(before)] else []
    if differ:
        raise WeightsError(
            f"{path} was made with other settings ({', '.join(differ)}): give another folder, or "
            "remove it."
        )


def _as_json(told):
    """Lists for tuples, and all else that JSON does to plain values."""
    return json.loads(json.dumps(told))


def checkpoint_path(folder: Path, number: int, stage: Stage) -> Path:
    """Where `pretrain` keeps a stage, counted from 1."""
    return folder / f"{number}-{stage.name}.checkpoint.safetensors"


def stage_history(folder: Path, number: int, stage: Stage) -> list[dict]:
    """What a finished stage measured on the way: step, both losses and accuracy; means since the
    entry before.
    """
    from safetensors import safe_open

    with safe_open(checkpoint_path(folder, number, stage), "pt") as file:
        return json.loads(file.metadata()["history"])


def write_half(path: Path, tnt: TNT, *, about: Mapping[str, str]) -> None:
    """Write a TNT's weights in half precision, whole or not at all."""
    write_weights(path, in_half(tnt.state_dict()), config=tnt.config, about=dict(about))


@torch.no_grad()
def begin(tnt: TNT) -> None:
    """Weights that a short training starts well from; `TNT`'s own are those of its long one.

    Linear maps get Glorot and Bengio's uniform weights (AISTATS 2010) instead of noise of 0.02, and
    the position encodings of patches sines of row and column, instead of noise that drowns in the
    patches. All of it is learned from there on. Both are as in Beyer, Zhai and Kolesnikov, "Better
    plain ViT baselines for ImageNet-1k" (2022).
    """
    for module in tnt.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
    side, quarter = tnt.config.image_size // tnt.config.patch_size, tnt.config.dim // 4
    speeds = 1e4 ** -torch.linspace(0, 1, quarter)  # radians a patch
    angles = torch.arange(side)[:, None] * speeds  # rows d/4, and for columns alike
    half = torch.cat([angles.sin(), angles.cos()], dim=1)  # rows d/2
    down = repeat(half, "rows d -> (rows cols) d", cols=side)
    across = repeat(half, "cols d -> (rows cols) d", rows=side)
    tnt.patch_position[1:, : 4 * quarter] = torch.cat([across, down], dim=1)


def _train_stage(
    path, stage: Stage, faces: Faces, *, net, settings, device, every, workers, say, processes
) -> FaceNet:
    """One stage; the network with averaged weights."""
    averaged = deepcopy(net)
    optimizer = make_optimizer(
        net, learning_rate=stage.learning_rate, weight_decay=stage.weight_decay
    )
    settings = settings | {"processes": processes.count}
    done, history = read_checkpoint(
        path, model=net, optimizer=optimizer, averaged=averaged, settings=settings
    )
    share = processes.share_of(stage.batch)
    if share < 2:
        raise PainLabError(
            f"stage {stage.name}: standardising takes at least two pictures a process in each "
            f"batch, not {share}."
        )

    def make(step: int) -> FaceBatch:
        rng = np.random.default_rng((stage.seed, processes.number, step))
        return prepare(faces.batch(step, share, rng), image_size=stage.image_size, rng=rng)

    parallel = processes.wrap(net, device)
    start, sums = time.perf_counter(), []
    for step, batch in enumerate(in_order(make, range(done, stage.steps), workers=workers), done):
        if stage.actions and batch.actions is None:
            raise PainLabError(f"stage {stage.name}: these faces do not tell their actions.")
        set_learning_rate(
            optimizer, step,
            steps=stage.steps, warm_up=stage.warm_up, highest=stage.learning_rate,
        )  # fmt: skip
        drawn = np.random.SeedSequence((stage.seed, processes.number, step, 1))
        torch.manual_seed(int(drawn.generate_state(1)[0]))  # which paths are dropped
        parallel.train()
        images, identity = batch.images.to(device), batch.identity.to(device)
        actions = None if batch.actions is None else batch.actions.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits, found = parallel(images)
        losses = face_losses(
            logits, found, identity, actions, label_smoothing=stage.label_smoothing
        )
        loss = stage.identity * losses[0] + stage.actions * losses[1]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average_weights(averaged, net, keep=keep_at(step, averaging=stage.averaging))
        right = (logits.argmax(-1) == identity).float().mean()
        sums.append(torch.stack([*(part.detach() for part in losses), right]))
        if (step + 1) % every == 0 or step + 1 == stage.steps:
            of_identity, of_actions, right = torch.stack(sums).mean(0).tolist()
            sums.clear()
            if not np.isfinite(of_identity + of_actions):
                raise PainLabError(f"stage {stage.name}: the loss is not a number; {path} is kept.")
            told = {"step": step + 1, "identity": of_identity, "actions": of_actions}
            history.append(told | {"accuracy": right})
            if processes.first:
                write_checkpoint(
                    path, model=net, optimizer=optimizer, averaged=averaged, step=step + 1,
                    settings=settings, history=history,
                )  # fmt: skip
                left = (time.perf_counter() - start) / (step + 1 - done) * (stage.steps - step - 1)
                say(
                    f"{stage.name}, step {step + 1} of {stage.steps}: identity {of_identity:.3f} "
                    f"({right:.1%} right), actions {of_actions:.3f}, {left / 60:.0f} min left"
                )
    processes.wait()
    return averaged.eval()
