"""How steady landmarks are, and the aligned pictures that come of them.

A position's tremble is the median size of its second differences in time, over the square root of 6
and over 0.6745, the median size of normal noise of spread 1: of a point that trembles by normal
noise about slow motion, the noise's standard deviation. The median and not the mean square, because
phase correlation slips once in a few hundred pictures, by more than its window is wide, and because
a blink is no tremble.
"""

from itertools import pairwise

import numpy as np

from painlab.alignment.pose import LEFT_EYE, RIGHT_EYE, load_template
from painlab.alignment.warp import EYE_LEVEL, FIELD, similarity_3d, warp_frame

SIZE = 224
WINDOW = (64, 48)  # pixels of an aligned picture about each eye: width, height


def pupils(landmarks):
    """(k 2 2): the mean of each eye's six landmarks."""
    return np.stack([landmarks[:, eye, :2].mean(1) for eye in (LEFT_EYE, RIGHT_EYE)], 1)


EYES_APART = np.ptp(pupils(load_template().points[None])[0, :, 0]) * SIZE / FIELD  # aligned pixels


def eye_paths(frames, landmarks):
    """(k 2 2): how the pixels about each eye wander in the aligned pictures, from the first on.

    The landmarks only align. What is followed are the pixels: the shift of a window about each eye
    from one picture to the next, by phase correlation, added up.
    """
    import cv2

    grey = [
        warp_frame(frame, similarity_3d(points, size=SIZE), size=SIZE).mean(2).astype(np.float32)
        for frame, points in zip(frames, landmarks, strict=True)
    ]
    width, height = WINDOW
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    top = round(EYE_LEVEL * SIZE) - height // 2
    paths = []
    for side in (-1, 1):
        left = round((SIZE + side * EYES_APART) / 2) - width // 2
        eyes = [picture[top : top + height, left : left + width] for picture in grey]
        steps = [cv2.phaseCorrelate(a, b, window)[0] for a, b in pairwise(eyes)]
        paths.append(np.cumsum([(0.0, 0.0), *steps], 0))
    return np.stack(paths, 1)


def shake(path) -> float:
    """The tremble of points (k 2 2): see the top of this file."""
    return float(np.median(np.abs(np.diff(path, n=2, axis=0))) / 0.6745 / np.sqrt(6))
