"""What a model is made of and how it is trained: frozen dataclasses, checked when they are made.

A model's configuration travels inside every weights file, so a model can be rebuilt from the file
alone. The comments give the paper's symbol or sentence where it has one.
"""

from dataclasses import asdict, dataclass, field
from math import isfinite

from painlab.errors import PainLabError


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise PainLabError(message)


def _is_number(value) -> bool:
    """A finite number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _require_positive(config, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(
            isinstance(value, int) and not isinstance(value, bool) and value > 0,
            f"{type(config).__name__}({name}={value!r}): give a whole number above 0.",
        )


def _require_probability(config, name: str) -> None:
    value = getattr(config, name)
    _require(
        isinstance(value, (int, float)) and 0 <= value < 1,
        f"{type(config).__name__}({name}={value!r}): give a probability from 0 up to, not with, 1.",
    )


@dataclass(frozen=True, kw_only=True)
class TNTConfig:
    """The spatial module, a Transformer in Transformer (paper III-B.1).

    The defaults are the paper's: 196 patches of 16 sub-patches, a feature of 192 channels.

    Raises:
        PainLabError: where a value is impossible or two do not fit each other.

    Example:
        >>> TNTConfig().dim, TNTConfig(image_size=32, patch_size=8).image_size
        (192, 32)
    """

    image_size: int = 224  # pixels of a side; the paper uses 224 throughout
    patch_size: int = 16  # p
    sub_patch_size: int = 4  # s
    dim: int = 192  # d, the feature vector of a frame
    inner_dim: int = 12  # channels of a sub-patch; not in the paper, from TNT's own
    depth: int = 12  # "a depth of 12 blocks"
    heads: int = 3  # of the outer encoder
    inner_heads: int = 2  # of the inner encoder
    drop_path: float = 0.1  # Table I; the last block's rate, rising linearly from 0
    stem: str = "linear"  # "linear" as the paper says, or "conv" as in TNT's published code
    classes: int = 0  # 0: the output is the feature; otherwise class logits

    def __post_init__(self):
        _require_positive(self, "image_size", "patch_size", "sub_patch_size", "dim", "inner_dim")
        _require_positive(self, "depth", "heads", "inner_heads")
        _require_probability(self, "drop_path")
        for whole, part in (
            ("image_size", "patch_size"),
            ("patch_size", "sub_patch_size"),
            ("dim", "heads"),
            ("inner_dim", "inner_heads"),
        ):
            a, b = getattr(self, whole), getattr(self, part)
            _require(a % b == 0, f"TNTConfig: {whole} {a} must be a multiple of {part} {b}.")
        _require(
            self.stem in ("linear", "conv"),
            f"TNTConfig(stem={self.stem!r}): choose 'linear' or 'conv'.",
        )
        _require(
            isinstance(self.classes, int) and self.classes >= 0,
            f"TNTConfig(classes={self.classes!r}): give 0 for features or a number of classes.",
        )

    @property
    def patches(self) -> int:
        """Number of patches of an image, the paper's n."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def sub_patches(self) -> int:
        """Number of sub-patches of a patch, the paper's m."""
        return (self.patch_size // self.sub_patch_size) ** 2

    @classmethod
    def small(cls, **changes) -> "TNTConfig":
        """TNT-S of Han et al. (2021): 384 channels, 6 outer and 4 inner heads."""
        return cls(**{"dim": 384, "inner_dim": 24, "heads": 6, "inner_heads": 4, **changes})


@dataclass(frozen=True, kw_only=True)
class TemporalConfig:
    """The temporal module: one cross-attention, then self-attentions over latents (III-B.2).

    The defaults follow the authors' 2024 paper (latents of 128 channels) and cost about
    0.03 GFLOPs a clip; `FrameworkConfig.paper` has the size that fits the 2023 paper's totals.

    Raises:
        PainLabError: where a value is impossible or two do not fit each other.

    Example:
        >>> TemporalConfig().token_count, TemporalConfig.quick(frames=35).latents
        (138, 4)
    """

    frames: int = 138  # most frames of a clip: 5.5 s at 25 a second
    dim: int = 192  # channels of a frame's feature, TNTConfig.dim
    tokens: str = "frames"  # a token is a frame ("frames") or a single number ("scalars")
    latents: int = 16  # N, rows of the learned Q
    latent_dim: int = 128  # channels of a latent
    cross_heads: int = 1  # "1 and 8 multi-heads, respectively"
    heads: int = 8
    cross_head_dim: int = 64
    head_dim: int = 16
    bands: int = 6  # Fourier bands of the position encoding
    attention_dropout: float = 0.1  # Table I
    classes: int = 2
    self_attentions: int = 2  # "1 cross-attention and 2 self-attention components"
    max_frequency: float | int | None = (
        None  # None: as many as there are tokens, the Nyquist choice
    )

    def __post_init__(self):
        _require_positive(self, "frames", "dim", "latents", "latent_dim", "cross_heads", "heads")
        _require_positive(self, "cross_head_dim", "head_dim", "classes")
        _require_probability(self, "attention_dropout")
        _require(
            self.tokens in ("frames", "scalars"),
            f"TemporalConfig(tokens={self.tokens!r}): choose 'frames' or 'scalars'.",
        )
        for name in ("bands", "self_attentions"):
            value = getattr(self, name)
            _require(
                isinstance(value, int) and value >= 0,
                f"TemporalConfig({name}={value!r}): give a whole number, 0 or more.",
            )
        _require(
            self.max_frequency is None or self.max_frequency > 0,
            f"TemporalConfig(max_frequency={self.max_frequency!r}): give a number above 0.",
        )
        _require(
            self.latents < self.token_count,
            f"TemporalConfig: {self.latents} latents must be fewer than the {self.token_count} "
            "tokens (paper III-B.2: N < M).",
        )

    @property
    def token_count(self) -> int:
        """Number of tokens of a full clip, the paper's M."""
        return self.frames if self.tokens == "frames" else self.frames * self.dim

    @property
    def token_dim(self) -> int:
        """Channels of a token with its position features: 2 a band and the position itself."""
        return (self.dim if self.tokens == "frames" else 1) + 2 * self.bands + 1

    @classmethod
    def quick(cls, **changes) -> "TemporalConfig":
        """A module small enough for a leave-one-subject-out run on a CPU; not the paper's."""
        sizes = {"latents": 4, "latent_dim": 32, "cross_head_dim": 32, "heads": 4, "head_dim": 8}
        return cls(**{**sizes, **changes})


@dataclass(frozen=True, kw_only=True)
class FrameworkConfig:
    """The whole framework of the paper's Fig. 2: spatial, then temporal.

    Raises:
        PainLabError: where a value is impossible or two do not fit each other.

    Example:
        >>> FrameworkConfig().temporal.latent_dim, FrameworkConfig.paper().temporal.latent_dim
        (128, 512)
    """

    spatial: TNTConfig = field(default_factory=TNTConfig)
    temporal: TemporalConfig = field(default_factory=TemporalConfig)

    def __post_init__(self):
        _require(
            self.spatial.dim == self.temporal.dim,
            f"FrameworkConfig: the spatial part gives {self.spatial.dim} channels a frame but the "
            f"temporal part expects {self.temporal.dim}; make the two dim equal.",
        )
        _require(
            self.spatial.classes == 0,
            "FrameworkConfig: the spatial part must give features (classes=0), "
            "the temporal part has the classifier.",
        )

    @classmethod
    def paper(cls, *, stem: str = "linear", classes: int = 2) -> "FrameworkConfig":
        """One setting that has both totals of paper III-B: 24 M parameters and 4.2 GFLOPs.

        Others fit as well (see the ledger): the paper's two numbers do not identify its design.
        """
        return cls(
            spatial=TNTConfig(stem=stem),
            temporal=TemporalConfig(
                tokens="scalars",
                latents=16,
                latent_dim=512,
                cross_head_dim=256,
                head_dim=256,
                bands=6,
                classes=classes,
            ),
        )

    @classmethod
    def tiny(cls, *, frames: int = 8, classes: int = 2) -> "FrameworkConfig":
        """A framework small enough for tests and for exercises on a laptop."""
        return cls(
            spatial=TNTConfig(
                image_size=32, patch_size=16, dim=24, inner_dim=8, depth=2, heads=3, inner_heads=2
            ),
            temporal=TemporalConfig(
                frames=frames,
                dim=24,
                latents=4,
                latent_dim=16,
                heads=2,
                head_dim=8,
                classes=classes,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class LandmarkNetConfig:
    """The network that places landmarks in a picture of a face; not from the paper, which uses FAN.

    `channels` are those of the stem and of the scales below it, each half as fine as the one above.
    """

    image_size: int = 128  # pixels of a side
    channels: tuple[int, ...] | list[int] = (16, 32, 64, 112)
    map_channels: int = 48  # of the maps that the landmarks are read from
    landmarks: int = 68

    def __post_init__(self):
        object.__setattr__(self, "channels", tuple(self.channels))  # JSON knows lists only
        _require_positive(self, "image_size", "map_channels", "landmarks")
        _require(
            len(self.channels) > 1 and all(isinstance(c, int) and c > 0 for c in self.channels),
            f"LandmarkNetConfig(channels={self.channels!r}): give at least two numbers above 0.",
        )
        finest = 2 ** len(self.channels)
        _require(
            self.image_size % finest == 0,
            f"LandmarkNetConfig: image_size {self.image_size} must be a multiple of {finest}.",
        )


AUGMENTATIONS = ("augmix", "trivialaugment")  # the order of Table I


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the framework learns pain (paper Table I); what Table I leaves out says so.

    The rest of Table I has no choice here or belongs to the model: the optimiser is AdamW, the
    learning rate decays by a cosine to 0, the loss is cross-entropy, `TNTConfig.drop_path` and
    `TemporalConfig.attention_dropout` are 0.1.

    Raises:
        PainLabError: where a value is impossible or two do not fit each other.

    Example:
        >>> TrainingConfig().epochs, TrainingConfig.quick().epochs
        (200, 20)
    """

    epochs: int = 200
    learning_rate: float = 1e-4  # the highest, after the warm-up
    weight_decay: float | int = 0.1  # on matrices and kernels alone: our reading
    warm_up_epochs: int = 5  # the rate rises linearly, step by step
    label_smoothing: float | int = 0.1
    augmentations: tuple[str, ...] | list[str] = AUGMENTATIONS  # each once a clip, in this order
    batch: int = 32  # clips of a step; not in Table I, see the ledger
    clip_gradients: float | int | None = None  # largest norm; not in Table I, so None: not clipped
    half_precision: bool = True  # bfloat16 autocast where the device has it; not in Table I
    seed: int = 0  # of weights, batches, dropout and augmentation

    def __post_init__(self):
        object.__setattr__(self, "augmentations", tuple(self.augmentations))  # JSON knows lists
        _require_positive(self, "epochs", "batch")
        _require_probability(self, "label_smoothing")
        for name in ("warm_up_epochs", "seed"):
            value = getattr(self, name)
            _require(
                isinstance(value, int) and not isinstance(value, bool) and value >= 0,
                f"TrainingConfig({name}={value!r}): give a whole number, 0 or more.",
            )
        _require(
            self.warm_up_epochs < self.epochs,
            f"TrainingConfig: {self.warm_up_epochs} warm-up epochs must be fewer than the "
            f"{self.epochs} epochs.",
        )
        for name in ("learning_rate", "clip_gradients"):
            value = getattr(self, name)
            _require(
                (value is None and name == "clip_gradients") or (_is_number(value) and value > 0),
                f"TrainingConfig({name}={value!r}): give a number above 0.",
            )
        _require(
            _is_number(self.weight_decay) and self.weight_decay >= 0,
            f"TrainingConfig(weight_decay={self.weight_decay!r}): give a number, 0 or more.",
        )
        unknown = [name for name in self.augmentations if name not in AUGMENTATIONS]
        _require(
            not unknown,
            f"TrainingConfig: no augmentation {', '.join(map(repr, unknown))}: "
            f"choose from {', '.join(AUGMENTATIONS)}.",
        )

    @classmethod
    def paper(cls) -> "TrainingConfig":
        """Table I. These are the defaults; the name says that they are meant."""
        return cls()

    @classmethod
    def quick(cls, **changes) -> "TrainingConfig":
        """Fewer and larger steps, no augmentation, for a small set on a CPU; not the paper's."""
        given = {"epochs": 20, "warm_up_epochs": 2, "learning_rate": 1e-3, "augmentations": ()}
        return cls(**{**given, **changes})

    def steps_of_epoch(self, clips: int) -> int:
        """Steps in which as many clips are seen as there are, or up to a batch more."""
        return -(-clips // self.batch)


CONFIGS = {
    c.__name__: c
    for c in (TNTConfig, TemporalConfig, FrameworkConfig, LandmarkNetConfig, TrainingConfig)
}
PARTS = {"spatial": "TNTConfig", "temporal": "TemporalConfig"}  # of a FrameworkConfig


def config_to_dict(config) -> dict:
    """A configuration as plain values for JSON, with the name of its class."""
    return {"kind": type(config).__name__, **asdict(config)}


def config_from_dict(values: dict):
    """The inverse of `config_to_dict`.

    Raises PainLabError for an unknown kind or field, so that a file written by a newer painlab
    is refused by name and not half understood.
    """
    values = dict(values)
    kind = values.pop("kind", None)
    _require(kind in CONFIGS, f"unknown configuration {kind!r}: painlab knows {sorted(CONFIGS)}.")
    cls = CONFIGS[kind]
    unknown = sorted(set(values) - set(cls.__dataclass_fields__))
    _require(not unknown, f"{kind} has no field {', '.join(unknown)} in this version of painlab.")
    if cls is FrameworkConfig:
        values = {name: config_from_dict({"kind": PARTS[name], **values[name]}) for name in values}
    return cls(**values)
