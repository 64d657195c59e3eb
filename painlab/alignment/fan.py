"""The paper's landmarks: FAN, through the face-alignment library.

Bulat and Tzimiropoulos, ICCV 2017: one network finds 68 points in the picture, a second one
their depths. MTCNN's boxes are handed to the library, so its own detector is never loaded.
"""

import hashlib
import importlib.util
import re
from pathlib import Path

import numpy as np
import torch

from painlab.alignment.mtcnn import Faces
from painlab.alignment.warp import invert, similarity, transform_points, warp_frame
from painlab.errors import AlignmentError
from painlab.typing import Float

# What the library looks for in torch's cache, with LandmarksType.THREE_D.
FAN_FILES = ("3DFAN4-7835d9f11d.pth.tar", "depth-2a464da4ea.pth.tar")

BATCH = 16  # faces
TILE = 512  # pixels: a whole number for each of the 64 × 4 places that FAN tells apart
# The library looks at a square of 200/195 (width + height) about a point 0.12 heights above the
# middle of the box. This box, in a tile, makes that square the whole tile.
BOX = TILE * 195 / 400
MIDDLE = (
    TILE / 2 + 0.5
)  # the library cuts places down to whole pixels: half a pixel is safe from it


def fan_folder() -> Path:
    """The folder in which torch and the library keep downloaded weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def fan_cached() -> bool:
    """Whether FAN can be had without a download: the library and all of its weights are there."""
    if importlib.util.find_spec("face_alignment") is None:
        return False
    return all((fan_folder() / name).is_file() for name in FAN_FILES)


def check_digest(path: Path) -> None:
    """Refuse a file whose SHA-256 does not begin with the digits at the end of its name.

    The library opens the depth weights with the full unpickler, which runs what the file says:
    only the file that its authors published may get that far.

    Raises:
        AlignmentError: for any other file, and for one with no digits in its name.
    """
    digits = re.search(r"-([0-9a-f]{8,})\.", path.name)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digits is None or not digest.startswith(digits[1]):
        raise AlignmentError(
            f"{path}: this is not the published file (its SHA-256 begins with {digest[:10]}); "
            "delete it, and it will be downloaded again."
        )


class FanLandmarks:
    """Landmarks by FAN in three dimensions.

    Missing weights are downloaded by the library, and kept only if they are the published ones.

    Raises:
        AlignmentError: where the weights cannot be had, or are damaged or not the published ones.
    """

    name = "fan"

    def __init__(self, *, device: torch.device):
        try:
            import face_alignment
        except ImportError as error:
            raise AlignmentError(
                f'landmarks="fan" needs the package face-alignment ({error}): '
                "pip install painlab[fan]."
            ) from error

        for name in FAN_FILES:
            self._fetch(name)
        check_digest(fan_folder() / FAN_FILES[1])
        try:
            self.network = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.THREE_D,
                device=str(device),
                face_detector="folder",  # detects nothing, and so has no weights to load
                compile=False,
                max_batch_size=BATCH,
            )
        except Exception as error:
            raise AlignmentError(
                f"{fan_folder()}: FAN's weights there cannot be loaded ({_first_line(error)}); "
                f"delete {' and '.join(FAN_FILES)} to have them downloaded again."
            ) from error

    @staticmethod
    def _fetch(name: str) -> None:
        """Have the library download a missing file, and check it on the way."""
        from face_alignment import api, utils

        (url,) = (url for url in api.models_urls.values() if url.endswith(name))
        try:
            utils.load_file_from_url(url, check_hash=True)
        except (OSError, RuntimeError) as error:
            raise AlignmentError(
                f"{fan_folder() / name} is missing and cannot be downloaded "
                f"({_first_line(error)}); "
                'put the file there, or use landmarks="embedded".'
            ) from error

    def __call__(self, frames, faces: Faces) -> Float[np.ndarray, "k 68 3"]:
        """The landmarks of one face a frame.

        Each face is set upright into a tile of its own size, and the tiles are handed over as
        one tall picture, so that the library takes them as a batch.
        """
        if len(frames) > BATCH:
            groups = [slice(i, i + BATCH) for i in range(0, len(frames), BATCH)]
            return np.concatenate([self(frames[group], faces.pick(group)) for group in groups])
        transforms = [_to_tile(*face) for face in zip(faces.boxes, faces.angles, strict=True)]
        tiles = [warp_frame(f, t, size=TILE) for f, t in zip(frames, transforms, strict=True)]
        left, top = MIDDLE - BOX / 2, MIDDLE - (0.5 - 0.12) * BOX
        tops = [top + TILE * i for i in range(len(tiles))]
        boxes = [[left, top, left + BOX, top + BOX] for top in tops]
        found = self.network.get_landmarks_from_image(np.concatenate(tiles), boxes)
        landmarks = []
        for i, (points, transform) in enumerate(zip(found, transforms, strict=True)):
            back = invert(transform)
            flat = transform_points(points[:, :2] + 0.5 - [0, TILE * i], back)
            depth = -points[:, 2:] * np.hypot(*back[:, 0])  # the library's z is towards the camera
            landmarks.append(np.hstack([flat, depth]))
        return np.stack(landmarks).astype(np.float32)

    def describe(self) -> dict[str, str]:
        """What a store or a model records of its landmarks."""
        from importlib.metadata import version

        return {"landmarks": self.name, "face-alignment": version("face-alignment")}


def _to_tile(box, angle):
    """The transform that sets a face into a tile as FAN expects it."""
    middle, (width, height) = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    up = 0.12 * height * np.array([np.sin(angle), -np.cos(angle)])
    return similarity(
        turn=angle,
        zoom=2 * BOX / (width + height),
        place=middle + up,
        target=np.full(2, TILE / 2 - 0.5),
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
