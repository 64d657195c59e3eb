"""What `painlab pretrain` runs: the stages of each preset, and the faces that they learn from.

Steps, sizes and rates were chosen by trial; where Table I of the paper speaks, `Stage` has it as
its default, and a preset names what departs from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from painlab.config import FrameworkConfig, TNTConfig
from painlab.datasets.faces import Faces
from painlab.errors import PainLabError
from painlab.training.kept import KeptPortraits
from painlab.training.pretrain import Stage
from painlab.training.rendered import SEED_OF_FACES, RenderedFaces


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One way to pre-train.

    Attributes:
        stages: on rendered faces alone.
        with_folder: where there are pictures of people too: stages that learn identities only
            take those, stages that learn facial actions take rendered faces.
        people, pictures: how many are rendered, and of each how many are in memory together.
        renew: steps after which other pictures of them are rendered; None keeps the first.
        every: steps between checkpoints.
        config: of the TNT.
    """

    stages: tuple[Stage, ...]
    with_folder: tuple[Stage, ...]
    people: int
    pictures: int
    renew: int | None = None
    every: int = 250
    config: TNTConfig = field(default_factory=TNTConfig)


# For half an hour of one H100 and 16 cores, of which the landmark network takes six minutes. By
# arithmetic, from what one core was measured to take for a picture: 42 ms to draw it, 2.1 ms to
# prepare it at 112 pixels and 14 ms at 224. Let 16 cores draw as 10 would, and 14 threads prepare
# as 8 would: the GPU, good for some 6,000 pictures a second at 112 pixels and 1,500 at 224, waits
# for them, at 3,800 and 570.
#   drawing         2,000 people × 24 pictures   200 s   7.2 GB in memory: drawn once
#   identity-112    4,000 steps × 256            270 s   21 times each picture
#   identity-224      500 steps × 128            110 s
#   actions         2,000 steps × 128            450 s   5 times each picture
# Rates, and weights of the losses, are those that did best on two cores; nobody has tried them at
# this size.
HALF_HOUR = (
    Stage(
        name="identity-112", image_size=112, steps=4000, batch=256,
        learning_rate=7e-4, warm_up=200, averaging=0.998, seed=1,
    ),
    Stage(
        name="identity-224", steps=500, batch=128,
        learning_rate=2e-4, warm_up=30, averaging=0.99, seed=2,
    ),
    Stage(
        name="actions", steps=2000, batch=128, identity=0.3, actions=3.0,
        learning_rate=5e-4, warm_up=100, averaging=0.998, seed=3,
    ),
)  # fmt: skip

# Millions of pictures of people are worth more steps; of 200 epochs Table I warms up for 5.
LARGE = (
    Stage(name="identity-112", image_size=112, steps=20_000, batch=256, warm_up=500, seed=1),
    Stage(name="identity-224", steps=4000, batch=256, warm_up=100, seed=2),
    Stage(name="actions", steps=8000, batch=256, warm_up=200, identity=0.2, actions=1.0, seed=3),
)

THEN_ACTIONS = (  # on two cores
    Stage(
        name="actions", image_size=112, steps=3000, batch=32, identity=0.3, actions=3.0,
        learning_rate=5e-4, warm_up=100, averaging=0.998, seed=2,
    ),
    Stage(
        name="full-size", steps=600, batch=16, identity=0.3, actions=3.0,
        learning_rate=2e-4, warm_up=30, averaging=0.99, seed=3,
    ),
)  # fmt: skip

TINY = FrameworkConfig.tiny().spatial

PRESETS = {
    # seconds: to see that it works, and for tests
    "tiny": Preset(
        stages=(
            Stage(name="low", image_size=32, steps=12, batch=6, actions=1.0, seed=1),
            Stage(name="full-size", image_size=64, steps=6, batch=4, actions=1.0, seed=2),
        ),
        with_folder=(
            Stage(name="identity", image_size=32, steps=12, batch=6, seed=1),
            Stage(
                name="actions", image_size=64, steps=6, batch=4, identity=0.2, actions=1.0, seed=2
            ),
        ),
        people=3,
        pictures=4,
        every=6,
        config=replace(TINY, image_size=64),
    ),
    # some two hours: identities and actions jointly, then actions above all, at a quarter of the
    # pixels; a short time with all of them
    "two-cores": Preset(
        stages=(
            Stage(
                name="low", image_size=112, steps=3000, batch=32, actions=1.0,
                learning_rate=7e-4, warm_up=150, averaging=0.998, seed=1,
            ),
            *THEN_ACTIONS,
        ),
        with_folder=(
            Stage(
                name="identity-112", image_size=112, steps=3000, batch=32,
                learning_rate=7e-4, warm_up=150, averaging=0.998, seed=1,
            ),
            *THEN_ACTIONS,
        ),
        people=800,
        pictures=32,
    ),
    # for an accelerator
    "full": Preset(stages=HALF_HOUR, with_folder=LARGE, people=2000, pictures=24),
}  # fmt: skip


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        PainLabError: where there is none.
    """
    if name not in PRESETS:
        raise PainLabError(f"{name!r} is no preset of pre-training; take {', '.join(PRESETS)}.")
    return PRESETS[name]


def pretraining_stages(
    preset: Preset,
    *,
    folder: Faces | None = None,
    seed: int = 0,
    processes: int = 1,
    share: tuple[int, int] = (0, 1),
    keep: KeptPortraits | None = None,
    say: Callable[[str], None] = print,
) -> list[tuple[Stage, Faces]]:
    """The stages of a preset, each with the faces that it learns from.

    Args:
        preset: which.
        folder: pictures of people for the stages that learn identities only.
        seed: another one draws other people, and shows them in another order.
        processes: that render side by side.
        share, keep: as of `RenderedFaces`.
        say: told how far the rendering is.
    """
    rendered = RenderedFaces(
        people=preset.people, pictures=preset.pictures, seed=SEED_OF_FACES + seed,
        size=preset.config.image_size, renew=preset.renew, processes=processes, share=share,
        keep=keep, say=say,
    )  # fmt: skip
    stages = preset.stages if folder is None else preset.with_folder
    stages = [replace(stage, seed=stage.seed + len(stages) * seed) for stage in stages]
    return [(stage, folder if folder and not stage.actions else rendered) for stage in stages]


def rendered_stages(
    name: str,
    *,
    processes: int = 1,
    keep: KeptPortraits | None = None,
    say: Callable[[str], None] = print,
) -> list[tuple[Stage, Faces]]:
    """The stages of the preset of that name, on rendered faces alone."""
    return pretraining_stages(preset_named(name), processes=processes, keep=keep, say=say)
