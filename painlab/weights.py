"""Weights on a disk: safetensors files that carry their configuration, and nothing pickled."""

import hashlib
import json
from collections.abc import Callable
from os.path import isdir, isfile
from pathlib import Path
from typing import NamedTuple

import torch
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
    if isfile(path):  # False, too, for a name that no file can have
        return path
    shipped = ASSETS / "weights" / f"{path_or_name}.safetensors"
    if path.name == str(path_or_name) and isfile(shipped):
        return shipped
    if isdir(path):
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
    from painlab import __version__

    path = Path(path)
    metadata = {
        **{name: str(text) for name, text in (about or {}).items()},
        "painlab": __version__,
        "config": json.dumps(config_to_dict(config), sort_keys=True),
    }
    metadata["sha256"] = digest(tensors, metadata)
    write_tensors(path, tensors, metadata=metadata)
    return path


def digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """SHA-256 of tensors (names, types, shapes, values) and of all that is told of them.

    safetensors notices a file that is cut short, and nothing of a value or a text that has changed.
    """
    told = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        told.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        told.update(tensor.flatten().view(torch.uint8).numpy())
    return told.hexdigest()


def model_digest(model: nn.Module) -> str:
    """16 digits of a digest of a model's configuration and weights, to know it again."""
    config = {"config": json.dumps(config_to_dict(model.config), sort_keys=True)}
    return digest(model.state_dict(), config)[:16]


def in_half(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in half precision; whole numbers stay as they are."""
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}


def write_tensors(path: Path, tensors: dict[str, Tensor], *, metadata: dict[str, str]) -> None:
    """Write a safetensors file, the same bytes each time; whole or not at all.

    Raises:
        WeightsError: where it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save

    part = path.with_name(path.name + ".part")
    try:
        whole = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        part.write_bytes(with_sorted_header(save(whole, metadata=metadata)))
        part.replace(path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise WeightsError(f"{path}: cannot be written ({error}).") from error


def with_sorted_header(data: bytes) -> bytes:
    """The same safetensors file with the keys of its header in order.

    safetensors puts the metadata down in another order each time: the header's length and the
    places of the tensors stay, so that the header can be written anew.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    if len(text) > start - 8:
        raise WeightsError("safetensors writes its header otherwise than painlab expects.")
    return data[:8] + text.ljust(start - 8) + data[start:]


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
        raise WeightsError(f"{path} is damaged or not a safetensors file ({error}).") from error
    if "config" not in metadata:
        raise WeightsError(f"{path} is no weights file of painlab: it carries no configuration.")
    if metadata.pop("sha256", None) != digest(tensors, metadata):
        raise WeightsError(f"{path} was altered after it was written: its numbers do not add up.")
    try:
        config = config_from_dict(json.loads(metadata.pop("config")))
    except (PainLabError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path}: its configuration cannot be used ({str(error).rstrip('.')})."
        ) from error
    return Weights(tensors, config, metadata)


def read_model(path_or_name: str | Path, makers: dict[type, Callable[..., nn.Module]]) -> nn.Module:
    """The model of a weights file in evaluation mode and float32; its ``about`` is the file's.

    A file may name a ``base``, with its `model_digest` as ``base_digest``, and hold only the
    tensors that differ from it.

    Args:
        path_or_name: a file, or the name of weights that come with painlab.
        makers: what makes a model of a configuration, by the configuration's class.

    Raises:
        WeightsError: where the file cannot be read, holds another kind of model, or its tensors do
            not fit its configuration, or where the base that it names is another one here.
    """
    path = find_weights(path_or_name)
    weights = read_weights(path)
    if "base" in weights.about:
        weights = _over_base(path, weights, makers)
    return _model_of(path, weights, makers)


def _over_base(path: Path, weights: Weights, makers: dict[type, Callable[..., nn.Module]]):
    """The weights of a file that holds only what another file, its base, has not."""
    name = weights.about["base"]
    base = read_weights(find_weights(name))
    if "base" in base.about:
        raise WeightsError(f"{path} lies over {name}, which is no whole model itself.")
    below = _model_of(find_weights(name), base, makers)
    if model_digest(below) != weights.about.get("base_digest"):
        raise WeightsError(
            f"{path} lies over another {name} than the one that is here: its answers would mean "
            "nothing."
        )
    return weights._replace(tensors=below.state_dict() | weights.tensors)


def _model_of(path: Path, weights: Weights, makers: dict[type, Callable[..., nn.Module]]):
    """A model with these weights, which must be all of its own and no others."""
    if type(weights.config) not in makers:
        wanted = " or ".join(sorted(make.__name__ for make in makers.values()))
        kind = type(weights.config).__name__.removesuffix("Config")
        raise WeightsError(f"{path} holds a {kind}, and a {wanted} is needed.")
    with torch.random.fork_rng(devices=[]):  # what is drawn here is written over at once
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
    """Whether a file that is not a safetensors file begins as torch.save's do.

    A zip archive today, a bare pickle before version 1.6. A whole safetensors file may begin with
    the same bytes, which are the length of its header: ask only once it has been refused.
    """
    with path.open("rb") as file:
        head = file.read(2)
    return head == b"PK" or head[:1] == b"\x80"
