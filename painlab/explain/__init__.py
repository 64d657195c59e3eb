"""What a model's answer rests on, and whether the map of it tells the truth (paper IV-C)."""

from painlab.explain.maps import Relevance
from painlab.explain.methods import METHODS, relevance

__all__ = ["METHODS", "Relevance", "relevance"]
