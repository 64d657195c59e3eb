"""Any table of clips: what is read, and what is refused with file and line."""

from pathlib import Path

import numpy as np
import pytest
from trees import unlike

from painlab.datasets import Manifest, Sample, leave_one_subject_out
from painlab.errors import DataError


@pytest.fixture
def folder(tmp_path, film, monkeypatch):
    """Clips a.mp4 to d.mp4 in a folder of films, which is not the current one."""
    home = tmp_path / "home"
    (home / "films").mkdir(parents=True)
    for i, name in enumerate("abcd"):
        (home / "films" / f"{name}.mp4").write_bytes(unlike(film, i))
    monkeypatch.chdir(tmp_path)
    return home


def write(folder, *lines, name="clips.csv", end="\n", encoding="utf-8"):
    path = folder / name
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def refusal(source, **options) -> str:
    with pytest.raises(DataError) as refused:
        Manifest(source, **options)
    (line,) = str(refused.value).splitlines()
    assert line.endswith(".")
    return line


LINES = (
    "path,subject,level",
    "films/a.mp4,Anna,0",
    "films/b.mp4,Anna,PA4",
    "films/c.mp4,Ben,bl1",
    "films/d.mp4,Ben,4",
)


def expected(folder):
    return [
        Sample("Anna", 0, folder / "films" / "a.mp4", "a"),
        Sample("Anna", 4, folder / "films" / "b.mp4", "b"),
        Sample("Ben", 0, folder / "films" / "c.mp4", "c"),
        Sample("Ben", 4, folder / "films" / "d.mp4", "d"),
    ]


def test_a_manifest_is_a_sequence_of_samples(folder):
    manifest = Manifest(write(folder, *LINES))
    assert list(manifest) == expected(folder)
    assert manifest[1:3] == expected(folder)[1:3]
    assert manifest.subjects == ("Anna", "Ben")
    assert repr(manifest) == "Manifest(clips.csv: 4 clips of 2 subjects)"
    assert len(list(leave_one_subject_out(manifest))) == 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_files_as_programs_save_them(folder, separator, end, encoding):
    lines = [line.replace(",", separator) for line in ("", *LINES[:3], "", *LINES[3:])]
    assert list(Manifest(write(folder, *lines, end=end, encoding=encoding))) == expected(folder)


def test_more_columns_any_order_any_case_blanks_and_quotes(folder):
    path = write(
        folder,
        'Remark, SUBJECT ,Level,age, Path,"Sample_Name"',
        '"moved, then\nstill", Anna ,1,30,"films/a.mp4", first',
        "",
        ",Ben,2,, films/b.mp4",
        ",,,,,",
    )
    assert list(Manifest(path)) == [
        Sample("Anna", 1, folder / "films/a.mp4", "first"),
        Sample("Ben", 2, folder / "films/b.mp4", "b"),
    ]


def test_paths_start_from_the_manifest_or_from_root_or_are_absolute(folder, tmp_path):
    assert Manifest(Path("home") / write(folder, *LINES).name)[0].path == Path("home/films/a.mp4")
    (tmp_path / "lists").mkdir()
    elsewhere = write(tmp_path / "lists", *LINES)
    assert "there is no file" in refusal(elsewhere)
    assert list(Manifest(elsewhere, root=folder)) == expected(folder)
    absolute = write(tmp_path, LINES[0], f"{folder / 'films/a.mp4'},Anna,0")
    assert Manifest(absolute)[0].path == folder / "films/a.mp4"


def test_paths_written_on_windows(folder):
    manifest = Manifest(write(folder, LINES[0], r"films\a.mp4,Anna,0"))
    assert manifest[0] == expected(folder)[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("films/a.mp4,Anna,5", "level '5' is not 0 to 4 or BL1, PA1, PA2, PA3, PA4"),
        ("films/a.mp4,Anna,PA5", "level 'PA5' is not"),
        ("films/a.mp4,Anna,1.5", "level '1.5' is not"),
        ("films/a.mp4,Anna,-1", "level '-1' is not"),
        ("films/a.mp4,Anna,True", "level 'True' is not"),
        ("films/a.mp4,Anna,", "the level is empty"),
        ("films/a.mp4, ,1", "the subject is empty"),
        (",Anna,1", "the path is empty"),
        ("films/z.mp4,Anna,1", "there is no file"),
        ("films,Anna,1", "there is no file"),
        ("films/a.mp4,Anna", "2 cells stand under 3 columns"),
        ("films/a.mp4,Anna,1,more", "4 cells stand under 3 columns"),
        ("films/a.mp4;Anna;1", "1 cells stand under 3 columns"),
        ("films/a.mp4 Anna 1", "1 cells stand under 3 columns"),
        ('"films/a.mp4,Anna,1', "not closed"),
        ("films/c.mp4,Ben,bl1", "is there already"),
        ("films/../films/c.mp4,Anna,1", "is there already"),
        ("films/a.mp4,ben,1", "subject 'ben' differs from 'Ben'"),
    ],
)
def test_a_bad_line_is_named(folder, line, words):
    path = write(folder, LINES[0], LINES[3], "", line, LINES[4])
    message = refusal(path)
    assert message.startswith(f"{path}, line 4: ")
    assert words in message


def test_lines_are_counted_through_cells_of_several_lines(folder):
    path = write(
        folder, f"{LINES[0]},remark", f'{LINES[1]},"one\n\ntwo"', f"{LINES[2]},", "x,Ben,9,"
    )
    assert refusal(path).startswith(f"{path}, line 6: level '9'")


def test_what_was_there_already_is_named_too(folder):
    path = write(folder, *LINES, "films/a.mp4,Ben,3")
    assert f"line 6: the clip {folder / 'films/a.mp4'} is there already" in refusal(path)
    assert f"({path}, line 2)" in refusal(path)


def test_other_bad_lines_are_counted(folder):
    path = write(folder, *LINES[:2], "films/y.mp4,Anna,1", "films/b.mp4,Anna,9", "x,Anna,1")
    assert "line 3" in refusal(path)
    assert refusal(path).endswith("; 2 more such places.")


def test_blanks_around_a_subjects_name_are_dropped(folder):
    manifest = Manifest(write(folder, *LINES[:2], "films/b.mp4, Anna ,1", "films/c.mp4,Ben,1"))
    assert manifest.subjects == ("Anna", "Ben")


def test_two_clips_of_a_subject_need_two_names(folder, film):
    (folder / "more").mkdir()
    (folder / "more" / "a.mp4").write_bytes(unlike(film, 9))
    message = refusal(write(folder, *LINES, "more/a.mp4,Anna,1"))
    assert "line 6: the name 'a' of a clip of subject Anna is there already" in message
    assert "a column sample_name" in message
    manifest = Manifest(write(folder, *LINES, "more/a.mp4,Cem,1"))
    assert [sample.sample_name for sample in manifest] == ["a", "b", "c", "d", "a"]


def test_one_film_under_two_names_is_refused(folder, film):
    (folder / "films" / "e.mp4").write_bytes(unlike(film, 0))  # as a.mp4
    message = refusal(write(folder, *LINES, "films/e.mp4,Cem,0"))
    for words in ("a.mp4 of subject Anna", "e.mp4 of subject Cem", "byte for byte"):
        assert words in message
    assert len(Manifest(write(folder, *LINES, "films/e.mp4,Anna,0"))) == 5


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "is empty"),
        (("", " "), "is empty"),
        (LINES[1:], "line 1: no column is named path, subject, level"),
        (("path,subject", "a,b"), "line 1: no column is named level"),
        (("path;person;level", "a;b;1"), "line 1: no column is named subject"),
        (("path,subject,level,Subject", "a,b,1,c"), "line 1: the column subject is there twice"),
        (LINES[:1], "lists no clips"),
    ],
)
def test_a_bad_table_is_named(folder, lines, words):
    message = refusal(write(folder, *lines))
    assert "clips.csv" in message
    assert words in message


def test_what_is_no_text_is_refused(folder):
    excel = write(folder, *LINES, name="a.csv", encoding="utf-16")
    assert "a.csv, line 1: this is not UTF-8 text" in refusal(excel)
    latin = write(folder, *LINES, "films/ä.mp4,Änne,1", name="b.csv", encoding="latin-1")
    assert "b.csv, line 6: this is not UTF-8 text" in refusal(latin)
    naught = write(folder, *LINES, name="c.csv", encoding="utf-16-le")
    assert "c.csv, line 1" in refusal(naught)
    assert "none.csv cannot be read: No such file" in refusal(folder / "none.csv")
    assert "cannot be read: Is a directory" in refusal(folder)


class Frame:
    """What `Manifest` asks of a DataFrame, and no more."""

    def __init__(self, **columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


def frame_columns():
    return {
        "Path": ["films/a.mp4", Path("films/b.mp4"), "films/c.mp4"],
        "age": [1, None, 3],
        "subject": [" 7", np.int64(7), np.float64(8.0)],
        "level": [np.int64(4), "pa1", np.float64(0.0)],
    }


def numbers(folder):
    return [
        Sample("7", 4, folder / "films/a.mp4", "a"),
        Sample("7", 1, folder / "films/b.mp4", "b"),
        Sample("8", 0, folder / "films/c.mp4", "c"),
    ]


def test_a_frame_by_what_it_can_do(folder, monkeypatch):
    manifest = Manifest(Frame(**frame_columns()), root=folder)
    assert list(manifest) == numbers(folder)
    assert repr(manifest) == "Manifest(Frame: 3 clips of 2 subjects)"
    assert "Frame, row 0 (counted from 0): there is no file films" in refusal(
        Frame(**frame_columns())
    )
    monkeypatch.chdir(folder)
    assert Manifest(Frame(**frame_columns()))[2].path == Path("films/c.mp4")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("level", float("nan"), "the level is empty"),
        ("level", None, "the level is empty"),
        ("level", 2.5, "level '2.5' is not"),
        ("level", float("inf"), "level 'inf' is not"),
        ("level", True, "level 'True' is not"),
        ("subject", None, "the subject is empty"),
        ("subject", float("nan"), "the subject is empty"),
        ("Path", "films/z.mp4", "there is no file"),
    ],
)
def test_a_bad_row_of_a_frame_is_named(folder, column, value, words):
    columns = frame_columns()
    columns[column][1] = value
    assert f"Frame, row 1 (counted from 0): {words}" in refusal(Frame(**columns), root=folder)


def test_a_frame_without_a_column(folder):
    columns = frame_columns()
    del columns["level"]
    assert "Frame: the column level is missing" in refusal(Frame(**columns), root=folder)
    columns["level"] = columns["LEVEL"] = [0, 1, 2]
    assert "Frame: the column level is there twice" in refusal(Frame(**columns), root=folder)


def test_other_things_are_no_manifest():
    assert "not list" in refusal([("a.mp4", "Anna", 0)])
    assert "not dict" in refusal({"path": []})


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_real_frame(folder, library):
    frames = pytest.importorskip(library)
    path = write(folder, "path,subject,level,age", *(f"{line},30" for line in LINES[1:]))
    assert list(Manifest(frames.read_csv(path), root=folder)) == expected(folder)
    columns = {"path": ["films/a.mp4", "films/b.mp4"], "subject": [7, 8], "level": [3, None]}
    with_a_gap = frames.DataFrame(columns)
    assert "DataFrame, row 1 (counted from 0): the level is empty" in refusal(
        with_a_gap, root=folder
    )
    whole = Manifest(with_a_gap[:1], root=folder)
    assert list(whole) == [Sample("7", 3, folder / "films/a.mp4", "a")]


def test_a_path_too_long_for_the_disk_names_its_line(folder):
    said = refusal(write(folder, *LINES[:2], "x" * 300 + ".mp4,Bea,1"))
    assert "line 3" in said
    assert "cannot be looked up" in said


def test_invisible_letters_make_no_second_person(folder):
    said = refusal(write(folder, *LINES[:2], "films/b.mp4,An\u200bna,1"))
    assert "Anna" in said
