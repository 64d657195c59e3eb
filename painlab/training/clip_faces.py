"""The aligned faces of a clip: of a film, of one rendered now, or by landmarks that are known."""

import numpy as np
import torch
from torch import Tensor

from painlab._decoding import open_video, rate_of
from painlab.alignment import FaceAligner, warp
from painlab.alignment.warp_batch import warp_frames
from painlab.datasets.synthpain.curves import frame_rate
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.render import Rendered, render_clip
from painlab.datasets.tasks import Sample
from painlab.typing import Bool, UInt8
from painlab.video import read_video


def aligned_faces(
    samples,
    sample: Sample,
    aligner: FaceAligner | str,
    *,
    size: int,
    stride: int = 1,
    frames: int = 138,
    device: torch.device,
) -> tuple[UInt8[Tensor, "k size size c"], Bool[np.ndarray, "k"]]:
    """A clip's aligned faces on a device, and which frames have one.

    Args:
        samples: the data set; a `SynthPain` where the clip lies on no disk.
        sample: the clip.
        aligner: of pictures of ``size`` pixels; "truth" takes the landmarks of the head drawn.
        size: pixels of a side of the pictures.
        stride: how far apart the frames are that are taken.
        frames: of the clip, before the stride; what is longer is cut.
        device: where clips are rendered and where the pictures come to lie.

    Raises:
        VideoError: a film that cannot be read.
    """
    if aligner == "truth":
        images = align_by_truth(
            _render(samples, sample, device), size=size, chosen=slice(0, frames, stride)
        )
        return images, np.ones(len(images), bool)
    if sample.path is None:
        clip = samples.render(sample, device=device)[:frames:stride].cpu().numpy()
    else:
        clip = read_video(sample.path, stride=stride, max_frames=-(-frames // stride)).frames
    aligned = aligner(clip)
    return torch.from_numpy(aligned.frames).to(device), aligned.found


def clip_rate(samples, sample: Sample) -> float:
    """Frames a second of a clip, on average, before any stride.

    Raises:
        VideoError: a film that cannot be opened.
    """
    if sample.path is None:
        return frame_rate(samples.settings.frames)
    with open_video(sample.path) as (_, stream):
        return float(rate_of(stream))


def align_by_truth(
    clip: Rendered, *, size: int, chosen: slice = slice(None)
) -> UInt8[Tensor, "k size size c"]:
    """Faces aligned by the landmarks of the head that was drawn, on the device of the pictures.

    On a CPU by OpenCV, as `FaceAligner` does it; elsewhere all frames at once by `warp_frames`.

    Args:
        clip: what `render_clip` drew.
        size: pixels of a side of the aligned pictures.
        chosen: which frames.
    """
    frames = clip.frames[chosen]
    places = clip.landmarks[chosen] - np.float32([0.5, 0.5, 0])  # middles of pixels, not edges
    transforms = np.stack([warp.similarity_3d(points, size=size) for points in places])
    if frames.device.type != "cpu":
        return warp_frames(frames, transforms, size=size)
    pairs = zip(frames.numpy(), transforms, strict=True)
    return torch.from_numpy(np.stack([warp.warp_frame(*pair, size=size) for pair in pairs]))


def _render(data: SynthPain, sample: Sample, device: torch.device) -> Rendered:
    key = data.key(sample)
    return render_clip(
        data.subject(sample), data.motion(sample), level=key.level, trial=key.trial,
        size=data.settings.size, device=device,
    )  # fmt: skip
