"""BioVid's folders, whole and with every kind of damage: read rightly, or refused in one line."""

import pytest
from trees import HEADER, PEOPLE, Tree, unlike

from painlab.datasets import BioVid, Sample, leave_one_subject_out
from painlab.datasets.biovid import read_tree
from painlab.errors import DataError


def samples_of(tree):
    """What a tree without damage must give, taken from its files' names."""
    levels = {"BL1": 0, "PA1": 1, "PA2": 2, "PA3": 3, "PA4": 4}
    return [
        Sample(path.parent.name, levels[path.stem.split("-")[1]], path, path.stem)
        for path in tree.clips
    ]


def refusal(root, **options) -> str:
    with pytest.raises(DataError) as refused:
        BioVid(root, **options)
    (line,) = str(refused.value).splitlines()
    assert line.endswith(".")
    return line


def test_a_whole_tree(tree):
    data = BioVid(tree.root)
    assert list(data) == samples_of(tree)
    assert data.subjects == PEOPLE
    assert repr(data) == "BioVid(biovid: 15 clips of 3 subjects)"
    assert len(list(leave_one_subject_out(data))) == 3
    assert list(BioVid(str(tree.root))) == list(data)
    assert list(BioVid(tree.root / "PartA")) == list(data)


def test_the_order_is_the_tables(tree):
    tree.save(lines=[HEADER, *reversed(tree.lines[1:])])
    assert list(BioVid(tree.root)) == samples_of(tree)[::-1]


def edited(tree, edit):
    tree.save(lines=[edit(line) for line in tree.lines])


READ_RIGHTLY = {
    "a byte-order mark": lambda tree: tree.save(encoding="utf-8-sig"),
    "Windows line ends": lambda tree: tree.save(end="\r\n"),
    "a mark and Windows line ends": lambda tree: tree.save(end="\r\n", encoding="utf-8-sig"),
    "old Macintosh line ends": lambda tree: tree.save(end="\r"),
    "no end of the last line": lambda tree: tree.csv.write_text("\n".join(tree.lines)),
    "blank lines": lambda tree: tree.save(lines=["", *tree.lines, "", " \t "]),
    "spaces for tabs": lambda tree: edited(tree, lambda line: line.replace("\t", "    ")),
    "spaces in the first line": lambda tree: tree.save(
        lines=[HEADER.replace("\t", " "), *tree.lines[1:]]
    ),
    "spaces in one line": lambda tree: tree.save(
        lines=[*tree.lines[:3], tree.lines[3].replace("\t", " "), *tree.lines[4:]]
    ),
    "commas": lambda tree: edited(tree, lambda line: line.replace("\t", ",")),
    "semicolons": lambda tree: edited(tree, lambda line: line.replace("\t", ";")),
    "quotes": lambda tree: edited(tree, lambda line: '"' + line.replace("\t", '"\t"') + '"'),
    "blanks around cells": lambda tree: edited(tree, lambda line: line.replace("\t", " \t ")),
    "an extra column": lambda tree: tree.save(
        lines=[HEADER + "\tremark", *(line + "\tmoved a lot" for line in tree.lines[1:])]
    ),
    "an extra column, often empty": lambda tree: tree.save(
        lines=[HEADER + "\tremark", *tree.lines[1:3], tree.lines[3] + "\tx", *tree.lines[4:]]
    ),
    "tabs at the end": lambda tree: edited(tree, lambda line: line + "\t\t"),
    "columns in another order": lambda tree: edited(
        tree, lambda line: "\t".join(reversed(line.split("\t")))
    ),
    "columns in capitals": lambda tree: tree.save(lines=[HEADER.upper(), *tree.lines[1:]]),
    "columns nobody needs are gone": lambda tree: edited(
        tree, lambda line: "\t".join(line.split("\t")[i] for i in (1, 2, 5))
    ),
    "classes in lower case": lambda tree: edited(
        tree, lambda line: line.replace("\tBL1\t", "\tbl1\t")
    ),
}


@pytest.mark.parametrize("name", READ_RIGHTLY)
def test_damage_that_is_read_rightly(tree, name):
    before = tree.csv.read_bytes()
    READ_RIGHTLY[name](tree)
    assert tree.csv.read_bytes() != before
    assert list(BioVid(tree.root)) == samples_of(tree)


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_folders_and_files_in_any_case(tree, change):
    wanted = {(s.subject, s.level, s.sample_name) for s in BioVid(tree.root)}
    below = sorted(tree.root.rglob("*"), key=lambda path: len(path.parts), reverse=True)
    for path in below:
        path.rename(path.with_name(change(path.name)))
    data = BioVid(tree.root)
    assert {(s.subject, s.level, s.sample_name) for s in data} == wanted
    for sample in data:
        assert sample.path.is_file()
        assert sample.path.name == change(f"{sample.sample_name}.mp4")
        assert sample.path.parent.name == change(sample.subject)


def test_two_folders_that_differ_in_case(tree):
    (tree.root / "parta").mkdir()
    assert list(BioVid(tree.root)) == samples_of(tree)  # the exact name goes first
    (tree.root / "PartA").rename(tree.root / "PARTA")
    assert "holds PARTA and parta; keep one of them" in refusal(tree.root)


LINE = "1\t010101_w_30\t0\tBL1\t1\t010101_w_30-BL1-001"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (LINE.replace("\t0\t", "\t5\t"), "class_id '5' is unknown"),
        (LINE.replace("\t0\t", "\t-1\t"), "class_id '-1' is unknown"),
        (LINE.replace("\t0\t", "\tBL1\t"), "class_id 'BL1' is unknown"),
        (LINE.replace("\tBL1\t", "\tPA5\t"), "class_name says 'PA5'"),
        (LINE.replace("\tBL1\t", "\tPA2\t"), "class_id 0 is BL1, but class_name says 'PA2'"),
        (LINE.replace("\t0\tBL1", "\t2\tPA2"), "does not fit subject 010101_w_30 and class PA2"),
        (LINE.replace("\t010101_w_30\t", "\t020202_m_41\t"), "does not fit subject 020202_m_41"),
        (LINE.replace("\t0\t", "\t\t"), "is empty"),
        (LINE.replace("\t010101_w_30\t", "\t\t"), "is empty"),
        (LINE.rpartition("\t")[0], "5 cells stand under 6 columns separated by tabs"),
        (LINE + "\tmore", "7 cells stand under 6 columns"),
        (LINE.replace("\t", ","), "1 cells stand under 6 columns"),
        ('1\t"010101_w_30\t0\tBL1', "not closed"),
    ],
)
def test_a_bad_line_is_named(tree, line, words):
    tree.save(lines=[HEADER, *tree.lines[2:9], line])
    message = refusal(tree.root)
    assert message.startswith(f"{tree.csv}, line 9: ")
    assert words in message


def test_a_line_twice(tree):
    tree.save(lines=[*tree.lines, tree.lines[2]])
    message = refusal(tree.root)
    assert f"{tree.csv}, line 17: 010101_w_30-PA1-002 is listed already" in message
    assert f"({tree.csv}, line 3)" in message
    assert "painlab check-data" in message


def test_one_clip_for_two_levels(tree):
    odd = tree.videos / PEOPLE[0] / "odd.mp4"  # a name that does not tell its class
    odd.write_bytes(unlike(tree.film, 99))
    tree.save(
        lines=[
            *tree.lines,
            *(f"1\t{PEOPLE[0]}\t{i}\t{c}\t9\todd" for i, c in ((0, "BL1"), (2, "PA2"))),
        ]
    )
    message = refusal(tree.root)
    assert f"line 18: the clip {odd} is listed already, for another level" in message
    assert f"({tree.csv}, line 17)" in message


def test_one_subject_under_two_spellings(tree):
    changed = tree.lines[2].replace("010101_w_30", "010101_W_30")
    tree.save(lines=[*tree.lines[:2], changed, *tree.lines[3:]])
    message = refusal(tree.root)
    assert "line 3: subject '010101_W_30' differs from '010101_w_30'" in message
    assert f"({tree.csv}, line 2) only in case or blanks" in message


def test_missing_clips(tree):
    tree.clips[3].unlink()
    tree.clips[7].unlink()
    tree.clips[7].mkdir()  # a folder is no clip
    message = refusal(tree.root)
    assert f"{tree.csv}, line 5: the clip {tree.clips[3]} is missing; 1 more such place" in message
    assert f"painlab check-data {tree.root} lists all" in message
    kept = [s for s in samples_of(tree) if s.path not in (tree.clips[3], tree.clips[7])]
    assert list(BioVid(tree.root, skip_missing=True)) == kept
    for path in tree.clips:
        if path.is_file():
            path.unlink()
    assert "lists no clip that is there" in refusal(tree.root, skip_missing=True)


def test_missing_folders_and_tables(tree, tmp_path):
    assert "nowhere is no folder" in refusal(tmp_path / "nowhere")
    assert "holds no folder PartA" in refusal(tmp_path)
    assert "is no folder" in refusal(tree.csv)
    tree.videos.rename(tmp_path / "elsewhere")
    assert "video does not exist" in refusal(tree.root)
    tree.videos.write_text("no folder")
    assert "video does not exist" in refusal(tree.root)
    tree.csv.unlink()
    assert "samples.csv does not exist" in refusal(tree.root)
    tree.csv.parent.rmdir()
    assert "samples.csv does not exist" in refusal(tree.root)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([""], "is empty"),
        ([HEADER], "lists no clip"),
        ([LINE], "line 1: no column is named subject_name, class_id, sample_name"),
        ([HEADER.replace("class_id", "class"), LINE], "line 1: no column is named class_id"),
        ([HEADER + "\tclass_id", LINE], "line 1: the column class_id is there twice"),
    ],
)
def test_a_bad_table_is_named(tree, lines, words):
    tree.save(lines=lines)
    message = refusal(tree.root)
    assert str(tree.csv) in message
    assert words in message


def test_a_table_that_is_no_text(tree):
    tree.save(encoding="utf-16")
    assert f"{tree.csv}, line 1: this is not UTF-8 text" in refusal(tree.root)


def test_subjects_left_out(tree, tmp_path):
    kept = [s for s in samples_of(tree) if s.subject != PEOPLE[1]]
    assert list(BioVid(tree.root, leave_out=[PEOPLE[1].upper()])) == kept
    out = tmp_path / "out.txt"
    out.write_text(f"# shows nothing\n{PEOPLE[1]}\n\n")
    assert list(BioVid(tree.root, leave_out=out)) == kept
    out.write_text(f"{PEOPLE[1]}\n020202_w_41\n")
    message = refusal(tree.root, leave_out=out)
    assert f"{out}, line 2: no subject is named '020202_w_41'" in message
    assert "lists no clip" in refusal(tree.root, leave_out=PEOPLE)


def test_what_is_wrong_with_those_left_out_does_not_count(tree):
    tree.clips[0].unlink()
    tree.save(lines=[*tree.lines, LINE.replace("\t0\t", "\t7\t")])
    assert len(BioVid(tree.root, leave_out=[PEOPLE[0]])) == 10


def test_clips_that_are_not_listed_are_told_of(tree):
    tree.save(lines=tree.lines[:-1])
    found = read_tree(tree.root)
    assert found.unlisted == [tree.clips[-1]]
    assert len(found.samples) == 14
    assert read_tree(tree.root, leave_out=[PEOPLE[2]]).unlisted == []


def test_many_clips(tmp_path, film):
    tree = Tree(tmp_path, film, people=[f"0101{i:02}_w_30" for i in range(8)], per_level=20)
    data = BioVid(tree.root)
    assert len(data) == 800
    assert list(data) == samples_of(tree)
