"""Truth files: the same bytes for the same truth, and nothing executed on reading."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthpain_trees import one_line

from painlab.datasets.synthpain.truth import Truth, moved_pixels, read_truth, write_truth
from painlab.errors import DataError


def some_truth(frames=3, height=5, width=7, seed=0) -> Truth:
    rng = np.random.default_rng(seed)
    shapes = {
        "actions": (52,), "without_pain": (52,), "intensity": (), "pose": (6,), "gaze": (2,),
        "landmarks": (68, 3), "rotation": (3, 3), "translation": (3,), "focal": (),
    }  # fmt: skip
    arrays = {n: rng.normal(size=(frames, *s)).astype(np.float32) for n, s in shapes.items()}
    return Truth(**arrays, moved=rng.random((frames, height, width)) < 0.3)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_what_is_written_is_read(tmp_path_factory, frames, height, width, seed):
    folder = tmp_path_factory.mktemp("truth")
    truth = some_truth(frames, height, width, seed)
    size = write_truth(folder / "part", folder / "a.npz", truth)
    assert [path.name for path in folder.iterdir()] == ["a.npz"]
    assert (folder / "a.npz").stat().st_size == size
    read = read_truth(folder / "a.npz")
    for field in fields(Truth):
        assert np.array_equal(getattr(read, field.name), getattr(truth, field.name))
        assert getattr(read, field.name).dtype == getattr(truth, field.name).dtype


def test_the_same_truth_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_truth(tmp_path / "part", tmp_path / name, some_truth())
    write_truth(tmp_path / "part", tmp_path / "c", some_truth(seed=1))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_masks_are_packed_and_the_rest_is_as_named(tmp_path):
    truth = some_truth(4, 16, 16)
    write_truth(tmp_path / "part", tmp_path / "a.npz", truth)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert file["moved_bits"].shape == (4, 32)
        assert file["moved_size"].tolist() == [16, 16]
        assert set(file.files) == {field.name for field in fields(Truth)} - {"moved"} | {
            "moved_bits",
            "moved_size",
        }


def test_repr_tells_what_is_in_it():
    assert "3 frames, 7×5" in repr(some_truth())


def test_moved_pixels_are_those_two_grey_levels_apart_in_any_channel():
    shown = torch.full((1, 2, 3, 3), 100, dtype=torch.uint8)
    calm = shown.clone()
    calm[0, 0, 0] = torch.tensor([101, 99, 100])  # one level: not moved
    calm[0, 0, 1, 2] = 102
    calm[0, 1, 0, 0] = 98
    shown[0, 1, 2], calm[0, 1, 2] = 0, 255  # no wrapping round
    assert moved_pixels(shown, calm).tolist() == [[[False, True, False], [True, False, True]]]


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError) as error:
        read_truth(tmp_path / "none.npz")
    one_line(error, "none.npz", "no such truth file")


def test_every_way_of_being_cut_short(tmp_path):
    path = tmp_path / "a.npz"
    write_truth(tmp_path / "part", path, some_truth())
    data = path.read_bytes()
    for length in (*range(0, len(data), 97), len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(DataError) as error:
            read_truth(path)
        one_line(error, path, "damaged")


def test_a_flipped_bit_never_passes_unseen(tmp_path):
    path = tmp_path / "a.npz"
    write_truth(tmp_path / "part", path, some_truth())
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :])
    with pytest.raises(DataError, match="damaged"):
        read_truth(path)


def test_foreign_arrays_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    truth = some_truth()
    arrays = {f.name: getattr(truth, f.name) for f in fields(Truth) if f.name != "moved"}
    bits = {"moved_bits": np.zeros((3, 5), np.uint8), "moved_size": np.array([5, 7])}
    np.savez(path, **{**arrays, **bits})
    assert not read_truth(path).moved.any()
    for wrong in (
        arrays,  # no mask
        {**arrays, **bits, "moved_size": np.array([9, 9])},
        {**arrays, **bits, "moved_bits": np.zeros(5, np.uint8)},
        {"something": np.zeros(3)},
    ):
        np.savez(path, **wrong)
        with pytest.raises(DataError, match="damaged or no truth"):
            read_truth(path)


class Trap:
    """Unpickling this would make a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.folder),)


def test_nothing_is_unpickled(tmp_path):
    path, trap = tmp_path / "a.npz", tmp_path / "sprung"
    np.savez(path, moved_size=np.array([Trap(trap)], dtype=object))
    with pytest.raises(DataError, match="damaged or no truth"):
        read_truth(path)
    path.write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(DataError, match="damaged or no truth"):
        read_truth(path)
    assert not trap.exists()


def test_flipped_bits_are_refused_in_one_line_or_change_nothing(tmp_path):
    """Wherever they are: in the zip's headers, in NumPy's, or in what zlib packed."""
    path, truth = tmp_path / "a.npz", some_truth(2, 8, 8)
    write_truth(tmp_path / "part", path, truth)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    said = []
    for _ in range(400):
        content = bytearray(whole)
        for place in rng.integers(len(content), size=rng.choice([1, 3, 20])):
            content[place] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        try:
            read_truth(path)
        except DataError as error:
            said.append(str(error))
    assert len(said) > 300
    assert not any("\n" in line for line in said)
