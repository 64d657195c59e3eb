"""What the temporal part of a training begins with: weights that have learned something before."""

from dataclasses import replace
from os import PathLike

from painlab.config import TemporalConfig
from painlab.datasets.tasks import Task
from painlab.errors import DataError, WeightsError
from painlab.framework import load_model
from painlab.temporal.transformer import TemporalTransformer
from painlab.training.store import Features, FeatureStore
from painlab.weights import ASSETS, find_weights, model_digest


def load_start(start: str | PathLike, store: FeatureStore) -> TemporalTransformer:
    """The temporal transformer to begin with, which must have learned from features like these.

    Args:
        start: weights of a `TemporalTransformer` that name the TNT whose features they learned
            from (``spatial_digest``): a file, or the name of weights that come with painlab.
        store: the features that the training goes on with.

    Raises:
        WeightsError: for weights that cannot be read, or that say nothing of their TNT.
        DataError: where the store's features were made by another TNT.
    """
    model = load_model(start)
    if not isinstance(model, TemporalTransformer) or "spatial_digest" not in model.about:
        raise WeightsError(
            f"{start} holds a {type(model).__name__} that names no TNT whose features it learned "
            "from: a training begins with a temporal transformer that does, as pain-synthpain."
        )
    told, made_by = model.about["spatial_digest"], store.made_from.get("model")
    if told != made_by:
        raise DataError(
            f"{store.root}: its features were made by another TNT ({made_by}) than those that "
            f"{start} learned from ({told}, {model.about.get('spatial')}): extract them by it."
        )
    return model


def sizes_for(
    features: Features, task: Task, *, temporal: TemporalConfig | None,
    start: TemporalTransformer | None,
) -> TemporalConfig:  # fmt: skip
    """The sizes of the models to train: those of ``start``, or ``temporal`` fitted to the features.

    Raises:
        DataError: where both are given, or a clip has more frames than ``start`` can take.
    """
    _, _, frames, dim = features.features.shape
    if start is None:
        temporal = temporal or TemporalConfig()
        return replace(temporal, frames=frames, dim=dim, classes=task.classes)
    if temporal is not None:
        raise DataError("a start brings its own sizes: leave the temporal configuration out.")
    if frames > start.config.frames:
        raise DataError(
            f"the store has up to {frames} frames of a clip, and the start takes "
            f"{start.config.frames}: take a stride of {-(-frames // start.config.frames)} or more."
        )
    return replace(start.config, classes=task.classes)


def place_of(weights: str | PathLike) -> str:
    """Where to look for weights from any folder: the name of shipped ones, else the whole path."""
    path = find_weights(weights)
    return str(weights) if path.parent == ASSETS / "weights" else str(path.resolve())


def told_of_start(start: str | PathLike, model: TemporalTransformer) -> dict[str, str]:
    """What the settings of a run keep of its start: where it lies, and how to know it again."""
    return {"weights": place_of(start), "digest": model_digest(model)}


def start_of_run(settings: dict, store: FeatureStore) -> TemporalTransformer | None:
    """The start that a run's settings name; None where they name none.

    Raises:
        DataError: where its file has changed since the run was begun.
    """
    if "start" not in settings:
        return None
    told = settings["start"]
    model = load_start(told["weights"], store)
    if model_digest(model) != told["digest"]:
        raise DataError(
            f"{told['weights']} has changed since the run was begun with it: give the run another "
            "folder."
        )
    return model
