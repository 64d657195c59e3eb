"""The whole framework (paper Fig. 2), what it costs, and how it is kept on a disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from einops import pack, rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from painlab.alignment.network import LandmarkNet
from painlab.config import (
    FrameworkConfig,
    LandmarkNetConfig,
    TemporalConfig,
    TNTConfig,
)
from painlab.devices import choose_device
from painlab.errors import ShapeError, WeightsError
from painlab.spatial.tnt import TNT
from painlab.temporal.transformer import TemporalTransformer
from painlab.typing import Bool, Float
from painlab.weights import model_digest, read_model, write_weights

FACES = "tnt-ti-synthface"  # a TNT that comes with painlab
PAIN = "pain-synthpain"  # a temporal transformer that comes with painlab, for that TNT's features
PAIN_OF_FRAMES = "tnt-ti-synthpain"  # that TNT with two classes, its last blocks learned anew


class PainFramework(nn.Module):
    """From clips of aligned faces to class logits: TNT on each frame, then the temporal module.

    Args:
        config: of both parts; the default is the small one, `FrameworkConfig.paper` the large.

    Example:
        >>> model = PainFramework(FrameworkConfig.tiny()).eval()
        >>> model(torch.zeros(2, 8, 3, 32, 32)).shape
        torch.Size([2, 2])
    """

    def __init__(self, config: FrameworkConfig | None = None):
        super().__init__()
        self.config = config = config or FrameworkConfig()
        self.spatial = TNT(config.spatial)
        self.temporal = TemporalTransformer(config.temporal)

    def encode(
        self,
        clips: Float[Tensor, "b k c height width"],
        *,
        mask: Bool[Tensor, "b k"] | None = None,
        frames_at_once: int = 32,
        recompute: bool = False,
    ) -> Float[Tensor, "b k d"]:
        """Features of every frame of every clip, each computed from that frame alone.

        Args:
            clips: (b k 3 height width), values in about [-1, 1].
            mask: (b k), True where the frame has a face; the others are read as grey.
            frames_at_once: frames that pass through the TNT together. Bounds the memory where no
                gradients are kept (``torch.inference_mode()``) or where they are recomputed.
            recompute: keep nothing of what the TNT does within these frames, and do it again, with
                the same dropped paths, when the gradients pass (gradient checkpointing: Chen et
                al., "Training deep nets with sublinear memory cost", 2016). A third more
                operations, and the gradients are the same.
        """
        fits = mask is None or (mask.shape == clips.shape[:2] and mask.dtype == torch.bool)
        if clips.ndim != 5 or 0 in clips.shape or not fits:
            shapes = f"{tuple(clips.shape)}"
            if mask is not None:
                shapes += f" and {tuple(mask.shape)} of {mask.dtype}"
            raise ShapeError(
                "clips have the shape (b, k, c, height, width), their mask is boolean and (b, k): "
                f"not {shapes}."
            )
        if mask is not None:
            clips = clips.masked_fill(~rearrange(mask, "b k -> b k 1 1 1"), 0.0)
        frames = rearrange(clips, "b k c height width -> (b k) c height width")
        parts = frames.split(frames_at_once)
        if recompute:
            features = [checkpoint(self.spatial, part, use_reentrant=False) for part in parts]
        else:
            features = [self.spatial(part) for part in parts]
        features, _ = pack(features, "* d")  # (b k) d
        return rearrange(features, "(b k) d -> b k d", b=len(clips))

    def forward(
        self,
        clips: Float[Tensor, "b k c height width"],
        *,
        mask: Bool[Tensor, "b k"] | None = None,
        frames_at_once: int = 32,
        recompute: bool = False,
    ) -> Float[Tensor, "b y"]:
        """Class logits (b y) of clips.

        Args:
            clips: (b k 3 height width) of aligned faces, values in about [-1, 1].
            mask: (b k), True where the frame has a face. What the others show changes nothing.
            frames_at_once, recompute: what bounds the memory of the TNT, as for `encode`.

        Raises:
            ShapeError: where clips or mask do not fit the configuration.
        """
        features = self.encode(
            clips, mask=mask, frames_at_once=frames_at_once, recompute=recompute
        )  # b k d
        return self.temporal(features, mask=mask)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values of a model (paper III-B says 24 million of the whole framework).

    Example:
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; then each part is in the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def count_flops(model: nn.Module, *inputs: Tensor) -> int:
    """Floating-point operations of one forward pass: 2 a multiply-add, matrix products only.

    The usual way of counting, and the paper's: norms, activations and softmax are left out. torch
    counts nothing for its fused attention on a CPU, so the plain one is chosen while counting.

    Args:
        model: any module; the modes of its parts are left as they were.
        inputs: what it is called with, a batch of one for the cost of one.

    Example:
        >>> count_flops(nn.Linear(3, 2), torch.zeros(1, 3))
        12
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    # the counter follows gradients through the modules and fails where they are switched off
    gradients = torch.inference_mode(False), torch.enable_grad()
    with gradients[0], gradients[1], evaluating(model), sdpa_kernel(SDPBackend.MATH), counter:
        model(*inputs)
    return counter.get_total_flops()


def save_model(model: nn.Module, path: str | Path, **about: str) -> Path:
    """Save a model as safetensors with its configuration inside; never a pickle.

    Args:
        model: a `TNT`, `TemporalTransformer`, `PainFramework` or `LandmarkNet`.
        path: of the file; it appears whole or not at all.
        about: further text to keep in it, such as ``licence="CC0"`` or ``trained_on="…"``.

    Raises:
        WeightsError: for another kind of model.

    Returns:
        The path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model = PainFramework(FrameworkConfig.tiny())
        ...     path = save_model(model, Path(folder) / "mine.safetensors", licence="CC0-1.0")
        ...     load_model(path).about["licence"]
        'CC0-1.0'
    """
    if type(getattr(model, "config", None)) not in MODELS:
        raise WeightsError(f"save_model keeps painlab's own models, not {type(model).__name__}.")
    return write_weights(path, model.state_dict(), config=model.config, about=about)


def load_model(path_or_name: str | Path, *, device: str | torch.device = "cpu") -> nn.Module:
    """Load a model that `save_model` wrote, in evaluation mode, in float32.

    Args:
        path_or_name: a file, or the name of weights that come with painlab.
        device: where the model is put.

    Returns:
        A `TNT`, `TemporalTransformer`, `PainFramework` or `LandmarkNet`; its ``about`` holds the
        text that was kept beside its weights.

    Raises:
        WeightsError: where the file is missing, damaged, not a safetensors file, not painlab's, or
            its tensors do not fit its configuration.

    Example:
        >>> load_model("pain-synthpain").config.frames
        35
    """
    return read_model(path_or_name, MODELS).to(choose_device(device))


def framework_of_faces(config: FrameworkConfig | None = None, *, seed: int = 0) -> PainFramework:
    """A framework whose spatial part has learned faces and whose temporal part nothing yet.

    The start of a training, as the paper's is after its pre-training on faces (III-B.3). The faces
    were rendered: nothing in it has ever seen a person in pain.

    Args:
        config: its spatial part must be that of the shipped weights, `TNTConfig()`.
        seed: of the temporal part's random weights.

    Raises:
        WeightsError: where the spatial part has other sizes than the shipped weights.

    Example:
        >>> model = framework_of_faces()
        >>> model(torch.zeros(1, 2, 3, 224, 224)).shape
        torch.Size([1, 2])
    """
    tnt = load_model(FACES)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PainFramework(config)
    if replace(model.config.spatial, drop_path=tnt.config.drop_path) != tnt.config:
        raise WeightsError(f"{FACES} has the spatial part {tnt.config}, not the one asked for.")
    model.spatial.load_state_dict(tnt.state_dict())
    return model.eval()


def framework_of_pain(temporal: str | Path = PAIN) -> PainFramework:
    """A framework whose temporal part has learned pain, with the spatial part it learned with.

    What `predict` takes where it is given no model: the paper's Fig. 2 with weights. Both parts
    learned from rendered faces: nothing in it has ever seen a person in pain.

    Args:
        temporal: weights of a `TemporalTransformer` that name their spatial part (``spatial``, and
            ``spatial_digest``, its `model_digest`): a file, or the name of shipped ones.

    Raises:
        WeightsError: where they name none, or the one named is not the one that they learned with.

    Example:
        >>> model = framework_of_pain()
        >>> model.config.temporal.frames, model.about["frames_per_second"]
        (35, '6.25')
    """
    part = load_model(temporal)
    if not isinstance(part, TemporalTransformer) or "spatial" not in part.about:
        raise WeightsError(
            f"{temporal} holds a {type(part).__name__} that names no spatial part; give the "
            "weights of a whole PainFramework."
        )
    spatial = load_model(part.about["spatial"])
    if model_digest(spatial) != part.about.get("spatial_digest"):
        raise WeightsError(
            f"{temporal} learned with another {part.about['spatial']} than the one that is here: "
            "its answers would mean nothing."
        )
    with torch.random.fork_rng(devices=[]):  # what is drawn here is written over at once
        model = PainFramework(FrameworkConfig(spatial=spatial.config, temporal=part.config))
    model.spatial.load_state_dict(spatial.state_dict())
    model.temporal.load_state_dict(part.state_dict())
    model.about = {"name": str(temporal), **part.about}
    return model.eval()


def tnt_of_pain(weights: str | Path = PAIN_OF_FRAMES) -> TNT:
    """A TNT with two classes, no pain and pain, that has learned them from single frames.

    The paper draws its relevance maps from such a classifier of frames (IV-C). This one learned
    from rendered faces: it has never seen a person in pain.

    Args:
        weights: of a TNT with two classes: a file, or the name of shipped ones.

    Returns:
        It takes pictures of aligned faces (b 3 height width) and gives logits (b 2).

    Raises:
        WeightsError: for other weights, or where the TNT that they lie over is another one here.

    Example:
        >>> tnt_of_pain()(torch.zeros(1, 3, 224, 224)).shape
        torch.Size([1, 2])
    """
    model = load_model(weights)
    if not isinstance(model, TNT) or model.config.classes != 2:
        what = "TNT without two classes" if isinstance(model, TNT) else type(model).__name__
        raise WeightsError(f"{weights} holds a {what}; give the weights of a TNT that has them.")
    return model


MODELS = {
    TNTConfig: TNT,
    TemporalConfig: TemporalTransformer,
    FrameworkConfig: PainFramework,
    LandmarkNetConfig: LandmarkNet,
}
