"""What is known of a rendered clip, carried to the aligned pictures that a model sees."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from painlab.alignment import warp
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.render import Rendered, render_clip
from painlab.datasets.synthpain.truth import moved_pixels
from painlab.datasets.tasks import Sample
from painlab.training.clip_faces import align_by_truth
from painlab.typing import Bool, Float, UInt8


@dataclass(frozen=True, eq=False, repr=False)
class AlignedTruth:
    """The faces of a clip, and the truth about them in the same frame.

    Attributes:
        faces: (k size size c), aligned by the landmarks of the head that was drawn.
        calm: (k size size c), the same pictures had there been no pain, warped as ``faces`` are.
        moved: (k size size), the pixels that pain moved (`Truth.moved`).
        intensity: (k,) in 0..1.
    """

    faces: UInt8[Tensor, "k size size c"]
    calm: UInt8[Tensor, "k size size c"]
    moved: Bool[Tensor, "k size size"]
    intensity: Float[np.ndarray, "k"]

    def __repr__(self) -> str:
        k, size, _ = self.moved.shape
        return (
            f"AlignedTruth({k} frames, {size}×{size}, greatest intensity "
            f"{self.intensity.max():.2f}, {self.moved.float().mean():.1%} of the pixels moved)"
        )


def aligned_truth(
    data: SynthPain,
    sample: Sample,
    *,
    size: int = 224,
    chosen: slice | np.ndarray | list[int] = slice(None),
) -> AlignedTruth:
    """Render a clip with and without its pain, on the CPU, and align both and what differs.

    The mask of moved pixels goes through the same similarity transform as the face, each pixel
    taken from its nearest: a mask has no values in between. What looks outside the film has not
    moved.

    Args:
        data: the set that the sample belongs to; nothing is read from its folder.
        sample: the clip.
        size: pixels of a side of the aligned pictures.
        chosen: which frames.

    Raises:
        DataError: a sample that is none of the data's.

    Example:
        >>> data = SynthPain(subjects=1, per_level=1, frames=2, size=64)
        >>> truth = aligned_truth(data, data[4], size=32)
        >>> truth.faces.shape, truth.moved.shape
        (torch.Size([2, 32, 32, 3]), torch.Size([2, 32, 32]))
    """
    import cv2

    key, subject, motion = data.key(sample), data.subject(sample), data.motion(sample)
    how = {"level": key.level, "trial": key.trial, "size": data.settings.size}
    shown = _only(render_clip(subject, motion, **how), chosen)
    calm = _only(render_clip(subject, motion, **how, pain=False), chosen)
    calm = replace(calm, landmarks=shown.landmarks)
    moved = moved_pixels(shown.frames, calm.frames).numpy().astype(np.uint8)
    places = shown.landmarks - np.float32([0.5, 0.5, 0])  # as align_by_truth counts
    transforms = [warp.similarity_3d(points, size=size) for points in places]
    masks = [
        cv2.warpAffine(mask, transform, (size, size), flags=cv2.INTER_NEAREST)
        for mask, transform in zip(moved, transforms, strict=True)
    ]
    return AlignedTruth(
        faces=align_by_truth(shown, size=size),
        calm=align_by_truth(calm, size=size),
        moved=torch.from_numpy(np.stack(masks)).bool(),
        intensity=motion.intensity[chosen],
    )


def _only(clip: Rendered, chosen) -> Rendered:
    """Some of its frames."""
    return Rendered(**{field.name: getattr(clip, field.name)[chosen] for field in fields(clip)})
