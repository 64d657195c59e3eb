"""Pictures with a face at a known place, and the real faces beside the checkout."""

import json

import av
import cv2
import numpy as np
import pytest

import painlab as pl


@pytest.fixture(scope="session")
def aligner() -> pl.FaceAligner:
    return pl.FaceAligner(landmarks="embedded", device="cpu")


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """512 × 512 pixels; the face fills about (180 60 270 175)."""
    import skimage.data

    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def portrait(astronaut) -> np.ndarray:
    """128 × 128 pixels; the face fills about (30 20 75 77)."""
    crop = np.ascontiguousarray(astronaut[20:276, 120:376])
    return cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="session")
def photographs(media) -> dict[str, np.ndarray]:
    paths = sorted((media / "london").glob("*.jpg"))
    return {path.name: cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths}


@pytest.fixture(scope="session")
def hand_placed(media) -> dict[str, np.ndarray]:
    """189 points of each neutral photograph; 0 and 1 are the pupils."""
    points = json.loads((media / "london" / "points.json").read_text())["points"]
    return {name: np.array(values) for name, values in points.items()}


@pytest.fixture(scope="session")
def clips(media) -> dict[str, np.ndarray]:
    frames = {}
    for path in sorted((media / "clips").iterdir()):
        with av.open(path) as container:
            decoded = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
        frames[path.stem] = np.stack(decoded)
    return frames
