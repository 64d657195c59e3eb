"""Scenes to draw: any triangles with plain settings, and an egg about as detailed as a head."""

import numpy as np
import torch

from painlab.datasets.synthpain.rasterise import Backdrop, Light, Surface, rasterise
from painlab.datasets.synthpain.rasterise_torch import rasterise_torch


def plain(positions, triangles, *, size, kind=0, uv=None, texture=None, **changes) -> dict:
    """A call's arguments: white triangles under even light before black, one sample a pixel.

    With focal length 1, centre 0 and z = 1, x and y of a vertex are its place in pixels.
    """
    positions = np.asarray(positions, np.float32)
    positions = positions if positions.ndim == 3 else positions[None]
    k, tri = len(positions), len(triangles)
    if texture is None:
        texture = np.array([1, 1, 1, 0, 1], np.float32)[None, None]
    surface = Surface(
        np.asarray(triangles, np.int32),
        np.zeros((tri, 3, 2), np.float32) if uv is None else np.asarray(uv, np.float32),
        np.broadcast_to(np.asarray(kind, np.uint8), (tri,)).copy(),
        np.ones(positions.shape[1], np.float32),
        np.asarray(texture, np.float32),
    )
    lamps = np.zeros((k, 0, 3), np.float32)
    even = np.ones((k, 3), np.float32)
    return {
        "positions": positions,
        "focal": np.ones(k, np.float32),
        "centre": (0.0, 0.0),
        "size": size,
        "surface": surface,
        "light": Light(lamps, lamps, even, even),
        "backdrop": Backdrop(np.zeros((1, 1, 3), np.float32), np.zeros((k, 2), np.float32)),
        "wrinkles": np.zeros((k, surface.texture.shape[2] - 5), np.float32),
        "grain": 0.0,
        "grain_seed": 0,
        "supersample": 1,
    } | changes


def egg(*, rows=72, cols=140, frames=4, size=224, texture=512, wrinkles=6, seed=0) -> dict:
    """A call's arguments: a turning egg of rows × cols bumps that fills two thirds of the frame."""
    random = np.random.default_rng(seed)
    polar = np.linspace(0.02, np.pi - 0.02, rows + 1)[:, None]
    round_ = np.linspace(0, 2 * np.pi, cols, endpoint=False)[None]
    shape = [
        np.sin(polar) * np.sin(round_) * 104,
        -np.cos(polar) * 120 * np.ones_like(round_),
        -np.sin(polar) * np.cos(round_) * 100,
    ]
    points = np.stack(shape, -1).reshape(-1, 3)
    points *= 1 + random.normal(0, 0.003, (len(points), 1))
    i, j = (axis.reshape(-1) for axis in np.indices((rows, cols)))
    corners = np.stack([(i, j), (i + 1, j), (i, j + 1), (i + 1, j + 1)])  # (4 2 quads)
    corners = np.concatenate([corners[[0, 1, 2]], corners[[2, 1, 3]]], -1)  # (3 2 tri)
    triangles = (corners[:, 0] * cols + corners[:, 1] % cols).T
    uv = np.stack([corners[:, 1] / cols, corners[:, 0] / rows], -1).swapaxes(0, 1)
    turns = np.linspace(-0.5, 0.5, frames)
    turned = [
        points @ np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        for a in turns
    ]
    skin = [0.3, 0.2, 0.15, 0.4, 1.0] + wrinkles * [0.3]
    least = [0.3, 0.2, 0.15, 0.1, 0.0] + wrinkles * [0.0]
    lamps = np.array([[-0.5, -0.5, -0.7], [0.7, -0.2, -0.6]])
    lamps /= np.linalg.norm(lamps, axis=1, keepdims=True)
    surface = Surface(
        triangles.astype(np.int32),
        uv.astype(np.float32),
        np.zeros(len(triangles), np.uint8),
        random.uniform(0.7, 1, len(points)).astype(np.float32),
        (random.random((texture, texture, 5 + wrinkles)) * skin + least).astype(np.float32),
    )
    light = Light(
        np.repeat(lamps[None], frames, 0).astype(np.float32),
        np.full((frames, 2, 3), 0.6, np.float32),
        np.full((frames, 3), 0.3, np.float32),
        np.full((frames, 3), 0.1, np.float32),
    )
    wall = (random.random((size + 40, size + 40, 3)) * 0.2).astype(np.float32)
    corner = random.uniform(0, 39, (frames, 2)).astype(np.float32)
    return {
        "positions": (np.stack(turned) + np.array([0, 0, 700])).astype(np.float32),
        "focal": np.full(frames, 2.9 * size, np.float32),
        "centre": (size / 2 + 0.3, size / 2 - 0.2),
        "size": (size, size),
        "surface": surface,
        "light": light,
        "backdrop": Backdrop(wall, corner),
        "wrinkles": random.random((frames, wrinkles)).astype(np.float32),
        "grain": 2.0,
        "grain_seed": 5,
        "supersample": 2,
    }


def draw_numba(scene: dict, **more) -> np.ndarray:
    """The picture by the compiled loops."""
    scene = scene | more
    return rasterise(scene.pop("positions"), **scene)


def draw_torch(scene: dict, device="cpu", **more) -> np.ndarray:
    """The picture by torch."""
    scene = to_device(scene | more, device)
    return rasterise_torch(scene.pop("positions"), **scene).cpu().numpy()


def to_device(scene: dict, device) -> dict:
    """The scene with tensors for its arrays."""

    def move(value):
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(move, value))
        return torch.from_numpy(value).to(device) if isinstance(value, np.ndarray) else value

    return {name: move(value) for name, value in scene.items()}


def only_frames(scene: dict, frames: slice) -> dict:
    """The same scene with a part of its frames."""
    part = {name: scene[name][frames] for name in ("positions", "focal", "wrinkles")}
    light, backdrop = scene["light"], scene["backdrop"]
    part["light"] = Light(*(array[frames] for array in light))
    part["backdrop"] = backdrop._replace(corner=backdrop.corner[frames])
    return scene | part
