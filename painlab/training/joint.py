"""Both parts trained together: the other reading of the paper's Table I, where neither is frozen.

For its gradient a TNT keeps some 68 MB of a frame (float32): of a batch of 32 clips of 138 frames
300 GB. So a batch passes in portions, whose gradients add up to that of the batch; and what the TNT
makes of a portion's frames need not be kept, it can be computed again.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from painlab.config import FrameworkConfig, TrainingConfig, config_to_dict
from painlab.datasets.tasks import Sample, Task, counted
from painlab.errors import DataError, PainLabError
from painlab.framework import PainFramework, evaluating, save_model
from painlab.training.augment import augment_clip
from painlab.training.batches import in_order, parts_of_passes
from painlab.training.checkpoint import read_checkpoint, write_checkpoint
from painlab.training.memory import is_out_of_memory
from painlab.training.noise import generator_of, seed_of
from painlab.training.recipe import half_precision, make_optimizer, set_learning_rate
from painlab.typing import Bool, Float, UInt8
from painlab.video import frames_to_tensor
from painlab.weights import digest

CHECKPOINT, WEIGHTS = "joint.checkpoint.safetensors", "framework.safetensors"
FRAMES_AT_ONCE = 32
MEASURED = 3  # steps before the time left is told for the first time

# aligned frames of a clip, uint8 (k height width c), and which of them have a face, bool (k,)
Load = Callable[[Sample], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class LoadedClip:
    """A clip's aligned frames."""

    sample: Sample
    frames: UInt8[np.ndarray, "k height width c"]
    found: Bool[np.ndarray, "k"]
    number: int = 0  # of the pass over the clips, which decides the augmentation


def train_jointly(
    out: str | PathLike,
    framework: PainFramework,
    samples: Sequence[Sample],
    *,
    task: Task,
    load: Load,
    config: TrainingConfig | None = None,
    clips_at_once: int = 1,
    frames_at_once: int = FRAMES_AT_ONCE,
    recompute: bool = True,
    checkpoint_seconds: float | int = 300,
    about: Mapping[str, str] | None = None,
    workers: int = 0,
    say: Callable[[str], None] = print,
) -> PainFramework:
    """Train the spatial and the temporal part of a framework, or go on where a killed run was.

    Each pass takes the clips in another order; batches are cut from their stream, so that all are
    full. A step's clips, their augmentation, and the paths and attention weights that it drops
    follow from (seed, step): a run that was killed ends with the same weights as one that was not.
    They are written to ``framework.safetensors``.

    Args:
        out: the folder of this run.
        framework: what it starts from, on the device where it is to learn. It stays as it is, and
            parameters that require no gradient are the same in the result.
        samples: the clips to learn from.
        task: gives their classes.
        load: gives a clip's aligned frames (k size size 3), uint8, and which of them have a face
            (k,): `AlignedClips`, or a function that may be called from several threads.
        config: of the training; Table I by default.
        clips_at_once: clips of a batch that pass through the framework together. Without dropout
            the gradient is that of the whole batch, whatever their number; with it, other numbers
            draw other paths to drop, and so does ``frames_at_once``.
        frames_at_once: frames that pass through the TNT together.
        recompute: keep 2 kB of a frame for its gradient instead of 68 MB, and compute a third more
            (`PainFramework.encode`). Where 10 GB are free, False is faster: a clip fits at once.
        checkpoint_seconds: at least so long from one checkpoint to the next.
        about: further text for the weights file, such as ``{"frames_per_second": "6.25"}``.
        workers: threads that read the clips of the next steps, a step each.
        say: told of the time left, of each pass, and of clips in which no frame has a face: they
            take part with an empty mask.

    Returns:
        The trained framework, in evaluation mode.

    Raises:
        PainLabError: no clips or one class of them, a number below 1, a framework with other
            classes than the task or with nothing to learn, too little memory, or a loss that is no
            number: the last checkpoint stays.
        DataError: a clip that the task has no class for, or whose frames do not fit.
        WeightsError: where the folder holds another run, or cannot be written to.

    Example:
        >>> import tempfile
        >>> import painlab as pl
        >>> clips = [pl.Sample("Anna", level, None, f"clip{level}") for level in (0, 4)]
        >>> def load(clip):  # grey films; those of a data set: AlignedClips
        ...     return np.full((8, 32, 32, 3), 50 * clip.level, np.uint8), np.ones(8, bool)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model = pl.train_jointly(
        ...         folder, pl.PainFramework(pl.FrameworkConfig.tiny()), clips, load=load,
        ...         task=pl.TASKS["NP-P4"], say=lambda text: None,
        ...         config=pl.TrainingConfig.quick(epochs=1, warm_up_epochs=0, batch=2),
        ...     )
        >>> model(torch.zeros(1, 8, 3, 32, 32)).shape
        torch.Size([1, 2])
    """
    config, path, samples = config or TrainingConfig(), Path(out) / CHECKPOINT, list(samples)
    require_whole(clips_at_once=clips_at_once, frames_at_once=frames_at_once)
    settings = settings_of(framework, samples, task, config, load)
    settings |= {"clips_at_once": clips_at_once, "frames_at_once": frames_at_once}
    model = deepcopy(framework)
    device = model.spatial.class_token.device
    optimizer = make_optimizer(
        model, learning_rate=config.learning_rate, weight_decay=config.weight_decay
    )
    done, history = read_checkpoint(path, model=model, optimizer=optimizer, settings=settings)
    a_pass = config.steps_of_epoch(len(samples))
    steps, warm_up = config.epochs * a_pass, config.warm_up_epochs * a_pass
    unfinished = history.pop() if done % a_pass else [0.0, 0]  # loss and clips right, summed

    def read(step: int) -> list[LoadedClip]:
        drawn = _draw(step, clips=len(samples), config=config)
        clips = ((load_clip(samples[row], load, framework.config), n) for row, n in drawn)
        return [replace(clip, number=n) for clip, n in clips]

    clock, saved, faceless = _Clock(done=done, steps=steps), time.monotonic(), set()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for step, batch in enumerate(in_order(read, range(done, steps), workers=workers), done):
            for sample in (clip.sample for clip in batch if not clip.found.any()):
                if sample not in faceless:
                    faceless.add(sample)
                    say(f"{sample.sample_name} of {sample.subject}: no frame has a face.")
            set_learning_rate(
                optimizer, step, steps=steps, warm_up=warm_up, highest=config.learning_rate
            )
            torch.manual_seed(seed_of(config.seed, "joint", step))  # what is dropped
            model.train()
            optimizer.zero_grad(set_to_none=True)
            try:
                loss, right = add_gradients(
                    model, batch, task=task, config=config,
                    clips_at_once=clips_at_once, frames_at_once=frames_at_once,
                    recompute=recompute,
                )  # fmt: skip
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise PainLabError(
                    f"step {step + 1} of {steps}: the memory of {device} does not hold a portion; "
                    f"take less than clips_at_once={clips_at_once} or frames_at_once="
                    f"{frames_at_once}{'' if recompute else ', or recompute=True'}."
                ) from error
            # without a limit this measures alone: weights are never changed by what is no number
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip_gradients or math.inf)
            if not math.isfinite(loss + float(norm)):
                raise PainLabError(
                    f"step {step + 1} of {steps}: the loss is {loss:.3g} and its gradient's norm "
                    f"{float(norm):.3g}; take a lower learning rate or clip the gradients, in "
                    f"another folder ({path.parent} is left as it was)."
                )
            optimizer.step()
            unfinished = [unfinished[0] + loss, unfinished[1] + right]
            if (step + 1) % a_pass == 0:
                of_pass = {"loss": unfinished[0] / a_pass}
                of_pass |= {"accuracy": unfinished[1] / (a_pass * config.batch)}
                history, unfinished = [*history, of_pass], [0.0, 0]
                say(
                    f"pass {len(history)} of {config.epochs}: loss {of_pass['loss']:.4f}, "
                    f"{of_pass['accuracy']:.1%} right, {clock.left(step + 1)}"
                )
            elif step + 1 - done == MEASURED:
                say(f"{steps - step - 1:,} steps to go, {clock.left(step + 1)}")
            if time.monotonic() - saved >= checkpoint_seconds or step + 1 == steps:
                rest = [unfinished] if (step + 1) % a_pass else []
                write_checkpoint(
                    path, model=model, optimizer=optimizer, step=step + 1, settings=settings,
                    history=history + rest,
                )  # fmt: skip
                saved = time.monotonic()
    people = counted(len({sample.subject for sample in samples}), "subject")
    model.about = {
        "trained_on": f"{task.name}, {counted(len(samples), 'clip')} of {people}, both parts",
        "classes": json.dumps(task.class_names),
        "settings": json.dumps(settings, sort_keys=True),
        "history": json.dumps(history),
        **({"aligner": json.dumps(settings["faces"]["aligner"])} if settings["faces"] else {}),
        **(about or {}),
    }
    save_model(model.eval(), Path(out) / WEIGHTS, **model.about)
    return model


def add_gradients(
    model: PainFramework,
    batch: Sequence[LoadedClip],
    *,
    task: Task,
    config: TrainingConfig,
    clips_at_once: int,
    frames_at_once: int,
    recompute: bool,
) -> tuple[float, int]:
    """Add the gradient of a batch's mean loss to the parameters', portion by portion.

    The other arguments are those of `train_jointly`.

    Returns:
        The mean loss (label smoothing included), and how many clips are right.
    """
    like = model.spatial.class_token
    total, right = torch.zeros((), device=like.device), 0
    for start in range(0, len(batch), clips_at_once):
        portion = batch[start : start + clips_at_once]
        pictures = [
            augment_clip(
                torch.from_numpy(clip.frames).to(like.device), seed=config.seed, epoch=clip.number,
                sample=clip.sample, augmentations=config.augmentations, mask=clip.found,
            )
            for clip in portion
        ]  # fmt: skip
        clips, mask = _together(pictures, [clip.found for clip in portion], like)
        labels = torch.tensor([task.label(clip.sample) for clip in portion], device=like.device)
        with half_precision(like.device, wanted=config.half_precision):
            logits = model(clips, mask=mask, frames_at_once=frames_at_once, recompute=recompute)
        losses = F.cross_entropy(
            logits.to(like.dtype), labels, label_smoothing=config.label_smoothing, reduction="sum"
        )
        loss = losses / len(batch)  # the last portion may have fewer clips than the others
        loss.backward()
        total, right = total + loss.detach(), right + (logits.argmax(-1) == labels).sum()
    return float(total), int(right)


def class_logits(
    framework: PainFramework,
    samples: Sequence[Sample],
    *,
    load: Load,
    frames_at_once: int = FRAMES_AT_ONCE,
) -> Float[np.ndarray, "b y"]:
    """What a framework says of clips, one after another, as they are: nothing changed or dropped.

    Raises:
        DataError: a clip whose frames do not fit.
        PainLabError: where a logit is no number.
    """
    like, logits = framework.spatial.class_token, []
    with evaluating(framework), torch.inference_mode():
        for sample in samples:
            clip = load_clip(sample, load, framework.config)
            frames = torch.from_numpy(clip.frames).to(like.device)
            clips, mask = _together([frames], [clip.found], like)
            logits.append(framework(clips, mask=mask, frames_at_once=frames_at_once))
            if not logits[-1].isfinite().all():
                raise PainLabError(
                    f"{sample.sample_name} of {sample.subject}: its logits are not numbers; the "
                    "weights are damaged."
                )
    return torch.cat(logits).float().cpu().numpy()


def load_clip(sample: Sample, load: Load, config: FrameworkConfig) -> LoadedClip:
    """A clip's frames, which must fit the framework.

    Raises:
        DataError: where they do not.
    """
    frames, found = load(sample)
    size, most = config.spatial.image_size, config.temporal.frames
    fits = frames.shape[1:] == (size, size, 3) and frames.dtype == np.uint8
    fits &= 0 < len(frames) <= most and found.shape == frames.shape[:1] and found.dtype == bool
    if not fits:
        raise DataError(
            f"{sample.sample_name} of {sample.subject}: this framework takes 1 to {most} uint8 "
            f"frames of {size}×{size} pixels and a mask, not {frames.dtype} {frames.shape} and "
            f"{found.dtype} {found.shape}."
        )
    return LoadedClip(sample, frames, found)


def _together(
    pictures: list[Tensor], found: list[np.ndarray], like: Tensor
) -> tuple[Float[Tensor, "b k c height width"], Bool[Tensor, "b k"]]:
    """Clips in one tensor; where one is shorter than the longest, no frame has a face."""
    longest = max(len(frames) for frames in pictures)
    _, height, width, c = pictures[0].shape
    clips = like.new_zeros(len(pictures), longest, c, height, width, requires_grad=False)
    mask = torch.zeros(len(pictures), longest, dtype=torch.bool, device=like.device)  # b k
    for i, (frames, there) in enumerate(zip(pictures, found, strict=True)):
        clips[i, : len(frames)] = frames_to_tensor(frames)
        mask[i, : len(frames)] = torch.from_numpy(there).to(like.device)
    return clips, mask


def _draw(step: int, *, clips: int, config: TrainingConfig) -> list[tuple[int, int]]:
    """Which clips a step learns from, each with the number of the pass that it belongs to."""
    drawn, places = [], range(step * config.batch, (step + 1) * config.batch)
    for number, part in parts_of_passes(places, clips=clips):
        order = torch.randperm(clips, generator=generator_of(config.seed, "joint pass", number))
        drawn += [(row, number) for row in order[part].tolist()]
    return drawn


def settings_of(framework, samples, task: Task, config: TrainingConfig, load) -> dict:
    """What decides the weights that a run ends with; refuses what cannot be trained."""
    if not samples:
        raise PainLabError(f"there is no clip to learn {task.name} from.")
    if framework.config.temporal.classes != task.classes:
        raise PainLabError(
            f"{task.name} tells {task.classes} classes apart, this framework "
            f"{framework.config.temporal.classes}: make one with as many."
        )
    if len({task.label(sample) for sample in samples}) < 2:
        raise PainLabError(f"all clips to learn {task.name} from are of one class.")
    frozen = [name for name, p in framework.named_parameters() if not p.requires_grad]
    if len(frozen) == len(list(framework.parameters())):
        raise PainLabError("no parameter of this framework requires a gradient: none can learn.")
    told = {"clips": json.dumps([[s.subject, s.sample_name, task.label(s)] for s in samples])}
    return {
        "start": digest(framework.state_dict(), {})[:16],
        "framework": config_to_dict(framework.config),
        "frozen": frozen,
        "training": asdict(config),
        "task": task.name,
        "clips": digest({}, told)[:16],
        "faces": getattr(load, "made_from", None),  # a plain function says nothing of itself
    }


class _Clock:
    """What a step takes and the time left, from the steps of this run."""

    def __init__(self, *, done: int, steps: int):
        self.steps, self.first, self.start = steps, done, time.perf_counter()

    def left(self, done: int) -> str:
        """In words, after so many steps."""
        a_step = (time.perf_counter() - self.start) / (done - self.first)
        return f"a step takes {a_step:.2g} s, {in_words(a_step * (self.steps - done))} left"


def in_words(seconds: float | int) -> str:
    """Seconds in the unit that suits them.

    Example:
        >>> in_words(100), in_words(6000), in_words(100_000), in_words(2e6)
        ('100 s', '100 min', '28 h', '23 days')
    """
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def require_whole(**numbers: int) -> None:
    """Refuse a number below 1, by its name."""
    for name, number in numbers.items():
        if number < 1:
            raise PainLabError(f"{name}={number}: give a whole number above 0.")
