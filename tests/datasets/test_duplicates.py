"""Equal films are found, unequal ones are not, and little is read for it."""

import hashlib

import pytest

from painlab.datasets import Sample, duplicates
from painlab.datasets.duplicates import find_duplicates, refuse_shared_clips
from painlab.errors import DataError

LONG = 600_000  # more than the beginning, middle and end that are looked at first


def write(folder, **contents):
    """One sample a file; its subject is the first letter of the file's name."""
    samples = []
    for name, content in contents.items():
        path = folder / f"{name}.mp4"
        path.write_bytes(content)
        samples.append(Sample(name[0], 0, path, name))
    return samples


def names(groups):
    return [[sample.sample_name for sample in group] for group in groups]


@pytest.fixture
def read(monkeypatch):
    """The files that were read through for their SHA-256."""
    through = []

    def content(path):
        through.append(path.stem)
        return hashlib.sha256(path.read_bytes()).digest()

    monkeypatch.setattr(duplicates, "_content", content)
    return through


def test_equal_files_are_found_and_few_are_read(tmp_path, read):
    whole = bytes(range(250)) * (LONG // 250)
    begins_alike = whole[:-1] + b"x"
    inside = whole[:100_000] + b"x" + whole[100_001:]
    samples = write(tmp_path, a1=whole, b1=whole, c1=begins_alike, d1=inside, e1=b"short")
    assert names(find_duplicates(samples)) == [["a1", "b1"]]
    # only where size, beginning, middle and end agree is a file read through
    assert read == ["a1", "b1", "d1"]


def test_one_subjects_own_duplicates_are_told_when_asked_for(tmp_path, read):
    samples = write(tmp_path, a1=b"one", a2=b"one", b1=b"two!", b2=b"two!", c1=b"two!")
    assert names(find_duplicates(samples)) == [["b1", "b2", "c1"]]
    assert "a1" not in read
    assert names(find_duplicates(samples, across_subjects=False)) == [
        ["a1", "a2"], ["b1", "b2", "c1"],
    ]  # fmt: skip


def test_what_has_no_content_is_no_duplicate(tmp_path):
    samples = write(tmp_path, a1=b"", b1=b"", c1=b"one", d1=b"one")
    samples[2].path.unlink()
    samples += [Sample("e", 0, None, "e1"), Sample("f", 0, None, "f1")]
    assert find_duplicates(samples) == []


def test_a_link_is_the_same_film(tmp_path):
    (sample,) = write(tmp_path, a1=b"one")
    (tmp_path / "b1.mp4").symlink_to(sample.path)
    linked = Sample("b", 0, tmp_path / "b1.mp4", "b1")
    assert names(find_duplicates([sample, linked])) == [["a1", "b1"]]


def test_the_refusal_names_two_subjects_and_counts_the_others(tmp_path):
    samples = write(tmp_path, a1=b"one", a2=b"one", b1=b"one", c1=b"three", d1=b"three")
    with pytest.raises(DataError) as refused:
        refuse_shared_clips(samples)
    assert "a1.mp4 of subject a and" in str(refused.value)
    assert "b1.mp4 of subject b are" in str(refused.value)
    assert "(and 1 more film)" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    refuse_shared_clips(samples[:2])


def test_spellings_of_one_name_are_one_subject(tmp_path):
    samples = write(tmp_path, a1=b"one", A2=b"one")
    assert find_duplicates(samples) == []
    assert names(find_duplicates(samples, across_subjects=False)) == [["a1", "A2"]]


def test_a_file_that_cannot_be_read_is_said(tmp_path, monkeypatch):
    samples = write(tmp_path, a1=b"one", b1=b"one")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(duplicates, "_glimpse", refuse)
    with pytest.raises(DataError, match=r"a1\.mp4 cannot be read: Permission denied"):
        find_duplicates(samples)
