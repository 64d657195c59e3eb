"""From frames to aligned faces: detect, place landmarks, warp."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from time import perf_counter

import numpy as np
import torch

from painlab.alignment.detect import FaceDetector
from painlab.alignment.follow import FaceFollower
from painlab.alignment.pose import head_angles
from painlab.alignment.sources import landmark_source
from painlab.alignment.warp import similarity_3d, warp_frame
from painlab.devices import choose_device
from painlab.errors import PainLabError, ShapeError
from painlab.typing import Bool, Float, UInt8


@dataclass(frozen=True, eq=False, repr=False)
class AlignedClip:
    """Aligned faces, one a frame (paper III-A).

    Where ``found`` is False no face was found: the frame is black, the confidence 0, the
    transform all zeros, landmarks and box are not a number. Places are pixel indices of the
    input, (0, 0) the middle of its first pixel; z is in the same pixels, from an origin of the
    landmark method's own, and grows away from the camera.

    Example:
        >>> aligner = FaceAligner(landmarks="fitted", size=64, device="cpu")
        >>> aligned = aligner(np.zeros((2, 96, 128, 3), np.uint8))  # nobody is there
        >>> aligned.frames.shape, aligned.landmarks.shape, aligned.found.tolist()
        ((2, 64, 64, 3), (2, 68, 3), [False, False])
    """

    frames: UInt8[np.ndarray, "k size size c"]
    landmarks: Float[np.ndarray, "k 68 3"]
    boxes: Float[np.ndarray, "k 4"]  # left, top, right, bottom
    confidence: Float[np.ndarray, "k"]  # 0 to 1
    found: Bool[np.ndarray, "k"]
    transforms: Float[np.ndarray, "k 2 3"]  # input pixels to aligned pixels

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return f"AlignedClip({self.found.sum()} faces in {len(self)} frames)"

    @property
    def angles(self) -> Float[np.ndarray, "k 3"]:
        """Yaw, pitch and roll of each head in degrees, as `head_angles` defines them."""
        return head_angles(self.landmarks)

    @classmethod
    def join(cls, clips: Sequence["AlignedClip"]) -> "AlignedClip":
        """The frames of several clips, one after another.

        Raises:
            ShapeError: where there are none, or their pictures differ in size.
        """
        sizes = {clip.frames.shape[1] for clip in clips}
        if len(sizes) != 1:
            raise ShapeError(
                f"Only clips with pictures of one size can be joined; these have {len(sizes)}."
            )
        names = (field.name for field in fields(cls))
        return cls(*(np.concatenate([getattr(clip, name) for clip in clips]) for name in names))


class FaceAligner:
    """Finds a face in every frame and brings it upright, to the middle and to one size.

    MTCNN finds the face and follows it (`FaceFollower`), FAN or the embedded network places 68
    landmarks in three dimensions, and the head's pose decides the warp (`similarity_3d`), as in
    section III-A of the paper. Where there are several faces the followed one is taken, at
    first the largest.

    Args:
        landmarks: "fan" is the paper's network, downloaded if need be; "embedded" a small one
            that comes with painlab, trained on rendered faces (it has never seen a person in
            pain) and checked by a fit; "fitted" a fit to MTCNN's five points, which needs no
            weights of its own; "auto" FAN if its weights are already there, else "embedded".
        size: pixels along each side of the aligned pictures.
        device: where the networks run; by default a GPU if there is one.
        min_face: pixels of the smallest face to look for; by default a sixteenth of the shorter
            side of the frames, at least 20.
        min_confidence: what MTCNN must be sure of, 0 to 1, to call something a face.
        detect_every: frames after which the whole picture is searched although the face is
            where it was expected.
        block: frames looked at together between searches.

    Raises:
        PainLabError: where a setting is impossible.
        AlignmentError: where weights of MTCNN or FAN are missing or damaged.
        WeightsError: where the embedded network's are.

    Example:
        >>> import painlab as pl
        >>> data = pl.SynthPain(subjects=1, per_level=1, frames=2)
        >>> aligned = pl.FaceAligner(landmarks="fitted", device="cpu")(data.render(data[0]).numpy())
        >>> aligned.frames.shape, aligned.found.tolist()
        ((2, 224, 224, 3), [True, True])
    """

    def __init__(
        self,
        *,
        landmarks: str = "auto",
        size: int = 224,
        device: str | torch.device | None = None,
        min_face: int | None = None,
        min_confidence: float = 0.7,
        detect_every: int = 96,
        block: int = 8,
    ):
        for name, value in {
            "size": size,
            "min_face": 1 if min_face is None else min_face,
            "detect_every": detect_every,
            "block": block,
        }.items():
            if value < 1:
                raise PainLabError(f"FaceAligner: {name} must be at least 1, not {value}.")
        if not 0 < min_confidence < 1:
            raise PainLabError(
                f"FaceAligner: min_confidence must lie between 0 and 1, not {min_confidence}."
            )
        device = choose_device(device)
        self.size, self.block, self.detect_every = size, block, detect_every
        self.detector = FaceDetector(
            min_face=min_face, min_confidence=min_confidence, device=device
        )
        self.source = landmark_source(landmarks, device=device)
        self.seconds = {"detect": 0.0, "landmarks": 0.0, "warp": 0.0}  # spent so far

    @property
    def landmarks_used(self) -> str:
        """ "fan", "embedded" or "fitted"."""
        return self.source.name

    @property
    def description(self) -> dict[str, str | int]:
        """What decides how aligned pictures look: stores and models keep it and compare."""
        return {
            "size": self.size,
            "detector": f"facenet-pytorch {version('facenet-pytorch')}",
            **self.source.describe(),
        }

    def __call__(self, frames) -> AlignedClip:
        """Align the frames of one clip.

        Args:
            frames: uint8 RGB array (k height width c), in the order they were filmed.

        Raises:
            ShapeError: where the frames are anything else.
        """
        return next(self.stream([frames]))

    def stream(self, chunks: Iterable) -> Iterator[AlignedClip]:
        """Align a video chunk by chunk: one AlignedClip for each chunk that comes in.

        The face is followed from chunk to chunk, so the result does not depend on where the
        video was cut, and no more than a chunk lies in memory.

        Args:
            chunks: arrays as `FaceAligner.__call__` takes them, all of one height and width.

        Raises:
            ShapeError: where a chunk is anything else.
        """
        follower = FaceFollower(self.detector, block=self.block, detect_every=self.detect_every)
        shape = None
        for frames in chunks:
            frames = _checked(frames)
            shape = shape or frames.shape[1:]
            if frames.shape[1:] != shape:
                raise ShapeError(
                    f"The frames of one video have one size, but after {shape[1]} × {shape[0]} "
                    f"pixels come {frames.shape[2]} × {frames.shape[1]}; stream each by itself."
                )
            yield self._align(frames, follower)

    def _align(self, frames, follower: FaceFollower) -> AlignedClip:
        k, start = len(frames), perf_counter()
        faces = follower(frames)
        self.seconds["detect"] += perf_counter() - start
        found = faces.confidence > 0
        rows = np.flatnonzero(found)
        landmarks = np.full((k, 68, 3), np.nan, np.float32)
        transforms = np.zeros((k, 2, 3))
        pictures = np.zeros((k, self.size, self.size, 3), np.uint8)
        start = perf_counter()
        if len(rows):
            landmarks[rows] = self.source([frames[i] for i in rows], faces.pick(rows))
        self.seconds["landmarks"] += perf_counter() - start
        start = perf_counter()
        for i in rows:
            transforms[i] = similarity_3d(landmarks[i], size=self.size)
            pictures[i] = warp_frame(frames[i], transforms[i], size=self.size)
        self.seconds["warp"] += perf_counter() - start
        return AlignedClip(
            frames=pictures,
            landmarks=landmarks,
            boxes=faces.boxes.astype(np.float32),
            confidence=faces.confidence.astype(np.float32),
            found=found,
            transforms=transforms.astype(np.float32),
        )


def _checked(frames) -> UInt8[np.ndarray, "k height width c"]:
    """The frames, if they are what they should be."""
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        kind = frames.dtype if hasattr(frames, "dtype") else type(frames).__name__
        raise ShapeError(
            f"FaceAligner takes a numpy array of uint8 frames, not {kind}; "
            "painlab.read_video(path).frames is one."
        )
    if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape[1:]:
        raise ShapeError(
            "FaceAligner takes frames as (k height width 3), colours last, "
            f"not as {tuple(frames.shape)}; a single picture needs frames[None]."
        )
    return frames
