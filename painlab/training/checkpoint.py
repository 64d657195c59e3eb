"""Checkpoints of a training run: one safetensors file, written whole or not at all.

Nothing random is kept in it: every step of a run draws its random numbers from (seed, step), so a
run that goes on from a checkpoint ends with the same weights as one that was never stopped.
"""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from painlab.errors import WeightsError
from painlab.weights import digest, write_tensors


def write_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    settings: dict,
    averaged: nn.Module | None = None,
    history: list | None = None,
) -> None:
    """Write the state of a run after `step` steps.

    `settings` say what the run is; `read_checkpoint` refuses to go on with others. `averaged` is a
    running mean of the model's weights, `history` what was measured on the way (JSON).

    Raises:
        WeightsError: where it cannot be written.
    """
    tensors = {f"model.{name}": t for name, t in model.state_dict().items()}
    if averaged is not None:
        tensors |= {f"averaged.{name}": t for name, t in averaged.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": torch.as_tensor(t) for key, t in state.items()}
    metadata = {
        "step": str(step),
        "settings": json.dumps(settings, sort_keys=True),
        "history": json.dumps(history or []),
    }
    metadata["sha256"] = digest(tensors, metadata)  # safetensors notices no value that has changed
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error}).") from error
    write_tensors(path, tensors, metadata=metadata)


def read_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: dict,
    averaged: nn.Module | None = None,
) -> tuple[int, list]:
    """Bring model and optimizer to the state of the file; the steps done and the history.

    Where there is no file yet: 0 steps.

    Raises:
        WeightsError: a damaged file, or one of a run with other settings.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return 0, []
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        step, history = int(metadata["step"]), json.loads(metadata["history"])
        was = json.loads(metadata["settings"])
        if metadata.pop("sha256", None) != digest(tensors, metadata):
            raise ValueError("its numbers do not add up")
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path}: this checkpoint cannot be read ({error}); remove it to begin anew."
        ) from error
    now = json.loads(json.dumps(settings))
    if was != now:
        differ = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
        raise WeightsError(
            f"{path} belongs to a run with other settings ({', '.join(differ)}); "
            "give the same or another folder."
        )
    model.load_state_dict(_named(tensors, "model."))
    if averaged is not None:
        averaged.load_state_dict(_named(tensors, "averaged."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _named(tensors, "optimizer.").items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return step, history


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
