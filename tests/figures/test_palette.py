"""Colours that stand side by side stay apart, also for eyes with two kinds of cones."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

import painlab
from painlab.figures.style import COLOURS, INK

PACKAGE = Path(painlab.__file__).parent
BOOK = PACKAGE.parent / "book"

# CIEDE2000. About 1 can just be told apart by an eye that looks for it; 10 is seen at a glance.
APART = 10.0

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", IEEE TVCG 15(6), 2009, for a severity of 1; they act on linear RGB.
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def seen(colours: list[str], eye: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB colours as such an eye sees them: (colours, 3)."""
    srgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ eye.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(srgb)


def closest(colours: list[str], eye: np.ndarray) -> float:
    """The smallest difference between two of the colours."""
    lab = seen(colours, eye)
    pairs = itertools.combinations(range(len(colours)), 2)
    return min(float(deltaE_ciede2000(lab[i], lab[j])) for i, j in pairs)


@pytest.mark.parametrize("eye", EYES)
def test_all_colours_stay_apart(eye):
    assert closest(list(COLOURS.values()), EYES[eye]) > APART


@pytest.mark.parametrize(
    ("pair", "eye"),
    [
        (["#D62728", "#5C6414"], "protanopia"),
        (["#C44E52", "#8C7A1A"], "deuteranopia"),
        (["#1F77B4", "#17856B"], "tritanopia"),
    ],
)
def test_colours_that_such_eyes_confuse_are_refused(pair, eye):
    assert closest(pair, EYES["all cones"]) > APART > closest(pair, EYES[eye])


def test_white_stays_white_and_grey_grey():
    for eye in EYES.values():
        assert np.abs(seen(["#FFFFFF", "#808080"], eye)[:, 1:]).max() < 1


def hex_colours(text: str) -> set[str]:
    return {found.upper() for found in re.findall(r"#[0-9A-Fa-f]{6}\b", text)}


def is_grey(colour: str) -> bool:
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return max(parts) - min(parts) <= 20


@pytest.mark.parametrize(
    "path",
    [*sorted((PACKAGE / "figures").glob("*.py")), *sorted(BOOK.glob("*.md"))],
    ids=lambda path: path.name,
)
def test_figures_use_the_palette_alone(path):
    text = path.read_text(encoding="utf-8")
    palette = {colour.upper() for colour in COLOURS.values()} | {INK}
    assert {c for c in hex_colours(text) - palette if not is_grey(c)} == set()
    maps = set(re.findall(r"cmap=[\"'](\w+)[\"']", text))
    assert maps <= {"cividis", "cividis_r", "gray", "gray_r", "viridis", "magma", "inferno"}
    assert re.findall(r"colou?r=[\"'](?:tab:|C\d|red|green|lime|[rgbcmy][\"'])", text) == []
