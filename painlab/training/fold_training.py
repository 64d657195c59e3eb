"""Training many folds together, step by step, in a way that no fold notices the others.

What is random in a fold (its first weights, its batches, which view of a clip, what is dropped)
follows from the run's seed, the fold's name and the step alone. So a fold gets the same numbers
alone or beside others, on any device, and after a pause.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

from painlab.config import TemporalConfig, TrainingConfig
from painlab.datasets.splits import leave_one_subject_out
from painlab.errors import PainLabError
from painlab.temporal.transformer import TemporalTransformer
from painlab.training.batches import parts_of_passes
from painlab.training.checkpoint import read_checkpoint, write_checkpoint
from painlab.training.folds import clip_gradients, stack
from painlab.training.noise import FoldNoise, generator_of, seed_of
from painlab.training.recipe import half_precision, make_optimizer, set_learning_rate
from painlab.training.store import Features
from painlab.typing import Bool, Float, Int


@dataclass(frozen=True, eq=False)
class Fold:
    """Who is left out, and which rows of the features are trained and tested on."""

    name: str
    train: Int[Tensor, "i"]
    test: Int[Tensor, "o"]


@dataclass(frozen=True, eq=False)
class TaskData:
    """A task's clips on one device."""

    features: Float[Tensor, "b v k d"]
    found: Bool[Tensor, "b k"] | None  # None: every frame has a face
    labels: Int[Tensor, "b"]

    @classmethod
    def of(cls, features: Features, labels: Int[Tensor, "b"]) -> "TaskData":
        """The features with their labels, on the features' device."""
        found = None if features.found.all() else features.found
        return cls(features.features, found, labels.to(features.features.device))

    def select(self, rows: Tensor, views: Tensor | int) -> tuple[Tensor, Tensor | None]:
        """Features (... k d) of these rows and views, and which frames have a face."""
        return self.features[rows, views], None if self.found is None else self.found[rows]


def make_folds(samples: Sequence) -> list[Fold]:
    """One fold a subject, in the order of their names; what `leave_one_subject_out` refuses."""
    row = {(s.subject, s.sample_name): i for i, s in enumerate(samples)}

    def rows(part) -> Tensor:
        return torch.tensor([row[s.subject, s.sample_name] for s in part])

    splits = leave_one_subject_out(samples)
    return [Fold(test[0].subject, rows(train), rows(test)) for train, test in splits]


def steps_of_run(folds: Sequence[Fold], config: TrainingConfig) -> tuple[int, int]:
    """Steps of an epoch and of the whole run, the same for all folds.

    An epoch is as many batches as the fold with the most clips needs. Where folds have unequally
    many, the others see some of theirs once more.
    """
    of_epoch = config.steps_of_epoch(max(len(fold.train) for fold in folds))
    return of_epoch, of_epoch * config.epochs


def draw_batches(
    fold: Fold, steps: range, *, batch: int, views: int, seed: int
) -> tuple[Int[Tensor, "steps b"], Int[Tensor, "steps b"]]:
    """Which rows, and which view of each, a fold learns from in these steps.

    A fold goes through all of its clips in a random order, then again in another. Batches are cut
    from this stream: all are full, and one may hold the end of a pass and the start of the next.
    """
    clips = len(fold.train)
    rows, chosen = [], []
    for number, part in parts_of_passes(
        range(steps.start * batch, steps.stop * batch), clips=clips
    ):
        generator = generator_of(seed, fold.name, "batches", number)
        rows.append(fold.train[torch.randperm(clips, generator=generator)[part]])
        chosen.append(torch.randint(views, (clips,), generator=generator)[part])
    return torch.cat(rows).view(-1, batch), torch.cat(chosen).view(-1, batch)


def first_model(
    fold: str, temporal: TemporalConfig, *, seed: int, dtype: torch.dtype = torch.float32,
    start: TemporalTransformer | None = None,
) -> TemporalTransformer:  # fmt: skip
    """The model that a fold begins with: untrained, or a copy of ``start``.

    Where ``start`` has other classes, the classifier alone is untrained.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, fold, "weights"))
        model = TemporalTransformer(temporal)
    if start is not None:
        own = model.state_dict()
        same = {n: t for n, t in start.state_dict().items() if t.shape == own[n].shape}
        model.load_state_dict(own | same)
    return model.to(dtype)


def fold_losses(
    logits: Float[Tensor, "f b y"], labels: Int[Tensor, "f b"], *, label_smoothing: float | int
) -> Float[Tensor, "f"]:
    """Cross-entropy of each fold's batch. Their sum has for each fold the gradient of its own."""
    losses = F.cross_entropy(
        rearrange(logits.to(torch.promote_types(logits.dtype, torch.float32)), "f b y -> (f b) y"),
        rearrange(labels, "f b -> (f b)"),
        label_smoothing=label_smoothing,
        reduction="none",
    )
    return reduce(losses, "(f b) -> f", "mean", f=len(labels))


def train_folds(
    data: TaskData,
    folds: Sequence[Fold],
    *,
    temporal: TemporalConfig,
    config: TrainingConfig,
    steps: tuple[int, int],
    start: TemporalTransformer | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float | int = 60,
    settings: dict | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
    kept: Callable[[], None] | None = None,
) -> tuple[TemporalTransformer, list[list[float]]]:
    """Train one model a fold, all together (paper III-B.3 and Table I).

    Args:
        data: all clips; each fold learns from its own rows of them.
        folds: who is left out.
        temporal: of the models.
        config: of the training.
        steps: of an epoch and of the whole run (`steps_of_run`). Not of these folds alone, or a
            fold would be trained for longer in other company.
        start: what every fold begins with (`first_model`); untrained models if None.
        checkpoint: a file to go on from and to keep the run in; without one nothing is kept.
        checkpoint_seconds: at least so long from one checkpoint to the next.
        settings: what the run is, kept in the checkpoint; with others it is refused.
        on_step: told after each step how many there were and each fold's loss, on the device.
        kept: called after each checkpoint; what it raises ends the training, and nothing is lost.

    Returns:
        The stacked model in evaluation mode, and each epoch's mean loss of each fold.

    Raises:
        PainLabError: where a loss is no number; it names the fold.
        WeightsError: where the checkpoint is damaged, of another run, or cannot be written.
    """
    device, dtype = data.features.device, data.features.dtype
    names = [fold.name for fold in folds]
    noise = FoldNoise(config.seed, names, device=device)
    models = [
        first_model(name, temporal, seed=config.seed, dtype=dtype, start=start) for name in names
    ]
    model = stack(models, noise=noise).to(device).train()
    optimizer = make_optimizer(
        model, learning_rate=config.learning_rate, weight_decay=config.weight_decay, folds=True,
        fused=device.type == "cuda" or None,
    )  # fmt: skip
    of_epoch, total = steps
    warm_up = config.warm_up_epochs * of_epoch
    done, history = 0, []
    told = {"folds": names, "training": asdict(config), "temporal": asdict(temporal)}
    told |= {"steps": list(steps)} | (settings or {})
    if checkpoint is not None:
        done, history = read_checkpoint(checkpoint, model=model, optimizer=optimizer, settings=told)
    began = history.pop() if done % of_epoch else [0.0] * len(folds)  # of an unfinished epoch
    sums, saved = torch.tensor(began, device=device, dtype=torch.float64), time.monotonic()

    while done < total:
        epoch = range(done, done - done % of_epoch + of_epoch)
        drawn = [
            draw_batches(
                fold, epoch, batch=config.batch, views=data.features.shape[1], seed=config.seed
            )
            for fold in folds
        ]
        rows, views = (torch.stack(part, 1).to(device) for part in zip(*drawn, strict=True))
        for step, row, view in zip(epoch, rows, views, strict=True):  # row: f b
            noise.step = step
            set_learning_rate(
                optimizer, step, steps=total, warm_up=warm_up, highest=config.learning_rate
            )
            features, found = data.select(row, view)  # f b k d, f b k
            with half_precision(device, wanted=config.half_precision):
                logits = model(features, mask=found)  # f b y
            losses = fold_losses(logits, data.labels[row], label_smoothing=config.label_smoothing)
            losses.sum().backward()
            if config.clip_gradients is not None:
                clip_gradients(model, largest=config.clip_gradients)
            optimizer.step()
            optimizer.zero_grad()
            sums += losses.detach()
            done = step + 1
            if on_step is not None:
                on_step(done, losses.detach())
            if done % of_epoch == 0:
                history.append((sums / of_epoch).tolist())
                _refuse_no_number(history[-1], names, done)
                sums.zero_()
            if checkpoint is not None and time.monotonic() - saved >= checkpoint_seconds:
                unfinished = [] if done % of_epoch == 0 else [sums.tolist()]
                write_checkpoint(
                    checkpoint, model=model, optimizer=optimizer, step=done, settings=told,
                    history=history + unfinished,
                )  # fmt: skip
                saved = time.monotonic()
                if kept is not None:
                    kept()
    return model.eval(), history


@torch.inference_mode()
def fold_logits(
    model: TemporalTransformer, data: TaskData, folds: Sequence[Fold], *, at_once: int = 32
) -> list[Float[Tensor, "b y"]]:
    """What each fold's model says of the clips that it has not seen, without augmentation."""
    most = max(len(fold.test) for fold in folds)
    # folds with fewer clips ask for their first again, and drop the answers
    rows = [torch.cat([fold.test, fold.test[:1].expand(most - len(fold.test))]) for fold in folds]
    rows = torch.stack(rows).to(data.features.device)  # f b
    parts = []
    for part in rows.split(at_once, dim=1):
        features, found = data.select(part, 0)
        parts.append(model(features, mask=found).cpu())
    logits = torch.cat(parts, dim=1)  # f b y
    return [of_fold[: len(fold.test)] for of_fold, fold in zip(logits, folds, strict=True)]


def _refuse_no_number(losses: list[float], names: list[str], step: int) -> None:
    for name, loss in zip(names, losses, strict=True):
        if not torch.tensor(loss).isfinite():
            raise PainLabError(
                f"the fold that leaves out {name} has a loss of {loss} after {step} steps: "
                "take a lower learning rate, or clip the gradients."
            )
