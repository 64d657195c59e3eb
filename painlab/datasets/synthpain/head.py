"""The head model: a mesh down to the shoulders, shapes of people, and facial actions.

It is MakeHuman's (CC0), distilled by data/make_head_model.py. Millimetres, x to the image's right,
y down, z away from the camera, with the origin midway between the eye centres of a mean adult.
"""

import json
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from einops import einsum

from painlab.datasets.synthpain.actions import ACTIONS, COLUMN
from painlab.typing import Bool, Float, Int, UInt8
from painlab.weights import ASSETS

LOOKS = {"Out": 14.2, "In": 14.8, "Up": 9.7, "Down": 11.0}  # degrees that eyeLook actions reach
LIDS = {"Left": ((43, 44), (47, 46)), "Right": ((37, 38), (41, 40))}  # upper and lower landmarks
TIGHT = 0.03  # of the mesh's blink, by which closed lids overlap
RETREAT = 1.6  # millimetres that a closing eye draws back, so that lids pass before it
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

    def of(self, part: str) -> Bool[np.ndarray, "tri"]:
        """Which triangles belong to a part: skin, mouth, eye, lashes, teeth or tongue."""
        return self.part == self.names["parts"].index(part)

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

        A blink closes its share of what is open still, whatever the shape of the eye and whatever
        else narrows it: lids meet at 1 and never pass each other. Eyes turn about their centres by
        all of the gaze, and draw back a little as they close; the lids follow as far as MakeHuman's
        do.
        The sum runs action by action, not as one matrix product, whose rounding depends on the
        number of threads and of frames.
        """
        weights = actions + looks(gaze)
        for side, pairs in LIDS.items():
            weights[:, COLUMN["eyeBlink" + side]] = self._closure(neutral, weights, side, pairs)
        points = np.repeat(neutral[None], len(weights), axis=0)  # (v xyz) -> (k v xyz)
        for action in range(len(ACTIONS)):
            column = weights[:, action]
            if column.any():
                where = self.moved_by(action)
                points[:, where] += column[:, None, None] * self.actions[action, where]
        turns = np.stack([_turn_less_identity(right, up) for right, up in gaze.tolist()])
        for side, ball in zip(("Right", "Left"), _eyeballs(), strict=True):
            closed = actions[:, COLUMN["eyeBlink" + side]]
            closed = np.clip(closed + actions[:, COLUMN["eyeSquint" + side]] / 2, 0.0, 1.0)
            still = neutral[ball]
            centre = (still.min(axis=0) + still.max(axis=0)) / 2
            x, y, z = (still - centre).T
            for axis in range(3):
                t = turns[:, axis]  # (k 3)
                moves = t[:, :1] * x + t[:, 1:2] * y + t[:, 2:] * z
                points[:, ball, axis] = still[:, axis] + moves
            points[:, ball, 2] += np.float32(RETREAT) * closed[:, None]
        return points

    def _closure(self, neutral, weights, side: str, pairs) -> Float[np.ndarray, "k"]:
        """The weight that the mesh's own blink needs: its lids would meet at about two thirds."""
        blink = COLUMN["eyeBlink" + side]
        upper, lower = (self.landmarks[list(lid)] for lid in pairs)
        opened = np.repeat((neutral[lower, 1] - neutral[upper, 1])[None], len(weights), axis=0)
        opens = self.actions[:, lower, 1] - self.actions[:, upper, 1]  # millimetres an action
        for action in range(len(ACTIONS)):
            if action != blink:
                opened += weights[:, action, None] * opens[action]
        whole = (opened / -opens[blink]).max(axis=1) + np.float32(TIGHT)
        return whole - (1 - weights[:, blink]) * np.maximum(whole, 0)

    def moved_by(self, action: int) -> slice:
        """The vertices that an action moves, as one range."""
        return _ranges()[action]


def looks(gaze: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "k actions"]:
    """The eyeLook actions of eyes turned by these degrees, at most 1: what the lids follow."""
    right, up = gaze.T
    weights = np.zeros((len(gaze), len(ACTIONS)), np.float32)
    for name, degrees in (
        # the person's left is the image's right
        ("OutLeft", right), ("InRight", right), ("InLeft", -right), ("OutRight", -right),
        ("UpLeft", up), ("UpRight", up), ("DownLeft", -up), ("DownRight", -up),
    ):  # fmt: skip
        reach = LOOKS[name.removesuffix("Left").removesuffix("Right")]
        weights[:, COLUMN["eyeLook" + name]] = np.clip(degrees / reach, 0.0, 1.0)
    return weights


def _turn_less_identity(right: float, up: float) -> Float[np.ndarray, "3 3"]:
    """Up first, then to the right, as a matrix; without the identity, so that 0 moves nothing."""
    sr, cr = math.sin(math.radians(right)), math.cos(math.radians(right))
    su, cu = math.sin(math.radians(up)), math.cos(math.radians(up))
    turn = [[cr, sr * su, -sr * cu], [0.0, cu, su], [sr, -cr * su, cr * cu]]
    return (np.array(turn) - np.eye(3)).astype(np.float32)


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


@lru_cache(maxsize=1)
def _eyeballs() -> tuple[np.ndarray, np.ndarray]:
    """The vertices of the eyeball on the image's left, and of the one on its right."""
    head = load_head()
    balls = np.unique(head.triangles[head.of("eye")])
    right = head.mean()[balls, 0] > 0
    return balls[~right], balls[right]
