"""`pl.relevance`: what a model's answer rests on, by any of the methods."""

import torch
from einops import rearrange, reduce
from torch import Tensor, nn
from torch.func import functional_call

from painlab.errors import PainLabError, ShapeError
from painlab.explain.maps import Relevance
from painlab.explain.propagate import explain_clips, explain_images, state_of
from painlab.explain.rivals import ATTENTION_METHODS, PIXEL_METHODS, random_map
from painlab.framework import PainFramework, evaluating
from painlab.spatial.tnt import TNT
from painlab.typing import Bool

METHODS = (*ATTENTION_METHODS, *PIXEL_METHODS, "random")


def relevance(
    model: nn.Module,
    clips: Tensor,
    *,
    target: int | Tensor | None = None,
    method: str = "chefer",
    mask: Bool[Tensor, "b k"] | None = None,
    frames_at_once: int = 8,
    steps: int = 32,
    seed: int = 0,
    progress: bool = False,
) -> Relevance:
    """How much each frame, patch and sub-patch had to do with a class logit (paper IV-C).

    The logit is explained, not the probability: a softmax saturates, and its gradient then
    vanishes. The model is evaluated as in ``model.eval()`` (no dropout) and left in the mode it was
    in; half-precision models are explained in float32, from the numbers that they hold.

    Args:
        model: a `PainFramework`, or a `TNT` with classes.
        clips: (b k 3 height width) of aligned faces for a framework, (b 3 height width) for a TNT,
            whose images count as clips of one frame; values in about [-1, 1].
        target: the class to explain, one for all or (b,); each clip's likeliest if None.
        method: one of "chefer", the paper's; "chefer-centred", the same without what is common to
            a query's gradients (`centred_map`); "gradient-attention", its simpler successor;
            "rollout" and "attention", which know no class; "gradient-input" and
            "integrated-gradients", of which the positive part is shown; "random".
        mask: (b k), True where the frame has a face, for a framework.
        frames_at_once: frames that pass through the TNT together; bounds the memory of the methods
            that look at attention.
        steps: of integrated gradients, 2 or more.
        seed: of the random map.
        progress: show a bar on the standard error stream, for the methods that look at attention.

    Returns:
        A `Relevance`: one number for each frame, patch and sub-patch of each clip.

    Raises:
        ShapeError: where clips or mask do not fit the model.
        PainLabError: for another model, method or target.

    Example:
        >>> from painlab.config import FrameworkConfig
        >>> model = PainFramework(FrameworkConfig.tiny())
        >>> relevance(model, torch.zeros(2, 8, 3, 32, 32))
        Relevance(chefer: 2 clips of 8 frames, 2×2 patches each)
    """
    if method not in METHODS:
        raise PainLabError(f"method {method!r}: choose one of {', '.join(METHODS)}.")
    if steps < 2 or frames_at_once < 1:
        raise PainLabError(
            f"relevance takes 2 steps, 1 frame at once or more: not {steps} and {frames_at_once}."
        )
    _check_model(model)
    images = isinstance(model, TNT)
    mask = _checked_mask(clips, mask, images=images)
    place = next(model.parameters())
    dtype = torch.promote_types(place.dtype, torch.float32)

    def classes_of(logits: Tensor) -> Tensor:
        return _classes(logits, target)

    # what was made in inference mode cannot be differentiated: hence copies, outside of it
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        clips = clips.to(place.device, dtype, copy=True).detach()
        mask = mask.to(place.device, copy=True)
        how = {"frames_at_once": frames_at_once}
        if not images:
            clips = clips.masked_fill(~rearrange(mask, "b k -> b k 1 1 1"), 0.0)
            how["mask"] = mask
        _check_finite(clips)
        if method in ATTENTION_METHODS:
            explain = explain_images if images else explain_clips
            found = explain(
                model, clips, ATTENTION_METHODS[method], classes_of, progress=progress, **how
            )
            *maps, classes = found
            return Relevance.compose(*maps, target=classes, method=method)

        state = state_of(model, dtype)

        def logits_of(x: Tensor) -> Tensor:
            return functional_call(model, state, (x,), {} if images else how)

        with torch.no_grad():
            classes = classes_of(logits_of(clips))
        config = model.config if images else model.config.spatial
        s = config.sub_patch_size
        if method == "random":
            side = config.image_size // s
            fine = random_map((*mask.shape, side, side), like=clips, seed=seed)
        else:
            values = PIXEL_METHODS[method](logits_of, clips, classes, steps=steps)
            frames = values.unsqueeze(1) if images else values  # b k c height width
            pattern = "b k c (height s1) (width s2) -> b k height width"
            fine = reduce(frames, pattern, "sum", s1=s, s2=s)
        return Relevance.of_sub_patches(
            fine.clamp(min=0).masked_fill(~rearrange(mask, "b k -> b k 1 1"), 0.0),
            sub_patches=config.patch_size // s,
            target=classes,
            method=method,
        )


def _check_model(model) -> None:
    if isinstance(model, PainFramework) or (isinstance(model, TNT) and model.config.classes):
        return
    what = "a TNT without classes" if isinstance(model, TNT) else f"a {type(model).__name__}"
    raise PainLabError(
        f"relevance explains a PainFramework, or a TNT with classes: {what} has no class logits."
    )


def _check_finite(clips: Tensor) -> None:
    finite = reduce(clips.isfinite(), "b ... -> b", "all")
    if not finite.all():
        raise PainLabError(f"clip {int(finite.int().argmin())} has numbers that are not finite.")


def _checked_mask(clips: Tensor, mask: Tensor | None, *, images: bool) -> Tensor:
    """The mask (b k), all True where none was given; the model itself checks the sizes."""
    if clips.ndim != (4 if images else 5) or 0 in clips.shape or not clips.is_floating_point():
        axes = "(b, 3, height, width)" if images else "(b, k, 3, height, width)"
        raise ShapeError(
            f"relevance takes numbers of shape {axes} for this model, "
            f"not {tuple(clips.shape)} of {clips.dtype}."
        )
    if images and mask is not None:
        raise ShapeError("images have no frames to be masked: leave the mask away.")
    shape = (len(clips), 1 if images else clips.shape[1])
    if mask is None:
        return torch.ones(shape, dtype=torch.bool)
    if mask.dtype != torch.bool or tuple(mask.shape) != shape:
        raise ShapeError(
            f"the mask must be boolean and of shape {shape}, not {mask.dtype} and "
            f"{tuple(mask.shape)}."
        )
    return mask


def _classes(logits: Tensor, target: int | Tensor | None) -> Tensor:
    """The classes to be explained (b,)."""
    b, y = logits.shape
    if target is None:
        return logits.argmax(dim=1)
    target = torch.as_tensor(target, device=logits.device)
    if target.is_floating_point() or tuple(target.shape) not in ((), (b,)):
        raise PainLabError(
            f"target is one class or {b} of them, whole numbers: not {target.dtype} of shape "
            f"{tuple(target.shape)}."
        )
    wrong = target[(target < 0) | (target >= y)]
    if len(wrong):
        raise PainLabError(f"target {int(wrong[0])}: this model has the classes 0 to {y - 1}.")
    return target.long().expand(b).clone()
