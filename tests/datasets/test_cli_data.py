"""``painlab check-data`` as a user meets it: its two streams and its status."""

import json

import numpy as np
import pytest
from trees import PEOPLE

from painlab.cli import main
from painlab.video import write_video


@pytest.fixture
def check(capsys):
    """Run the command within this process: status, standard output, lines of the error stream."""

    def run(*arguments):
        try:
            status = main(["check-data", *map(str, arguments)])
        except SystemExit as stop:  # argparse's own way out
            status = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err.splitlines()

    return run


def test_help(check):
    status, out, _ = check("--help")
    assert status == 0
    for words in ("ROOT", "--json", "--leave-out", "--decode", "medical device"):
        assert words in out
    assert check()[0] == 2


def test_a_whole_tree_is_status_0(check, tree):
    status, out, err = check(tree.root, "--quiet")
    assert (status, err) == (0, [])
    assert "3 subjects, 15 clips" in out
    status, _, err = check(tree.root)
    assert status == 0
    assert "15/15" in "".join(err)  # the progress bar


def test_a_damaged_tree_is_status_1_with_its_report(check, tree):
    tree.clips[0].unlink()
    tree.clips[6].write_text("no video")
    status, out, err = check(tree.root, "--quiet")
    assert status == 1
    assert err == [f"painlab: {tree.root}: 2 things are wrong; the report has them all."]
    assert f"line 2: the clip {tree.clips[0]} is missing" in out
    assert str(tree.clips[6]) in out


def test_json_and_nothing_else(check, tree):
    tree.clips[0].unlink()
    status, out, err = check(tree.root, "--json", "--quiet")
    assert status == 1
    assert len(err) == 1
    told = json.loads(out)
    assert told["ok"] is False
    assert len(told["missing"]) == 1
    assert told["frames"] == {"6": 14}


def test_subjects_left_out_by_a_file(check, tree, tmp_path):
    tree.clips[0].unlink()
    out = tmp_path / "out.txt"
    out.write_text(PEOPLE[0])
    status, told, _ = check(tree.root, "--json", "--quiet", "--leave-out", out)
    assert status == 0
    assert json.loads(told)["left_out"] == [PEOPLE[0]]
    out.write_text("nobody")
    status, told, err = check(tree.root, "--leave-out", out)
    assert (status, told) == (1, "")
    assert err[0].startswith(f"painlab: {out}, line 1: no subject is named 'nobody'")


def test_what_is_no_data_set_is_one_line(check, tree, tmp_path):
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    for root in (tmp_path / "nowhere", tmp_path, tree.clips[0], tmp_path / "odd.csv"):
        status, out, err = check(root)
        assert (status, out) == (1, "")
        assert len(err) == 1
        assert str(root) in err[0]


def test_damage_inside_clips_is_looked_for_on_request(check, tree, tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "noise.mp4", frames, fps=25)
    content = bytearray((tmp_path / "noise.mp4").read_bytes())
    tree.clips[0].write_bytes(content)
    assert check(tree.root, "--quiet", "--decode")[0] == 0
    half = len(content) // 2
    content[half : half + 9000] = bytes(9000)
    tree.clips[0].write_bytes(content)
    assert check(tree.root, "--quiet")[0] == 0
    status, out, _ = check(tree.root, "--quiet", "--decode")
    assert status == 1
    assert f"{tree.clips[0]} is damaged" in out
