"""The head model: a mesh down to the shoulders, shapes of people, and facial actions.

It is MakeHuman's (CC0), distilled by data/make_head_model.py. Millimetres, x to the image's right,
y down, z away from the camera, with the origin midway between the eye centres of a mean adult.
"""

import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from einops import einsum

from painlab.datasets.synthpain.actions import ACTIONS, COLUMN
from painlab.typing import Float, Int, UInt8
from painlab.weights import ASSETS

DEGREES_OF_LOOK = 30.0  # what MakeHuman's eyeLook actions turn the eyes by
PIVOT = (0.0, 105.0, 75.0)  # where the skull sits on the neck: heads turn about it
NECK = (70.0, 210.0)  # the body stays still; between these heights the neck follows the head


@dataclass(frozen=True)
class HeadModel:
    """Arrays of the asset. ``modes`` and the like are moves of every vertex, in millimetres."""

    base: Float[np.ndarray, "v xyz"]
    macros: Float[np.ndarray, "macros v xyz"]  # origin, sex and age
    builds: Float[np.ndarray, "builds v xyz"]  # sex, age and weight
    modes: Float[np.ndarray, "modes v xyz"]  # local shapes: a nose's hump, a chin's width
    actions: Float[np.ndarray, "actions v xyz"]
    triangles: Int[np.ndarray, "tri 3"]
    part: UInt8[np.ndarray, "tri"]
    uv: Float[np.ndarray, "tri 3 2"]
    occlusion: Float[np.ndarray, "v"]
    regions: UInt8[np.ndarray, "regions height width"]
    landmarks: Int[np.ndarray, "j"]
    names: dict[str, list[str]]

    def mean(self) -> Float[np.ndarray, "v xyz"]:
        """The mean young adult, whose eyes lie about the origin."""
        young = [i for i, name in enumerate(self.names["macros"]) if name.endswith("young")]
        return self.base + self.macros[young].mean(0)

    def shape(
        self,
        *,
        macros: Float[np.ndarray, "macros"],
        builds: Float[np.ndarray, "builds"],
        modes: Float[np.ndarray, "modes"],
    ) -> Float[np.ndarray, "v xyz"]:
        """One person at rest, the eyes about the origin.

        The weights of `macros` sum to 1, those of `builds` too.
        """
        neutral = self.base.astype(np.float64)
        for moves, weights in ((self.macros, macros), (self.builds, builds), (self.modes, modes)):
            neutral += einsum(weights, moves, "modes, modes v xyz -> v xyz")
        eyes = neutral[self.landmarks[36:48]].mean(axis=0)  # bodies differ in height
        return (neutral - eyes).astype(np.float32)

    def move(
        self,
        neutral: Float[np.ndarray, "v xyz"],
        *,
        actions: Float[np.ndarray, "k actions"],
        gaze: Float[np.ndarray, "k 2"],
    ) -> Float[np.ndarray, "k v xyz"]:
        """A person's face in motion. Actions add up; gaze is in degrees right and up.

        The sum runs action by action, not as one matrix product, whose rounding depends on the
        number of threads and of frames.
        """
        weights = actions + looks(gaze)
        points = np.repeat(neutral[None], len(weights), axis=0)  # (v xyz) -> (k v xyz)
        for action in range(len(ACTIONS)):
            column = weights[:, action]
            if column.any():
                where = self.moved_by(action)
                points[:, where] += column[:, None, None] * self.actions[action, where]
        return points

    def moved_by(self, action: int) -> slice:
        """The vertices that an action moves, as one range."""
        return _ranges()[action]


def looks(gaze: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "k actions"]:
    """The eyeLook actions, lids and all, that turn both eyes by these degrees."""
    right, up = (gaze / DEGREES_OF_LOOK).T
    weights = np.zeros((len(gaze), len(ACTIONS)), np.float32)
    for name, weight in (
        # the person's left is the image's right
        ("eyeLookOutLeft", right), ("eyeLookInRight", right),
        ("eyeLookInLeft", -right), ("eyeLookOutRight", -right),
        ("eyeLookUpLeft", up), ("eyeLookUpRight", up),
        ("eyeLookDownLeft", -up), ("eyeLookDownRight", -up),
    ):  # fmt: skip
        weights[:, COLUMN[name]] = np.clip(weight, 0.0, 1.0)
    return weights


@lru_cache(maxsize=1)
def load_head() -> HeadModel:
    """The head model that comes with painlab, read once."""
    from safetensors import safe_open

    with safe_open(ASSETS / "head.safetensors", "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    keys = ("parts", "macros", "builds", "modes", "actions", "regions")
    names = {key: json.loads(metadata[key]) for key in keys}
    assert tuple(names["actions"]) == ACTIONS
    wide = {k: a.astype(np.float32) if a.dtype == np.float16 else a for k, a in arrays.items()}
    return HeadModel(**wide, names=names)


@lru_cache(maxsize=1)
def _ranges() -> tuple[slice, ...]:
    """For each action the range of vertices outside of which it moves nothing."""
    ranges = []
    for moves in load_head().actions:
        where = np.flatnonzero(np.abs(moves).max(axis=-1))
        ranges.append(slice(int(where[0]), int(where[-1]) + 1) if len(where) else slice(0, 0))
    return tuple(ranges)
