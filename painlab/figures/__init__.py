"""Figures of the book: plots for light and dark pages, frames under a slider, exercise checks."""

from painlab.figures.exercise import check
from painlab.figures.results import provenance, read_result
from painlab.figures.slider import FrameSlider, frame_slider
from painlab.figures.source import show_source
from painlab.figures.style import COLOURS, colour_cycle, new_figure, show

__all__ = [
    "COLOURS",
    "FrameSlider",
    "check",
    "colour_cycle",
    "frame_slider",
    "new_figure",
    "provenance",
    "read_result",
    "show",
    "show_source",
]
