"""painlab: automatic pain estimation from videos with transformers, and the book that tells how.

It implements Gkikas and Tsiknakis, "A Full Transformer-based Framework for Automatic Pain
Estimation using Videos". What most uses need is here: ``import painlab as pl``.
"""

__version__ = "0.1.0"

from painlab._explaining import Explanation
from painlab._prediction import Prediction
from painlab.alignment import AlignedClip, FaceAligner
from painlab.config import FrameworkConfig, TemporalConfig, TNTConfig, TrainingConfig
from painlab.datasets import (
    TASKS,
    BioVid,
    Manifest,
    Sample,
    SynthPain,
    Task,
    check_split,
    hold_out,
    leave_one_subject_out,
    write_synthpain,
)
from painlab.errors import PainLabError
from painlab.explain import Relevance, relevance
from painlab.explaining import explain_video
from painlab.framework import (
    PainFramework,
    count_flops,
    count_parameters,
    framework_of_faces,
    framework_of_pain,
    load_model,
    save_model,
    tnt_of_pain,
)
from painlab.layers import attention
from painlab.prediction import predict
from painlab.spatial import TNT, join_patches, split_patches
from painlab.temporal import TemporalTransformer, fourier_encode
from painlab.training.everyone import train_on_all
from painlab.training.features import extract_features
from painlab.training.joint import train_jointly
from painlab.training.loso import train_loso
from painlab.training.metrics import classification_metrics
from painlab.training.results import LosoResult
from painlab.video import Clip, frames_to_tensor, read_video, write_video

__all__ = [
    "TASKS",
    "TNT",
    "AlignedClip",
    "BioVid",
    "Clip",
    "Explanation",
    "FaceAligner",
    "FrameworkConfig",
    "LosoResult",
    "Manifest",
    "PainFramework",
    "PainLabError",
    "Prediction",
    "Relevance",
    "Sample",
    "SynthPain",
    "TNTConfig",
    "Task",
    "TemporalConfig",
    "TemporalTransformer",
    "TrainingConfig",
    "attention",
    "check_split",
    "classification_metrics",
    "count_flops",
    "count_parameters",
    "explain_video",
    "extract_features",
    "fourier_encode",
    "frames_to_tensor",
    "framework_of_faces",
    "framework_of_pain",
    "hold_out",
    "join_patches",
    "leave_one_subject_out",
    "load_model",
    "predict",
    "read_video",
    "relevance",
    "save_model",
    "split_patches",
    "tnt_of_pain",
    "train_jointly",
    "train_loso",
    "train_on_all",
    "write_synthpain",
    "write_video",
]
