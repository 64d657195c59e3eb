"""The spatial feature extraction module of paper III-B.1."""

from painlab.spatial.patches import join_patches, split_patches
from painlab.spatial.tnt import TNT, TNTMaps

__all__ = ["TNT", "TNTMaps", "join_patches", "split_patches"]
