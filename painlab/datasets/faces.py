"""Pictures of many people, to learn their faces from: VGGFace2, or any folder of people's folders.

What takes faces takes any `Faces`; those of a folder are `FaceFolder`, rendered ones are
`painlab.training.rendered.RenderedFaces`.
"""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from painlab.datasets.face_index import index_faces
from painlab.datasets.tasks import counted
from painlab.errors import DataError
from painlab.typing import Float, Int, UInt8


class FaceBatch(NamedTuple):
    """Pictures of faces, whose they are, and where it is known what the faces do."""

    images: UInt8[Tensor, "b height width c"]
    identity: Int[Tensor, "b"]
    actions: Float[Tensor, "b actions"] | None


@runtime_checkable  # types are checked while the tests run
class Faces(Protocol):
    """Where pictures of faces come from: `RenderedFaces`, `FaceFolder`."""

    identities: int

    def batch(self, step: int, count: int, rng: np.random.Generator) -> FaceBatch:
        """So many pictures, as the generator decides."""

    def describe(self) -> dict:
        """What decides the pictures: a checkpoint belongs to it."""


class FaceFolder:
    """The people of a folder, each with a folder of pictures, read as they are needed.

    The paper learns from VGGFace2 (Cao et al., 2018), whose layout `index_faces` describes; any
    other folder of people's folders will do. People are numbered in the order of their names.
    Every picture is as likely as any other, so that people with many pictures are met more often,
    as in plain training with cross-entropy.

    Args:
        root: the folder.
        size: pixels of a side: a picture's shorter side becomes so long, and its middle is cut out.
        partial: go on where people of ``identity_meta.csv`` have no pictures.
        say: told how far the search is, and what was left out.

    Raises:
        DataError: as of `index_faces`, or for a picture without a byte.
    """

    def __init__(
        self,
        root: str | PathLike,
        *,
        size: int = 224,
        partial: bool = False,
        say: Callable[[str], None] = print,
    ):
        if size < 1:
            raise DataError(f"FaceFolder: size must be at least 1, not {size}.")
        self.size, self.index = size, index_faces(Path(root), partial=partial, say=say)
        self.identities = len(self.index.people)
        if empty := self.index.empty:
            more = f" ({len(empty) - 1:,} more like it)" if len(empty) > 1 else ""
            raise DataError(
                f"{self.index.root / empty[0]} holds no byte{more}; remove what is not whole, or "
                "align the folder first (--align), which leaves it out."
            )
        pictures = counted(len(self), "picture")
        say(f"{self.index.root}: {pictures} of {self.identities:,} people.")

    def __len__(self) -> int:
        return len(self.index)

    def describe(self) -> dict:
        """What decides the pictures: how many, and a digest over their names and sizes."""
        told = {"kind": "folder", "people": self.identities, "pictures": len(self)}
        return told | {"size": self.size, "digest": self.index.digest}

    def batch(self, step: int, count: int, rng: np.random.Generator) -> FaceBatch:
        """Pictures drawn at random from all, read from the disk; any thread may ask.

        Raises:
            DataError: where a picture cannot be read.
        """
        rows = rng.choice(len(self), count, replace=count > len(self))
        named = [self.index.picture(int(row)) for row in rows]
        images = np.stack([read_face(self.index.root / name, size=self.size) for name, _ in named])
        identity = torch.tensor([person for _, person in named])
        return FaceBatch(torch.from_numpy(images), identity, None)


def read_picture(path: Path) -> UInt8[np.ndarray, "height width c"]:
    """The RGB pixels of a picture file, upright as its camera says.

    Raises:
        DataError: where it cannot be read, is broken, or is no picture.
    """
    import cv2

    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        pixels = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except (OSError, cv2.error) as error:
        raise DataError(f"{path} cannot be read ({' '.join(str(error).split())}).") from error
    if pixels is None:
        raise DataError(
            f"{path} is broken or no picture; remove it, or align the folder first (--align), "
            "which leaves such pictures out."
        )
    return np.ascontiguousarray(pixels[..., ::-1])  # OpenCV's order is blue, green, red


def read_face(path: Path, *, size: int) -> UInt8[np.ndarray, "size size c"]:
    """The middle of a picture file, its shorter side ``size`` pixels long.

    Raises:
        DataError: as of `read_picture`.
    """
    import cv2

    pixels = read_picture(path)
    height, width = pixels.shape[:2]
    if (height, width) == (size, size):
        return pixels
    scale = size / min(height, width)
    shape = max(size, round(width * scale)), max(size, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pixels = cv2.resize(pixels, shape, interpolation=way)
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return np.ascontiguousarray(pixels[top : top + size, left : left + size])
