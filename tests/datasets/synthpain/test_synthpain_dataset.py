"""SynthPain as a sequence of samples, with and without a disk."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from hashlib import sha256
from multiprocessing import get_context

import numpy as np
import pytest
from synthpain_trees import SMALL, one_line

from painlab.datasets.biovid import BioVid
from painlab.datasets.synthpain.dataset import PRESETS, SynthPain
from painlab.datasets.synthpain.files import present_clips, truth_path
from painlab.datasets.synthpain.settings import ClipKey, Settings, programs_digest
from painlab.datasets.synthpain.subjects import draw_subject
from painlab.datasets.synthpain.truth import Truth, make_clip
from painlab.datasets.tasks import Sample
from painlab.errors import DataError


@pytest.fixture(scope="module")
def data():
    return SynthPain(**SMALL)


def test_presets_are_those_of_the_issue():
    sizes = {
        name: (s.subjects, s.per_level, s.frames, s.seed, s.size) for name, s in PRESETS.items()
    }
    assert sizes == {
        "tiny": (4, 1, 12, 0, 224),
        "small": (12, 6, 35, 0, 224),
        "full": (87, 20, 138, 0, 224),
    }
    assert PRESETS["full"].clips == 8700


def test_it_is_a_sequence_of_samples(data):
    assert isinstance(data, Sequence)
    assert len(data) == 10
    assert [sample.level for sample in data] == [0, 1, 2, 3, 4] * 2
    assert all(sample.path is None for sample in data)
    assert data[-1] == list(data)[9]
    assert data[2:4] == [data[2], data[3]]
    names = [draw_subject(3, index).name for index in (0, 1)]
    assert [sample.subject for sample in data] == [names[0]] * 5 + [names[1]] * 5
    assert [sample.sample_name for sample in data[:2]] == [
        f"{names[0]}-BL1-005",
        f"{names[0]}-PA1-001",
    ]
    assert "2 subjects × 5 levels × 1 clip of 6 frames, 48×48, seed 3" in repr(data)


def test_the_whole_is_there_without_a_single_picture(monkeypatch):
    monkeypatch.setitem(sys.modules, "painlab.datasets.synthpain.render", None)
    data = SynthPain()
    assert len(data) == len({sample.sample_name for sample in data}) == 8700
    assert len(data.subjects) == 87
    assert data[-1].sample_name.endswith("-PA4-080")
    assert data.motion(data[-1]).actions.shape == (138, 52)


def test_a_tree_is_what_biovid_reads_there(whole):
    data = SynthPain(whole)
    assert list(data) == list(BioVid(whole))
    assert all(sample.path.is_file() for sample in data)
    assert str(whole) in repr(data)
    assert [(s.subject, s.level, s.sample_name) for s in data] == [
        (s.subject, s.level, s.sample_name) for s in SynthPain(**SMALL)
    ]


def test_subject_and_motion_belong_to_the_clip(data):
    for index in (0, 7):
        subject, motion = data.subject(data[index]), data.motion(data[index])
        assert subject.name == data[index].subject
        assert subject.index == index // 5
        assert len(motion.actions) == 6


def test_render_gives_one_clip_or_several(data):
    one = data.render(data[3])
    several = data.render(data[2:4])
    assert tuple(one.shape) == (6, 48, 48, 3)
    assert tuple(several.shape) == (2, 6, 48, 48, 3)
    assert (several[1] == one).all()
    assert (several[0] != one).any()
    assert len(one.unique()) > 50


def test_pain_can_be_left_out(data):
    calm, level_4 = data[0], data[4]
    assert (data.render(calm) == data.render(calm, pain=False)).all()
    motion = data.motion(level_4)
    assert motion.intensity.max() > 0.1  # this clip shows pain, so that there is something to see
    assert (data.render(level_4) != data.render(level_4, pain=False)).any()


@pytest.mark.parametrize("index", range(0, 10, 3))
def test_truth_is_that_of_the_two_renderings(data, whole, index):
    sample, written = data[index], SynthPain(whole)
    truth, read = data.truth(sample), written.truth(written[index])
    for field in fields(Truth):
        ours, theirs = getattr(truth, field.name), getattr(read, field.name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs), field.name
    shown, calm = (data.render(sample, pain=pain).numpy().astype(int) for pain in (True, False))
    assert np.array_equal(truth.moved, (abs(shown - calm) >= 2).any(axis=-1))
    motion = data.motion(sample)
    assert np.array_equal(truth.actions, motion.actions)
    assert np.array_equal(truth.pose, motion.pose)
    assert truth.moved.any() == (sample.level > 0 and motion.intensity.max() > 0)


def test_a_clip_does_not_depend_on_how_many_there_are():
    few = SynthPain(**SMALL)
    many = SynthPain(**{**SMALL, "subjects": 5, "per_level": 3})
    assert few[9].sample_name != many[42 - 15].sample_name
    other = next(s for s in many if many.key(s) == few.key(few[9]))
    assert (few.render(few[9]) == many.render(other)).all()


def test_another_seed_shows_other_people():
    ours, others = SynthPain(**SMALL), SynthPain(**{**SMALL, "seed": 4})
    assert ours.subjects != others.subjects
    assert (ours.render(ours[0]) != others.render(others[0])).any()


def digest(key: tuple[int, int, int]) -> str:
    """A clip's pictures before they are encoded, and its truth, as one number."""
    frames, truth = make_clip(Settings(**SMALL), ClipKey(*key), device="cpu")
    parts = [frames.numpy(), *(getattr(truth, field.name) for field in fields(Truth))]
    return sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.mark.slow
def test_clips_are_the_same_in_any_order_and_in_any_process(data):
    keys = [tuple(data.key(data[index])) for index in (0, 3, 4, 5, 8, 9)]
    forward = [digest(key) for key in keys]
    assert len(set(forward)) == 6
    assert [digest(key) for key in reversed(keys)][::-1] == forward
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(digest, reversed(keys)))[::-1] == forward


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("subjects", 0, "must lie in 1 to"),
        ("per_level", -1, "must lie in 1 to"),
        ("seed", True, "whole number, not True"),
        ("seed", -1, "must lie in 0 to"),
        ("size", 47, "even"),
        ("size", 8, "must lie in 16 to"),
    ],
)
def test_settings_that_cannot_be(name, value, words):
    with pytest.raises(DataError, match=words) as error:
        Settings(**{**SMALL, name: value})
    one_line(error, name)


def test_foreign_samples_are_refused(data):
    stranger = Sample("nobody_w_20", 0, None, "nobody_w_20-BL1-001")
    for use in (data.subject, data.motion, data.render, data.truth, data.key):
        with pytest.raises(DataError) as error:
            use(stranger)
        one_line(error, "nobody_w_20-BL1-001")
    with pytest.raises(DataError) as error:
        data.render([])
    one_line(error, "give one of")


def test_given_settings_must_be_the_trees(whole):
    assert len(SynthPain(whole, subjects=2, size=48)) == 10
    with pytest.raises(DataError) as error:
        SynthPain(whole, frames=7, seed=3, subjects=4)
    one_line(error, whole, "subjects 2, not 4", "frames 6, not 7")
    assert "seed" not in str(error.value)


def test_a_folder_that_holds_no_synthpain(tmp_path):
    with pytest.raises(DataError) as error:
        SynthPain(tmp_path)
    one_line(error, tmp_path, "synthpain.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"data": "BioVid"}', "\udcff"])
def test_a_damaged_settings_file(copy, text):
    path = copy / "synthpain.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError) as error:
        SynthPain(copy)
    one_line(error, path, "damaged")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("format", 2, "has format 2"),
        ("seed", "3", "damaged"),
        ("size", None, "damaged"),
        ("frames", 6.0, "damaged"),
        ("subjects", -2, "damaged"),
    ],
)
def test_a_settings_file_with_another_content(copy, name, value, words):
    path = copy / "synthpain.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(DataError, match=words) as error:
        SynthPain(copy)
    one_line(error, path)


def test_a_half_done_tree_is_refused(copy):
    data = SynthPain(copy)
    data[3].path.unlink()
    truth_path(copy, data[6].subject, data[6].sample_name).unlink()
    assert len(present_clips(copy)) == 8
    with pytest.raises(DataError) as error:
        SynthPain(copy)
    one_line(error, copy, "8 of 10 clips", f"painlab synth {copy}")


def test_a_tree_without_its_table_is_half_done(copy):
    (copy / "PartA" / "starting_point" / "samples.csv").unlink()
    with pytest.raises(DataError) as error:
        SynthPain(copy)
    one_line(error, "10 of 10 clips")


def test_the_programs_digest_knows_what_pictures_depend_on(whole):
    assert json.loads((whole / "synthpain.json").read_text())["programs"] == programs_digest()
    assert len(programs_digest()) == 16


@pytest.mark.parametrize("told", ['{"format": 1e999, "data": "SynthPain"}', "[" * 100_000])
def test_settings_that_are_no_settings_are_refused(tmp_path, told):
    (tmp_path / "synthpain.json").write_text(told)
    with pytest.raises(DataError) as error:
        SynthPain(tmp_path)
    one_line(error, "damaged or not SynthPain's")


@pytest.mark.parametrize("wrong", ["x", 0, None, [0], []])
def test_only_samples_are_rendered(wrong):
    data = SynthPain(subjects=1, per_level=1, frames=2)
    with pytest.raises((DataError, TypeError)) as error:  # or the type check that tests switch on
        data.render(wrong)
    if isinstance(error.value, DataError):
        one_line(error, "give one of")


def test_lost_truth_files_are_told_of(copy):
    from painlab.datasets.check import check_data

    assert check_data(copy).ok
    lost = SynthPain(copy)[2]
    truth_path(copy, lost.subject, lost.sample_name).unlink()
    report = check_data(copy)
    assert not report.ok
    assert f"1 of 10 clips have no truth file, the first of them {lost.sample_name}" in (
        " ".join(report.text().split())
    )
