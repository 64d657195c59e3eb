"""The 52 facial actions, and how they are addressed.

The names are ARKit's, as MakeHuman's face units spell them, in alphabetical order. Left and right
are the person's own. The eight ``eyeLook*`` actions stay at 0 in SynthPain: the eyes are turned by
`Motion.gaze` instead.
"""

import numpy as np

ACTIONS = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight",
    "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft",
    "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip

COLUMN = {name: column for column, name in enumerate(ACTIONS)}


def columns(name: str) -> list[int]:
    """The columns of one action: its own, or those of its left and right halves.

    >>> columns("jawOpen"), columns("browDown")
    ([24], [0, 1])
    """
    return [COLUMN[name]] if name in COLUMN else [COLUMN[name + "Left"], COLUMN[name + "Right"]]


def weights_of(parts: dict[str, float], *, left: float = 1.0, right: float = 1.0) -> np.ndarray:
    """A row of 52 weights from named ones; an action with two halves gets them times left, right.

    >>> weights_of({"browDown": 0.5}, right=0.8)[:3]
    array([0.5, 0.4, 0. ])
    """
    row = np.zeros(len(ACTIONS))
    for name, weight in parts.items():
        at = columns(name)
        row[at] = (weight,) if len(at) == 1 else (weight * left, weight * right)
    return row
