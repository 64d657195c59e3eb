"""painlab: automatic pain estimation from videos with transformers, and the book that tells how.

It implements Gkikas and Tsiknakis, "A Full Transformer-based Framework for Automatic Pain
Estimation using Videos". Everything meant for use is here: ``import painlab as pl``.
"""

__version__ = "0.1.0"

from painlab._prediction import Prediction
from painlab.alignment import AlignedClip, FaceAligner
from painlab.config import FrameworkConfig, TemporalConfig, TNTConfig
from painlab.errors import PainLabError
from painlab.framework import (
    PainFramework,
    count_flops,
    count_parameters,
    load_model,
    save_model,
)
from painlab.layers import attention
from painlab.prediction import predict
from painlab.spatial import TNT, join_patches, split_patches
from painlab.temporal import TemporalTransformer, fourier_encode
from painlab.video import Clip, frames_to_tensor, read_video, write_video

__all__ = [
    "TNT",
    "AlignedClip",
    "Clip",
    "FaceAligner",
    "FrameworkConfig",
    "PainFramework",
    "PainLabError",
    "Prediction",
    "TNTConfig",
    "TemporalConfig",
    "TemporalTransformer",
    "attention",
    "count_flops",
    "count_parameters",
    "fourier_encode",
    "frames_to_tensor",
    "join_patches",
    "load_model",
    "predict",
    "read_video",
    "save_model",
    "split_patches",
    "write_video",
]
