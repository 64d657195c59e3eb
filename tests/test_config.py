import dataclasses
import json

import pytest

from painlab import FrameworkConfig, PainLabError, TemporalConfig, TNTConfig
from painlab.config import TrainingConfig, config_from_dict, config_to_dict


def test_the_defaults_are_the_papers():
    config = TNTConfig()
    assert (config.patches, config.sub_patches) == (196, 16)
    assert TemporalConfig().token_count == 138
    assert TemporalConfig(tokens="scalars").token_count == 26496  # the length of D, paper IV-B
    assert FrameworkConfig.paper().temporal.token_dim == 1 + 2 * 6 + 1


def test_table_i():
    """Every cell of the table; the optimiser, the cosine and the loss are in the recipe's tests."""
    training = TrainingConfig.paper()
    assert (training.epochs, training.warm_up_epochs) == (200, 5)
    assert (training.learning_rate, training.weight_decay) == (1e-4, 0.1)
    assert training.label_smoothing == 0.1
    assert training.augmentations == ("augmix", "trivialaugment")
    for model in (FrameworkConfig.paper(), FrameworkConfig()):
        assert (model.spatial.drop_path, model.temporal.attention_dropout) == (0.1, 0.1)
    # what the table leaves out, as the ledger has it
    assert (training.batch, training.clip_gradients) == (32, None)
    assert training == TrainingConfig()


def test_steps_of_an_epoch_see_every_clip():
    assert TrainingConfig().steps_of_epoch(86 * 40) == 108  # 107.5 batches of a binary task
    assert [TrainingConfig(batch=4).steps_of_epoch(clips) for clips in (1, 4, 5)] == [1, 1, 2]


@pytest.mark.parametrize(
    "config",
    [
        TNTConfig.small(classes=3),
        TemporalConfig(max_frequency=10.0),
        FrameworkConfig.paper(stem="conv"),
        FrameworkConfig.tiny(),
        TrainingConfig(epochs=3, warm_up_epochs=0, clip_gradients=1.0, augmentations=("augmix",)),
        TrainingConfig(augmentations=()),
    ],
)
def test_a_configuration_survives_json(config):
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config


def test_configurations_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TNTConfig().dim = 3


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: TNTConfig(image_size=225), "image_size 225"),
        (lambda: TNTConfig(patch_size=16, sub_patch_size=5), "patch_size 16"),
        (lambda: TNTConfig(dim=100), "dim 100"),
        (lambda: TNTConfig(inner_dim=7), "inner_dim 7"),
        (lambda: TNTConfig(depth=0), "depth=0"),
        (lambda: TNTConfig(depth=True), "depth=True"),
        (lambda: TNTConfig(drop_path=1.0), "drop_path=1.0"),
        (lambda: TNTConfig(stem="mlp"), "stem='mlp'"),
        (lambda: TNTConfig(classes=-1), "classes=-1"),
        (lambda: TemporalConfig(tokens="words"), "tokens='words'"),
        (lambda: TemporalConfig(frames=16, latents=16), "16 latents"),
        (lambda: TemporalConfig(bands=-1), "bands=-1"),
        (lambda: TemporalConfig(max_frequency=0.0), "max_frequency=0.0"),
        (lambda: TemporalConfig(attention_dropout=-0.1), "attention_dropout=-0.1"),
        (lambda: FrameworkConfig(spatial=TNTConfig(dim=96)), "96"),
        (lambda: FrameworkConfig(spatial=TNTConfig(classes=4)), "classes=0"),
        (lambda: TrainingConfig(epochs=0), "epochs=0"),
        (lambda: TrainingConfig(batch=True), "batch=True"),
        (lambda: TrainingConfig(epochs=5), "5 warm-up epochs"),
        (lambda: TrainingConfig(warm_up_epochs=-1), "warm_up_epochs=-1"),
        (lambda: TrainingConfig(seed=-1), "seed=-1"),
        (lambda: TrainingConfig(learning_rate=0.0), "learning_rate=0.0"),
        (lambda: TrainingConfig(learning_rate=float("nan")), "learning_rate=nan"),
        (lambda: TrainingConfig(weight_decay=-0.1), "weight_decay=-0.1"),
        (lambda: TrainingConfig(label_smoothing=1.0), "label_smoothing=1.0"),
        (lambda: TrainingConfig(clip_gradients=0.0), "clip_gradients=0.0"),
        (lambda: TrainingConfig(augmentations=("mixup",)), "'mixup'"),
        (lambda: config_from_dict({"kind": "ViTConfig"}), "ViTConfig"),
        (lambda: config_from_dict({"kind": "TNTConfig", "width": 3}), "width"),
    ],
)
def test_a_wrong_value_is_named(make, names):
    with pytest.raises(PainLabError) as caught:
        make()
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)
