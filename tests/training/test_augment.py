"""Augmentation of clips: one draw for all frames, from seed, epoch and sample alone."""

import hashlib
import random
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import jaxtyping
import numpy as np
import pytest
import torch
from einops import rearrange
from torchvision.transforms import v2
from torchvision.tv_tensors import Image

import painlab as pl
from painlab.training.augment import AUGMENTATIONS, FRAMES_AT_ONCE, augment_clip, draw_seed

CLIP = pl.Sample("071309_w_21", 4, None, "071309_w_21-PA4-010")
TORCHVISION = {"augmix": v2.AugMix, "trivialaugment": v2.TrivialAugmentWide}
each = pytest.mark.parametrize("name", AUGMENTATIONS)


def film(frames=5, size=24, seed=0):
    """Smooth colours that change from frame to frame, as uint8 (k height width c)."""
    coarse = torch.rand(frames, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    fine = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    return (rearrange(fine, "k c height width -> k height width c") * 255).byte().numpy()


def still(frames=5, size=24):
    return film(1, size).repeat(frames, 0)


def flicker(frames):
    """The largest difference between frames, in grey levels."""
    return int(np.ptp(np.asarray(frames).astype(int), axis=0).max())


def change(frames, name=None, **to):
    asked = {"seed": 0, "epoch": 0, "sample": CLIP} | to
    return augment_clip(frames, augmentations=AUGMENTATIONS if name is None else (name,), **asked)


@each
def test_identical_frames_stay_identical(name):
    clip, changed = still(), 0
    for seed in range(60):
        found = change(clip, name, seed=seed)
        assert flicker(found) == 0, f"seed {seed}"
        changed += not np.array_equal(found, clip)
    assert changed > 45  # some draws are the identity, or too weak to be seen


def test_torchvisions_own_augmix_makes_identical_frames_differ():
    """What the wrapper is for; the measure above sees it."""
    torch.manual_seed(0)
    frames = rearrange(torch.from_numpy(still()), "k height width c -> k c height width")
    assert flicker(v2.AugMix()(frames)) > 0


@each
def test_every_frame_is_what_torchvision_makes_of_it_alone_with_the_same_draws(name):
    """More frames than are changed together, and no two alike."""
    clip = film(FRAMES_AT_ONCE + 3)
    for epoch in range(25):
        found = change(clip, name, epoch=epoch)
        for number in (0, FRAMES_AT_ONCE - 1, FRAMES_AT_ONCE + 2):
            picture = rearrange(torch.from_numpy(clip[number]), "height width c -> c height width")
            with torch.random.fork_rng():
                torch.manual_seed(draw_seed(0, epoch, CLIP, name))
                own = TORCHVISION[name]()(Image(picture))
            own = rearrange(own, "c height width -> height width c")
            assert np.array_equal(found[number], own.numpy()), f"epoch {epoch}, frame {number}"


def test_both_are_applied_in_the_order_given():
    clip = film()
    first = change(clip, "augmix")
    assert np.array_equal(change(clip), change(first, "trivialaugment"))
    assert np.array_equal(augment_clip(clip, seed=0, epoch=0, sample=CLIP, augmentations=()), clip)


def test_seed_epoch_and_sample_each_count():
    clip = film()
    other = [pl.Sample(f"p{i}", 0, None, "a") for i in range(12)]
    names = [pl.Sample("p0", 0, None, f"name {i}") for i in range(12)]
    for settings in (
        [{"seed": i} for i in range(12)],
        [{"epoch": i} for i in range(12)],
        [{"sample": sample} for sample in other],
        [{"sample": sample} for sample in names],
    ):
        assert len({change(clip, **one).tobytes() for one in settings}) > 10
    drawn = {draw_seed(s, e, CLIP, name) for s in range(9) for e in range(9) for name in "ab"}
    assert len(drawn) == 162
    assert max(drawn) >= 2**62
    # where a clip lies, and its level, change nothing
    moved = pl.Sample(CLIP.subject, 0, None, CLIP.sample_name)
    assert np.array_equal(change(clip, sample=moved), change(clip))


def test_any_order_and_any_process_give_the_same_bytes():
    script = """
        import hashlib, torch, numpy as np, painlab as pl
        from painlab.training.augment import augment_clip
        torch.manual_seed(99)
        clip = np.arange(4 * 16 * 16 * 3, dtype=np.uint64).reshape(4, 16, 16, 3) * 7919 % 251
        told = {}
        for epoch in (3, 1, 2):
            torch.rand(5)
            sample = pl.Sample("Anna", 0, None, "a")
            out = augment_clip(clip.astype(np.uint8), seed=8, epoch=epoch, sample=sample)
            told[epoch] = hashlib.sha256(out.tobytes()).hexdigest()
        print(*(told[epoch] for epoch in (1, 2, 3)))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    clip = np.arange(4 * 16 * 16 * 3, dtype=np.uint64).reshape(4, 16, 16, 3) * 7919 % 251
    sample = pl.Sample("Anna", 0, None, "a")
    here = [
        change(clip.astype(np.uint8), seed=8, epoch=epoch, sample=sample) for epoch in (1, 2, 3)
    ]
    assert there == [hashlib.sha256(frames.tobytes()).hexdigest() for frames in here]


@pytest.fixture
def unchecked():
    """No checks of types, which come before painlab's own and draw at random what they look at."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_nobodys_random_state_changes():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    for epoch in range(8):
        change(film(), epoch=epoch)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert (np.random.get_state()[1] == before[2]).all()  # noqa: NPY002


def test_threads_neither_disturb_each_other_nor_a_training_beside_them():
    clip = film()
    alone = [change(clip, epoch=epoch) for epoch in range(24)]
    torch.manual_seed(1)
    undisturbed = [torch.rand(3) for _ in range(300)]
    torch.manual_seed(1)
    with ThreadPoolExecutor(3) as pool:
        beside = pool.map(lambda epoch: change(clip, epoch=epoch), range(24))
        drawn = [torch.rand(3) for _ in range(300)]
        beside = list(beside)
    assert all(torch.equal(a, b) for a, b in zip(drawn, undisturbed, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(alone, beside, strict=True))


def test_frames_without_a_face_stay_as_they_are():
    clip, mask = film(7), np.array([True, False, True, True, False, False, True])
    clip[4:6] = 0  # most that is done to black leaves it black; the second frame tells more
    for epoch in range(20):
        found, plain = change(clip, epoch=epoch, mask=mask), change(clip, epoch=epoch)
        assert np.array_equal(found[~mask], clip[~mask])
        assert np.array_equal(found[mask], plain[mask])
    assert np.array_equal(change(clip, mask=torch.zeros(7, dtype=torch.bool)), clip)


def test_arrays_and_tensors_come_out_as_they_went_in_and_are_not_written_to():
    clip = film()
    found = change(clip)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    tensor = torch.from_numpy(clip.copy())
    assert torch.equal(change(tensor), torch.from_numpy(found))
    assert np.array_equal(tensor.numpy(), film())
    fixed = clip.copy()
    fixed.flags.writeable = False
    assert np.array_equal(change(fixed), found)
    mirrored = np.ascontiguousarray(clip[:, :, ::-1])[:, :, ::-1]
    assert np.array_equal(change(mirrored), found)
    empty = augment_clip(clip, seed=0, epoch=0, sample=CLIP, augmentations=())
    assert not np.shares_memory(empty, clip)
    assert pl.frames_to_tensor(found).shape == (5, 3, 24, 24)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("frames", "asked", "words"),
    [
        (np.zeros((2, 8, 8, 1), np.uint8), {}, r"uint8 of shape .*, not uint8 \(2, 8, 8, 1\)"),
        (np.zeros((2, 3, 8, 8), np.uint8), {}, r"not uint8 \(2, 3, 8, 8\)"),
        (np.zeros((8, 8, 3), np.uint8), {}, r"not uint8 \(8, 8, 3\)"),
        (np.zeros((2, 8, 8, 3), np.float32), {}, "not float32"),
        (film(), {"mask": np.ones(4, bool)}, r"mask of 5 frames .* and \(4,\)"),
        (film(), {"mask": np.ones(5, int)}, "mask of 5 frames .* not torch.int64"),
        (film(), {"augmentations": ("mixup",)}, "no augmentation 'mixup': choose from augmix"),
    ],
)
def test_what_cannot_be_augmented_is_refused_in_one_line(frames, asked, words):
    with pytest.raises(pl.PainLabError, match=words) as caught:
        augment_clip(frames, seed=0, epoch=0, sample=CLIP, **asked)
    assert "\n" not in str(caught.value)
