"""SynthPain onto a disk: what is written, what is gone on with, what is refused."""

import errno
import os
import shutil
import zipfile
from collections import namedtuple

import numpy as np
import pytest
from synthpain_trees import SMALL, contents, one_line

from painlab.datasets.synthpain import files, workers, writer
from painlab.datasets.synthpain.dataset import SynthPain
from painlab.datasets.synthpain.settings import Settings
from painlab.datasets.synthpain.writer import write_synthpain, write_tree
from painlab.errors import DataError
from painlab.video import read_video, video_info

SETTINGS = Settings(**SMALL)


@pytest.fixture
def made(monkeypatch):
    """The clips that are made from here on."""
    keys, write_clip = [], writer.write_clip

    def counted(root, settings, key):
        keys.append(key)
        return write_clip(root, settings, key)

    monkeypatch.setattr(writer, "write_clip", counted)
    return keys


def test_the_tree_is_biovids_with_the_truth_beside_it(whole):
    expected = {"synthpain.json", "PartA/starting_point/samples.csv"}
    for sample in SynthPain(**SMALL):
        place = f"{sample.subject}/{sample.sample_name}"
        expected |= {f"PartA/video/{place}.mp4", f"truth/{place}.npz"}
    assert set(contents(whole)) == expected
    assert not (whole / files.SCRATCH).exists()


def test_the_table_has_biovids_columns(whole):
    text = (whole / "PartA" / "starting_point" / "samples.csv").read_bytes().decode()
    lines = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    assert lines[0] == [
        *("subject_id", "subject_name", "class_id", "class_name", "sample_id", "sample_name")
    ]
    data = SynthPain(whole)
    assert lines[1] == ["1", data[0].subject, "0", "BL1", "1", data[0].sample_name]
    assert lines[10] == ["2", data[9].subject, "4", "PA4", "10", data[9].sample_name]
    assert len(lines) == 11


def test_the_videos_show_what_is_rendered(whole):
    data = SynthPain(whole)
    for sample in data[3:5]:
        clip, rendered = read_video(sample.path), data.render(sample).numpy()
        assert clip.fps == pytest.approx(25 / 23)  # six of the 138
        assert clip.frames.shape == rendered.shape == (6, 48, 48, 3)
        apart = abs(clip.frames.astype(int) - rendered.astype(int))
        others = abs(clip.frames.astype(int) - data.render(data[9]).numpy().astype(int))
        assert apart.mean() < 6  # H.264 halves the resolution of colours
        assert apart.mean() < others.mean() / 3
    assert video_info(data[0].path).duration == pytest.approx(5.52)


def test_a_second_run_makes_the_same_bytes(whole, tmp_path):
    write_synthpain(tmp_path / "again", **SMALL, processes=1)
    assert contents(tmp_path / "again") == contents(whole)


def test_writing_gives_the_data_set(whole, made):
    data = write_synthpain(whole, **SMALL)
    assert list(data) == list(SynthPain(whole))
    assert made == []


def test_a_run_goes_on_where_another_ended(whole, copy, made):
    data = SynthPain(copy)
    data[2].path.unlink()
    files.truth_path(copy, data[4].subject, data[4].sample_name).unlink()
    shutil.rmtree(data[5].path.parent)  # five clips of the second subject
    (copy / "PartA" / "starting_point" / "samples.csv").unlink()
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*.mp4")}
    done = write_tree(copy, SETTINGS)
    assert (done.clips, done.made) == (10, 7)
    assert sorted(made) == [(0, 2, 0), (0, 4, 0), *((1, level, 0) for level in range(5))]
    assert contents(copy) == contents(whole)
    kept = [path for path in before if path.parent == data[0].path.parent]
    assert sum(path.stat().st_mtime_ns == before[path] for path in kept) == 3


def test_what_a_killed_run_leaves_is_cleared_away(whole, copy, made):
    SynthPain(copy)[7].path.unlink()
    scratch = copy / files.SCRATCH
    scratch.mkdir()
    (scratch / "123.mp4.part").write_bytes(b"half a video")
    write_tree(copy, SETTINGS)
    assert contents(copy) == contents(whole)
    assert made == [(1, 2, 0)]


def test_scratch_is_cleared_also_when_nothing_is_to_be_made(whole, copy, made):
    (copy / files.SCRATCH).mkdir()
    (copy / files.SCRATCH / "1.npz").write_bytes(b"x")
    write_tree(copy, SETTINGS)
    assert contents(copy) == contents(whole)
    assert not (copy / files.SCRATCH).exists()
    assert made == []


def test_a_run_that_ended_before_the_settings_were_written(whole, tmp_path):
    (tmp_path / "new" / files.SCRATCH).mkdir(parents=True)
    write_tree(tmp_path / "new", SETTINGS)
    assert contents(tmp_path / "new") == contents(whole)


def test_files_cut_short_are_made_again(whole, copy, made):
    data = SynthPain(copy)
    video, truth = data[1].path, files.truth_path(copy, data[8].subject, data[8].sample_name)
    for path in (video, truth):
        path.write_bytes(path.read_bytes()[:-7])
    data[3].path.write_bytes(b"")
    write_tree(copy, SETTINGS)
    assert sorted(made) == [(0, 1, 0), (0, 3, 0), (1, 3, 0)]
    assert contents(copy) == contents(whole)


def test_any_length_but_the_whole_is_no_whole_video(whole, tmp_path):
    data = SynthPain(whole)[0].path.read_bytes()
    path = tmp_path / "a.mp4"
    for length in range(0, len(data), 61):
        path.write_bytes(data[:length])
        assert not files._whole_mp4(path)
    path.write_bytes(data + b"\0")
    assert not files._whole_mp4(path)
    path.write_bytes(data)
    assert files._whole_mp4(path)
    head = (1).to_bytes(4) + b"mdat" + (24).to_bytes(8) + bytes(8)  # a length of eight bytes
    path.write_bytes(head + (8).to_bytes(4) + b"moov")
    assert files._whole_mp4(path)


def test_a_table_that_was_changed_is_written_again(whole, copy, made):
    (copy / "PartA" / "starting_point" / "samples.csv").write_text("something else\n")
    write_tree(copy, SETTINGS)
    assert contents(copy) == contents(whole)
    assert made == []


def test_an_interruption_leaves_what_is_finished(whole, tmp_path, monkeypatch):
    write_clip, calls = writer.write_clip, []

    def stopped(root, settings, key):
        calls.append(key)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return write_clip(root, settings, key)

    root = tmp_path / "stopped"
    monkeypatch.setattr(writer, "write_clip", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_tree(root, SETTINGS)
    there = contents(root)
    assert len(there) == 7  # three clips and the settings
    assert not (root / files.SCRATCH).exists()
    assert there.items() < contents(whole).items()
    with pytest.raises(DataError, match="3 of 10 clips"):
        SynthPain(root)
    monkeypatch.setattr(writer, "write_clip", write_clip)
    write_tree(root, SETTINGS)
    assert contents(root) == contents(whole)


def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(DataError) as error:
        write_tree(tmp_path / "full", SETTINGS)
    one_line(error, tmp_path / "full", "No space left on device")
    assert set(contents(tmp_path / "full")) == {"synthpain.json"}


def test_other_settings_are_refused(copy, whole, made):
    with pytest.raises(DataError) as error:
        write_synthpain(copy, **{**SMALL, "frames": 7})
    one_line(error, copy, "frames 6, not 7", "another folder")
    assert contents(copy) == contents(whole)
    assert made == []


def test_a_tree_begun_by_another_version_is_refused(copy, whole, monkeypatch):
    monkeypatch.setattr(writer, "programs_digest", lambda: "0123456789abcdef")
    assert write_tree(copy, SETTINGS).made == 0  # what is complete needs no programs
    SynthPain(copy)[0].path.unlink()
    with pytest.raises(DataError) as error:
        write_tree(copy, SETTINGS)
    one_line(error, copy, "another version")
    assert not (copy / files.SCRATCH).exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "PartA").mkdir()
    with pytest.raises(DataError) as error:
        write_tree(tmp_path, SETTINGS)
    one_line(error, tmp_path, "not empty")
    assert [path.name for path in tmp_path.iterdir()] == ["PartA"]


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError) as error:
        write_tree(tmp_path / "file", SETTINGS)
    one_line(error, tmp_path / "file", "cannot be written")


def test_two_runs_in_one_folder_are_refused(copy):
    with files.sole_writer(copy), pytest.raises(DataError) as error:
        write_tree(copy, SETTINGS)
    one_line(error, copy, "another painlab synth")
    assert write_tree(copy, SETTINGS).made == 0


def test_a_small_disk_is_refused_before_the_work(tmp_path, monkeypatch, made):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10_000, 10_000))
    with pytest.raises(DataError) as error:
        write_tree(tmp_path / "new", SETTINGS)
    one_line(error, tmp_path / "new", "10 kB are free")
    assert made == []


@pytest.mark.parametrize("processes", [0, -2])
def test_processes_that_cannot_be(tmp_path, processes):
    with pytest.raises(DataError, match="from 1 on") as error:
        write_tree(tmp_path / "new", SETTINGS, processes=processes)
    one_line(error)
    assert not (tmp_path / "new").exists()


def test_progress_goes_to_the_standard_error_stream(whole, copy, capsys):
    for sample in SynthPain(copy)[2:]:
        sample.path.unlink()
    write_tree(copy, SETTINGS, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "10 clips, 2 of them there already: about " in shown.err
    assert "with 1 process (a first guess)" in shown.err
    assert "10/10" in shown.err
    write_tree(copy, SETTINGS, progress=True)
    assert capsys.readouterr().err == ""


def test_the_archive_carries_no_date(whole):
    path = next((whole / "truth").rglob("*.npz"))
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_workers_write_the_same_tree(whole, tmp_path):
    root = tmp_path / "two"
    write_synthpain(root, **SMALL, processes=2)
    assert contents(root) == contents(whole)


def test_the_death_of_a_worker_is_said_in_one_line(whole, copy, monkeypatch):
    for sample in SynthPain(copy):
        sample.path.unlink()
    crew, start = [], workers.Worker.__init__

    def started(self, root, settings):
        start(self, root, settings)
        crew.append(self)
        if len(crew) == 2:
            self.process.kill()

    monkeypatch.setattr(workers.Worker, "__init__", started)
    with pytest.raises(DataError) as error:
        write_tree(copy, SETTINGS, processes=2)
    one_line(error, copy, "SIGKILL", "start again")
    assert len(crew) == 2
    assert all(worker.process.returncode is not None for worker in crew)
    assert not (copy / files.SCRATCH).exists()
    monkeypatch.undo()
    write_tree(copy, SETTINGS, processes=1)
    assert contents(copy) == contents(whole)


def test_what_goes_wrong_in_a_worker_is_told(copy):
    """Its folder is not there: the worker cannot write, and says so."""
    keys = [SynthPain(copy).key(sample) for sample in SynthPain(copy)[:2]]
    with pytest.raises(DataError) as error:
        list(workers.write_clips(copy, SETTINGS, keys, processes=1))
    one_line(error, copy, "cannot be written")


def test_a_run_stopped_before_its_first_folder_is_gone_on_with(tmp_path, monkeypatch):
    """The settings are there first: folders alone would be taken for somebody else's."""
    from painlab.datasets.synthpain import writer

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_make_folders", stop)
        with pytest.raises(KeyboardInterrupt):
            write_synthpain(tmp_path, **SMALL, processes=1)
    assert (tmp_path / "synthpain.json").is_file()
    assert not (tmp_path / "PartA").exists()
    assert len(write_synthpain(tmp_path, **SMALL, processes=1)) == 10


def test_numpys_numbers_become_pythons():
    """Which alone go into JSON; without the types that tests check, they can come in."""
    import numpy as np

    from painlab.datasets.synthpain.settings import Settings

    settings = Settings()
    object.__setattr__(settings, "subjects", np.int64(3))
    settings.__post_init__()
    assert type(settings.subjects) is int
