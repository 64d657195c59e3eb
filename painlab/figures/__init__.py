"""Figures of the book: plots for light and dark pages, figures that move or answer, checks."""

from painlab.figures.exercise import check
from painlab.figures.explorer import Explorer, explore
from painlab.figures.explorer_controls import Choice, PictureGrid
from painlab.figures.explorer_parts import Panel, Picture, Plot, Table
from painlab.figures.explorer_pictures import heat_map, value_map
from painlab.figures.results import provenance, read_result
from painlab.figures.slider import FrameSlider, frame_slider
from painlab.figures.source import show_source
from painlab.figures.style import COLOURS, colour_cycle, new_figure, show

__all__ = [
    "COLOURS",
    "Choice",
    "Explorer",
    "FrameSlider",
    "Panel",
    "Picture",
    "PictureGrid",
    "Plot",
    "Table",
    "check",
    "colour_cycle",
    "explore",
    "frame_slider",
    "heat_map",
    "new_figure",
    "provenance",
    "read_result",
    "show",
    "show_source",
    "value_map",
]
