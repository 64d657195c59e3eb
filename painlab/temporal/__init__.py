"""The temporal feature extraction module of paper III-B.2."""

from painlab.temporal.fourier import fourier_encode
from painlab.temporal.transformer import TemporalMaps, TemporalTransformer

__all__ = ["TemporalMaps", "TemporalTransformer", "fourier_encode"]
