"""Face alignment: MTCNN finds the face, 68 landmarks give its pose, a similarity warps it."""

from painlab.alignment.aligner import AlignedClip, FaceAligner
from painlab.alignment.pose import head_angles
from painlab.alignment.warp import similarity_2d, similarity_3d

__all__ = ["AlignedClip", "FaceAligner", "head_angles", "similarity_2d", "similarity_3d"]
