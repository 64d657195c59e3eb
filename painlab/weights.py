"""Weights on a disk: safetensors files that carry their configuration, and nothing pickled."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from painlab.config import config_from_dict, config_to_dict
from painlab.errors import PainLabError, WeightsError

ASSETS = Path(__file__).parent / "assets"


class Weights(NamedTuple):
    """What a weights file holds."""

    tensors: dict[str, Tensor]
    config: object
    about: dict[str, str]


def find_weights(path_or_name: str | Path) -> Path:
    """The file of a path, or of the name of weights that come with painlab.

    Raises:
        WeightsError: where there is neither.
    """
    path = Path(path_or_name)
    if path.is_file():
        return path
    shipped = ASSETS / "weights" / f"{path_or_name}.safetensors"
    if path.name == str(path_or_name) and shipped.is_file():
        return shipped
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, not a weights file.")
    names = sorted(p.stem for p in (ASSETS / "weights").glob("*.safetensors"))
    known = f"; painlab comes with {', '.join(names)}" if names else ""
    raise WeightsError(f"{path_or_name}: there is no such weights file{known}.")


def write_weights(
    path: str | Path, tensors: dict[str, Tensor], *, config, about: dict[str, str] | None = None
) -> Path:
    """Write tensors with a configuration and further text; whole or not at all.

    Raises:
        WeightsError: where the folder cannot be written to.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from painlab import __version__

    path = Path(path)
    metadata = {
        **{name: str(text) for name, text in (about or {}).items()},
        "painlab": __version__,
        "config": json.dumps(config_to_dict(config), sort_keys=True),
    }
    part = path.with_name(path.name + ".part")
    try:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, part, metadata=metadata)
        part.replace(path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise WeightsError(f"{path}: cannot be written ({error}).") from error
    return path


def read_weights(path: str | Path) -> Weights:
    """Read what `write_weights` wrote.

    Raises:
        WeightsError: where the file is missing, damaged, a pickle, or not painlab's.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except SafetensorError as error:
        if _is_pickle(path):
            raise WeightsError(
                f"{path} is a pickle file, which can run code when it is opened; "
                "painlab reads safetensors only."
            ) from error
        raise WeightsError(f"{path} is damaged or no safetensors file ({error}).") from error
    if "config" not in metadata:
        raise WeightsError(f"{path} is no weights file of painlab: it carries no configuration.")
    try:
        config = config_from_dict(json.loads(metadata.pop("config")))
    except (PainLabError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path}: its configuration cannot be used ({str(error).rstrip('.')})."
        ) from error
    return Weights(tensors, config, metadata)


def read_model(path_or_name: str | Path, makers: dict[type, Callable[..., nn.Module]]) -> nn.Module:
    """The model of a weights file in evaluation mode and float32; its ``about`` is the file's.

    Args:
        path_or_name: a file, or the name of weights that come with painlab.
        makers: what makes a model of a configuration, by the configuration's class.

    Raises:
        WeightsError: where the file cannot be read, holds another kind of model, or its tensors do
            not fit its configuration.
    """
    path = find_weights(path_or_name)
    weights = read_weights(path)
    if type(weights.config) not in makers:
        wanted = " or ".join(sorted(make.__name__ for make in makers.values()))
        kind = type(weights.config).__name__.removesuffix("Config")
        raise WeightsError(f"{path} holds a {kind}, and a {wanted} is needed.")
    model = makers[type(weights.config)](weights.config)
    expected, found = model.state_dict(), weights.tensors
    for name, value in expected.items():
        if name not in found or found[name].shape != value.shape:
            what = "is missing" if name not in found else f"has shape {tuple(found[name].shape)}"
            raise WeightsError(
                f"{path}: {name} {what}, which its own configuration does not allow."
            )
    if extra := sorted(set(found) - set(expected)):
        raise WeightsError(f"{path}: {extra[0]} belongs to no part of its own configuration.")
    model.load_state_dict({name: value.to(expected[name].dtype) for name, value in found.items()})
    model.about = weights.about
    return model.eval()


def _is_pickle(path: Path) -> bool:
    """Whether a file that is no safetensors file begins as torch.save's do.

    A zip archive today, a bare pickle before version 1.6. A whole safetensors file may begin with
    the same bytes, which are the length of its header: ask only once it has been refused.
    """
    with path.open("rb") as file:
        head = file.read(2)
    return head == b"PK" or head[:1] == b"\x80"
