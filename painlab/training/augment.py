"""AugMix and TrivialAugment on clips (paper Table I): one draw for all frames of a clip.

A change that differs from frame to frame looks like movement, which is what the temporal module
reads. Both are torchvision's own, and what they draw follows from (seed, epoch, sample) alone: not
from the order of the clips, the process, the thread, the device, or how many frames there are.

What an operation reads from a picture it reads from each frame: autocontrast, equalize and contrast
stretch the grey levels of a frame by its own histogram, so that they follow what a clip shows.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.overrides import TorchFunctionMode

from painlab.config import AUGMENTATIONS
from painlab.datasets.tasks import Sample
from painlab.errors import PainLabError, ShapeError
from painlab.training.noise import seed_of
from painlab.typing import Bool, UInt8
from painlab.video import channels_first

FRAMES_AT_ONCE = 16  # 138 frames of 224 × 224 together would take 1.5 GB in AugMix


def augment_clip(
    frames: UInt8[np.ndarray, "k height width c"] | UInt8[Tensor, "k height width c"],
    *,
    seed: int,
    epoch: int,
    sample: Sample,
    augmentations: Sequence[str] = AUGMENTATIONS,
    mask: Bool[np.ndarray, "k"] | Bool[Tensor, "k"] | None = None,
) -> UInt8[np.ndarray, "k height width c"] | UInt8[Tensor, "k height width c"]:
    """Change all frames of a clip in the same way, at random, before `frames_to_tensor`.

    Each augmentation is applied once, in the order given, with torchvision's default settings
    (AugMix: Hendrycks et al., ICLR 2020; TrivialAugment: Müller and Hutter, ICCV 2021). Which
    operations, how strong, and AugMix's mixing weights are drawn once for the clip. No random state
    of PyTorch or numpy is read or changed, so that threads may prepare clips while a model trains.

    Args:
        frames: (k height width 3), RGB; they stay as they are.
        seed: of the run.
        epoch: of the run, or the number of the view where features of several views are kept.
        sample: whose frames they are; its subject and its name count.
        augmentations: any of "augmix" and "trivialaugment", in the order in which they are applied.
        mask: (k), True where a frame has a face. The others come out as they went in.

    Returns:
        New frames of the same kind, shape and device.

    Raises:
        ShapeError: for frames or a mask of another shape or type.
        PainLabError: for an augmentation of another name.
    """
    changed = channels_first(frames, channels=3)  # k c height width
    changed = changed.clone(memory_format=torch.contiguous_format)  # the frames stay as they are
    shown = _shown(mask, len(changed)).to(changed.device)
    for name in augmentations:
        transform = _transform(name)
        for rows in shown.split(FRAMES_AT_ONCE) if len(shown) else ():
            # each part draws anew from the same seed, and so the same
            with _Draws(draw_seed(seed, epoch, sample, name)):
                changed[rows] = transform(changed[rows])
    changed = rearrange(changed, "k c height width -> k height width c").contiguous()
    return changed.numpy() if isinstance(frames, np.ndarray) else changed


def draw_seed(seed: int, epoch: int, sample: Sample, augmentation: str) -> int:
    """The seed of what an augmentation draws for a clip: 64 bits of a digest of all four.

    Example:
        >>> clip = Sample("071309_w_21", 0, None, "071309_w_21-BL1-081")
        >>> draw_seed(0, 1, clip, "augmix") == draw_seed(0, 2, clip, "augmix")
        False
    """
    return seed_of(int(seed), int(epoch), sample.subject, sample.sample_name, augmentation)


class _Draws(TorchFunctionMode):
    """Within it, what PyTorch draws at random comes from a generator of its own, on the CPU.

    torchvision takes no generator. The global one belongs to the caller, and to all threads: a
    clip prepared beside a training step would change which paths and weights that step drops.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def __torch_function__(self, func: Callable, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.rand, torch.randint):
            return func(*args, **kwargs, generator=self.generator)
        if func is torch._sample_dirichlet:  # AugMix's weights; alpha may lie on a GPU
            (alpha,) = args
            return func(alpha.cpu(), generator=self.generator).to(alpha.device)
        return func(*args, **kwargs)


def _transform(name: str) -> Callable[[Tensor], Tensor]:
    """torchvision's transform of frames (k c height width), given to it as one video.

    Of a plain tensor it would take each frame for a picture of its own, and AugMix would mix each
    with weights of its own.
    """
    from torchvision.transforms import v2
    from torchvision.tv_tensors import Video

    made = {"augmix": v2.AugMix, "trivialaugment": v2.TrivialAugmentWide}
    if name not in made:
        raise PainLabError(f"no augmentation {name!r}: choose from {', '.join(AUGMENTATIONS)}.")
    transform = made[name]()
    return lambda images: transform(Video(images)).as_subclass(Tensor)


def _shown(mask, count: int) -> Tensor:
    """The numbers of the frames that have a face."""
    if mask is None:
        return torch.arange(count)
    mask = torch.as_tensor(mask)
    if mask.shape != (count,) or mask.dtype != torch.bool:
        raise ShapeError(
            f"the mask of {count} frames must be boolean and of shape ({count},), "
            f"not {mask.dtype} and {tuple(mask.shape)}."
        )
    return torch.nonzero(mask).squeeze(1)
