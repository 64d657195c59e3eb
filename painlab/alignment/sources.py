"""Which method places the 68 landmarks."""

import logging
from functools import cache

import torch

from painlab.alignment.embedded import EmbeddedLandmarks
from painlab.alignment.fan import FanLandmarks, fan_cached, fan_folder
from painlab.alignment.landmarks import FittedLandmarks
from painlab.errors import PainLabError

logger = logging.getLogger("painlab")


def landmark_source(landmarks: str, *, device: torch.device):
    """The landmarks to use: "fan", "embedded" or "fitted"; with "auto" FAN where it is cached.

    Raises:
        PainLabError: for another name, and where the weights of the chosen one cannot be had.
    """
    if landmarks not in ("auto", "fan", "embedded", "fitted"):
        raise PainLabError(
            f'landmarks={landmarks!r} is not known; use "auto", "fan", "embedded" or "fitted".'
        )
    if landmarks == "auto":
        landmarks = "fan" if fan_cached() else "embedded"
        _say_once(landmarks)
    if landmarks == "fitted":
        return FittedLandmarks()
    return (FanLandmarks if landmarks == "fan" else EmbeddedLandmarks)(device=device)


@cache
def _say_once(landmarks: str) -> None:
    if landmarks == "fan":
        logger.info("Landmarks: FAN, with the weights in %s.", fan_folder())
    else:
        logger.warning(
            "Landmarks: embedded (a network trained on rendered faces), because FAN or its weights "
            'are not here (%s); FaceAligner(landmarks="fan") says what is missing, or downloads '
            "it.",
            fan_folder(),
        )
