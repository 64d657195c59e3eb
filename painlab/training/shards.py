"""Which clips lie together in a feature store, and what each of them was made from."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.tasks import Sample
from painlab.errors import DataError
from painlab.training.store import StoredClip, sha256_of

CLIPS_A_SHARD = 10  # what a kill can cost: minutes on a CPU


def shards_of(samples: Sequence[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    """Some clips of one subject at a time, so that another subject moves no shard."""
    of: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        of[sample.subject].append(sample)
    for subject in sorted(of):
        clips = sorted(of[subject], key=lambda sample: (sample.level, sample.sample_name))
        for start in range(0, len(clips), CLIPS_A_SHARD):
            name = f"{plain_name(subject)}-{start // CLIPS_A_SHARD:03d}.safetensors"
            yield name, clips[start:][:CLIPS_A_SHARD]


def plain_name(subject: str) -> str:
    """What a subject's files are called: a name may hold any letter, these are digits."""
    return hashlib.sha256(subject.encode()).hexdigest()[:12]


def clip_with_source(samples: Sequence[Sample], sample: Sample, *, programs: str) -> StoredClip:
    """The clip, and a hash of its film or of what renders it.

    Args:
        samples: the data set; a `SynthPain` where the clip lies on no disk.
        sample: the clip.
        programs: `programs_digest` of what renders clips.

    Raises:
        DataError: a clip without a film in another data set.
    """
    if sample.path is None:
        if not isinstance(samples, SynthPain):
            raise DataError(
                f"{sample.sample_name} of {sample.subject} has no film; give a SynthPain, of which "
                "SynthPain.only keeps some clips."
            )
        settings = samples.settings  # a clip does not depend on how many others there are
        told = [settings.seed, settings.size, settings.frames, *samples.key(sample), programs]
        source = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    else:
        try:
            source = sha256_of(sample.path)
        except OSError:
            source = "cannot be read"  # reading it will say why
    return StoredClip(sample.subject, sample.level, sample.sample_name, source, 0)
