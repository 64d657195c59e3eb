"""A look at a whole data set: everything that is wrong is told, and what is right is counted."""

import json

import numpy as np
import pytest
from trees import HEADER, PEOPLE, Tree, unlike

from painlab.datasets.check import check_biovid, check_data, check_manifest
from painlab.datasets.probe import ClipFacts, probe_clip, probe_clips
from painlab.errors import DataError, VideoError
from painlab.video import read_video, write_video


@pytest.fixture(scope="session")
def long_film(tmp_path_factory):
    """138 frames of noise, 48×32, whose index stands at the beginning."""
    path = tmp_path_factory.mktemp("film") / "long.mp4"
    frames = np.random.default_rng(1).integers(0, 255, (138, 32, 48, 3), dtype=np.uint8)
    write_video(path, frames, fps=25)
    return path


def test_a_clip_that_is_whole(long_film, film, tmp_path):
    assert probe_clip(long_film) == ClipFacts(frames=138, fps=25.0, width=48, height=32)
    assert probe_clip(long_film, decode=True) == probe_clip(long_film)
    (tmp_path / "a.mp4").write_bytes(unlike(film, 1))
    assert probe_clip(tmp_path / "a.mp4").frames == len(read_video(tmp_path / "a.mp4")) == 6


def test_real_clips_are_counted_as_they_are_read(media):
    clips = sorted((media / "clips").glob("*.m*"))
    assert len(clips) >= 5
    for path in clips:
        clip = read_video(path)
        facts = probe_clip(path, decode=True)
        assert (facts.frames, facts.fps) == (len(clip), clip.fps)
        assert probe_clip(path) == facts
        assert (facts.height, facts.width) == clip.frames.shape[1:3]


def damage(long_film, folder):
    """Clips that are not what they should be, and what must be said of them."""
    whole = long_film.read_bytes()
    half = len(whole) // 2
    contents = {
        "cut": (whole[:half], "is cut off"),
        "beginning": (whole[:60], "holds no video stream"),
        "text": (b"this is no video\n" * 100, "cannot be opened"),
        "empty": (b"", "is empty"),
        "sound": (whole.replace(b"vide", b"soun"), "video"),
    }
    for name, (content, words) in contents.items():
        path = folder / f"{name}.mp4"
        path.write_bytes(content)
        yield path, words
    yield folder / "none.mp4", "does not exist"
    (folder / "folder.mp4").mkdir()
    yield folder / "folder.mp4", "no file but a folder"


def test_clips_that_cannot_be_read(long_film, tmp_path):
    cases = list(damage(long_film, tmp_path))
    found = probe_clips([path for path, _ in cases])
    for (path, words), error in zip(cases, found, strict=True):
        assert isinstance(error, VideoError), path
        assert str(path) in str(error)
        assert words in str(error)
        assert len(str(error).splitlines()) == 1


def test_a_cut_clip_says_what_is_left(long_film, tmp_path):
    whole, path = long_film.read_bytes(), tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(VideoError, match=r"cut\.mp4 is cut off: (\d+) of its 138 frames") as cut:
        probe_clip(path)
    left = int(str(cut.value).split("cut off: ")[1].split()[0])
    assert 70 < left < 110


def test_damage_inside_a_clip_is_found_by_decoding(long_film, tmp_path):
    whole, path = bytearray(long_film.read_bytes()), tmp_path / "scratched.mp4"
    at = len(whole) // 2
    whole[at : at + 20_000] = bytes(20_000)
    path.write_bytes(whole)
    assert probe_clip(path).frames == 138
    with pytest.raises(VideoError, match=r"scratched\.mp4 is damaged: \d+ of its 138 frames"):
        probe_clip(path, decode=True)


def test_the_order_and_the_count_of_many(long_film, tmp_path):
    paths = [long_film, tmp_path / "none.mp4"] * 10
    told = []
    found = probe_clips(paths, advance=lambda: told.append(1))
    assert len(told) == 20
    assert all(isinstance(facts, ClipFacts) for facts in found[::2])
    assert all(isinstance(facts, VideoError) for facts in found[1::2])


def test_a_whole_tree(tree):
    report = check_biovid(tree.root)
    assert report.ok
    assert report.wrong == 0
    told = report.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["subjects"], told["clips"]) == (3, 15)
    assert [(x["listed"], x["readable"]) for x in told["levels"]] == [(3, 3)] * 5
    assert told["clips_per_subject"][PEOPLE[0]] == dict.fromkeys(
        ("BL1", "PA1", "PA2", "PA3", "PA4"), 1
    )
    assert told["frames"] == {"6": 15}
    assert told["frames_per_second"] == {"25": 15}
    assert told["pictures"] == {"32x32": 15}
    text = report.text()
    assert "3 subjects, 15 clips" in text
    assert "frames of a clip  6\n" in text
    assert text.endswith("Nothing is wrong.")


@pytest.fixture
def wrecked(tree, long_film):
    """A tree with one of each kind of damage."""
    clips = tree.clips
    clips[0].write_bytes(long_film.read_bytes())  # other frames and pixels, but a clip
    clips[1].unlink()
    clips[2].write_text("this is no video")
    clips[3].write_bytes(long_film.read_bytes()[:-9000])
    clips[9].write_bytes(clips[4].read_bytes())  # one film, two people
    tree.save(
        lines=[*tree.lines[:-1], "3\t030303_w_52\t7\tPA7\t15\tx", tree.lines[-2]],
        encoding="utf-8-sig",
        end="\r\n",
    )
    return tree


def test_everything_that_is_wrong_is_told_at_once(wrecked):
    report = check_biovid(wrecked.root)
    told = report.to_dict()
    clips = [str(path) for path in wrecked.clips]
    assert not told["ok"]
    assert (told["subjects"], told["clips"]) == (3, 14)
    assert [x["listed"] for x in told["levels"]] == [3, 3, 3, 3, 2]
    assert [x["readable"] for x in told["levels"]] == [3, 2, 2, 2, 2]
    assert told["missing"] == [f"{wrecked.csv}, line 3: the clip {clips[1]} is missing."]
    assert len(told["unreadable"]) == 2
    assert told["unreadable"][0].startswith(clips[2])
    assert told["unreadable"][1].startswith(f"{clips[3]} is cut off")
    assert [[s["path"] for s in group] for group in told["duplicates"]] == [[clips[4], clips[9]]]
    assert [line.split(": ")[0] for line in told["table_problems"]] == [
        f"{wrecked.csv}, line 16", f"{wrecked.csv}, line 17",
    ]  # fmt: skip
    assert told["unlisted"] == [clips[14]]
    assert told["frames"] == {"6": 10, "138": 1}
    assert told["pictures"] == {"32x32": 10, "48x32": 1}
    assert report.wrong == 6
    assert list(report.uneven()) == [PEOPLE[2]]
    text = report.text()
    assert "frames of a clip  6 (10 clips), 138 (1 clip)" in text
    assert "030303_w_52: 1 BL1, 1 PA1, 1 PA2, 1 PA3, 0 PA4" in text
    assert text.endswith("Wrong: 6 in all.")
    for line in (*told["missing"], *told["unreadable"], *told["table_problems"], clips[14]):
        assert line in text


def test_other_numbers_than_biovids_are_remarked(tmp_path, film, monkeypatch):
    monkeypatch.setattr("painlab.datasets.check.PUBLISHED", (3, 2))
    tree = Tree(tmp_path, film, per_level=2)
    assert check_biovid(tree.root).remarks == []
    assert check_biovid(tree.root, leave_out=[PEOPLE[0]]).remarks == []
    tree.save(lines=tree.lines[:-1])
    report = check_biovid(tree.root)
    assert report.ok
    assert "has 3 subjects with 2 clips of each level" in report.to_dict()["remarks"][0]
    tree.save(lines=tree.lines[:-10])
    assert len(check_biovid(tree.root).remarks) == 1
    assert "Remarks: 1\n" in report.text()


def test_long_lists_are_cut_in_the_text_only(tree):
    tree.save(lines=[*tree.lines, *(f"1\tx\t9\tPA9\t{i}\ty{i}" for i in range(25))])
    report = check_biovid(tree.root)
    assert len(report.to_dict()["table_problems"]) == 25
    assert "Wrong in the table: 25" in report.text()
    assert "and 5 more, which --json lists" in report.text()


def test_subjects_left_out_are_not_looked_at(wrecked, tmp_path):
    out = tmp_path / "out.txt"
    out.write_text(f"{PEOPLE[0]}\n{PEOPLE[2]}\n")
    report = check_biovid(wrecked.root, leave_out=out)
    assert report.ok
    assert report.to_dict()["left_out"] == [PEOPLE[0], PEOPLE[2]]
    assert "1 subject, 5 clips (2 subjects left out)" in report.text()


def test_one_subjects_film_twice_is_wrong_too(tree):
    tree.clips[1].write_bytes(tree.clips[0].read_bytes())
    report = check_biovid(tree.root)
    assert [[s.level for s in group] for group in report.duplicates] == [[0, 1]]


def test_a_tree_without_clips_has_a_report(tree):
    tree.save(lines=[HEADER])
    report = check_biovid(tree.root)
    assert "0 subjects, 0 clips" in report.text()
    assert report.to_dict()["clips"] == 0
    assert len(report.unlisted) == 15


def test_the_bar_is_on_the_error_stream(tree, capsys):
    check_biovid(tree.root, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "15/15" in err
    check_biovid(tree.root)
    assert capsys.readouterr().err == ""


def test_a_manifest(tmp_path, film):
    for i, name in enumerate("abc"):
        (tmp_path / f"{name}.mp4").write_bytes(unlike(film, i % 2))
    path = tmp_path / "clips.csv"
    path.write_text("path,subject,level\na.mp4,Anna,0\nb.mp4,Ben,1\nc.mp4,Cem,9\nd.mp4,Cem,1\n")
    report = check_data(path)
    assert [line.split(": ")[0] for line in report.problems] == [
        f"{path}, line 4", f"{path}, line 5",
    ]  # fmt: skip
    assert report.to_dict()["frames"] == {"6": 2}
    path.write_text("path,subject,level\na.mp4,Anna,0\nb.mp4,Ben,1\nc.mp4,Cem,2\n")
    report = check_manifest(path)
    assert [[s.subject for s in group] for group in report.duplicates] == [["Anna", "Cem"]]
    assert check_manifest(path, leave_out=["cem"]).ok


def test_nothing_to_look_at(tmp_path):
    with pytest.raises(DataError, match="does not exist; give BioVid's folder"):
        check_data(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no folder PartA"):
        check_data(tmp_path)


def test_a_table_without_a_clip_is_wrong(tmp_path):
    path = tmp_path / "clips.csv"
    path.write_text("path,subject,level\n")
    report = check_manifest(path)
    assert not report.ok
    assert "lists no clip" in report.text()
