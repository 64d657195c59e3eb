"""``painlab pretrain`` as a user meets it: streams, status, files; alone and under torchrun."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import painlab as pl
from painlab.datasets.synthpain.portraits import draw_portraits
from painlab.training.provenance import painlab_commit

SMALL = ["--preset=tiny", "--people=2", "--pictures=2", "--device=cpu", "--processes=1"]
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@pytest.fixture
def call(run_command):
    return partial(run_command, "pretrain")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two rendered people as a detector would crop them."""
    root = tmp_path_factory.mktemp("people")
    for person in range(2):
        drawn = draw_portraits(person, seed=77, count=2, size=128, crop="loose")
        for i, image in enumerate(drawn.images.numpy()):
            path = root / "train" / f"n{person}" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.ascontiguousarray(image[..., ::-1]))
    return root


def test_help(call):
    status, out, _ = call("--help")
    assert status == 0
    words = ("OUT", "--faces", "--align", "--people", "--renew", "--preset", "medical device")
    assert all(word in out for word in words)
    assert call()[0] == 2
    status, _, err = call("x", "--people=1")
    assert status == 2
    assert "invalid whole number from 2 on value: '1'" in err[-1]


def test_rendered_faces(call, tmp_path):
    out = tmp_path / "new" / "run"
    status, text, err = call(out, *SMALL, "--every=4")
    assert status == 0
    assert err[0] == "drawn: 2 of 2 people"
    assert err[1].startswith("low, step 4 of 12: identity ")
    assert text.splitlines()[0].startswith("low: 12 steps at 32 pixels, identity loss ")
    assert text.splitlines()[-1] == f"written: {out / 'tnt.safetensors'}"
    model = pl.load_model(out / "tnt.safetensors")
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 24)
    about = model.about
    assert (about["name"], about["licence"]) == ("tnt-tiny-synthface", "CC0-1.0")
    assert "rendered faces" in about["trained_on"]
    assert "never seen a person in pain" in about["trained_on"]
    assert about["commit"]
    assert json.loads(about["settings"])["stages"][1]["stage"]["name"] == "full-size"

    before = {p.name: load_file(p) for p in out.iterdir()}
    status, text, err = call(out, *SMALL, "--every=4", "--json", "--quiet")
    assert (status, err) == (0, [])
    told = json.loads(text)
    assert [stage["history"][-1]["step"] for stage in told["stages"]] == [12, 6]
    for name, tensors in before.items():
        again = load_file(out / name)
        assert all(torch.equal(tensor, again[key]) for key, tensor in tensors.items())

    status, text, err = call(out, *SMALL, "--seed=1", "--quiet")
    assert (status, text) == (1, "")
    assert len(err) == 1
    assert f"{out}/tnt.safetensors was made with other settings (stages)" in err[0]


def test_a_folder_of_people_aligned_first(call, people, tmp_path):
    out, aligned = tmp_path / "run", tmp_path / "aligned"
    given = ["--faces", people, "--align", aligned, "--landmarks=fitted", *SMALL]
    status, _, err = call(out, *given)
    assert status == 0
    assert any(line.startswith("aligned: 4 pictures, 0 there already") for line in err)
    assert f"{aligned}: 4 pictures of 2 people." in err
    about = pl.load_model(out / "tnt.safetensors").about
    assert about["name"] == "tnt-tiny-faces"
    assert about["licence"] != "CC0-1.0"
    assert "4 pictures of 2 people" in about["trained_on"]
    stages = json.loads(about["settings"])["stages"]
    assert [stage["faces"]["kind"] for stage in stages] == ["folder", "rendered"]

    (aligned / "train" / "n0" / "0.jpg").rename(aligned / "train" / "n0" / "other.jpg")
    status, _, err = call(out, "--faces", aligned, *SMALL, "--quiet")
    assert status == 1  # the folder has changed
    assert "other settings (stages)" in err[0]


def test_what_cannot_be_is_one_line(call, people, tmp_path):
    taken = tmp_path / "file"
    taken.touch()
    for arguments, words in (
        ([taken, *SMALL], "cannot be written to"),
        ([tmp_path / "a", "--faces", tmp_path / "nowhere", *SMALL], "nowhere cannot be read"),
        ([tmp_path / "a", "--align", tmp_path, *SMALL], "--align needs --faces"),
        ([tmp_path / "a", "--faces", people, "--align", people, *SMALL], "folder of their own"),
        ([tmp_path / "a", "--device=typewriter"], "no such device"),
    ):
        status, out, err = call(*arguments, "--quiet")
        assert (status, out) == (1, "")
        assert len(err) == 1
        assert words in err[0]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interruption_is_one_line(tmp_path):
    command = [sys.executable, "-m", "painlab", "pretrain", str(tmp_path), *SMALL, "--every=1"]
    begun = subprocess.Popen(
        command, env=ALONE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while not begun.stderr.readline().startswith("low, step 1 "):
            assert begun.poll() is None
        begun.send_signal(signal.SIGINT)  # what Ctrl-C does
        out, err = begun.communicate()
    finally:
        begun.kill()
    assert begun.returncode == 130
    assert out == ""
    *steps, line = err.splitlines()
    assert all(step.startswith(("low, step ", "full-size, step ")) for step in steps)
    assert line.startswith(f"painlab: stopped; the checkpoints stay in {tmp_path}")
    assert (tmp_path / "1-low.checkpoint.safetensors").is_file()
    assert list((tmp_path / "portraits").glob("people-*.safetensors"))
    again = subprocess.run(command, env=ALONE, capture_output=True, text=True, check=True)
    assert "kept: 2 of 2 people" in again.stderr  # not drawn again
    assert not (tmp_path / "portraits").exists()


PROGRAM = """
import os, sys
from pathlib import Path
import torch
import painlab.training.pretrain as room
from painlab.cli import main
from safetensors.torch import save_file

here, rank = Path(sys.argv[1]), os.environ["RANK"]
pretrain, write = room.pretrain, room.write_checkpoint

def kept(*given, **named):
    tnt = pretrain(*given, **named)
    save_file(tnt.state_dict(), here / f"rank{rank}.safetensors")
    return tnt

def written(path, **named):
    with open(here / f"written{rank}", "a") as file:
        print(path.name, named["step"], file=file)
    write(path, **named)

room.pretrain, room.write_checkpoint = kept, written
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_two_processes_end_with_equal_weights(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        str(tmp_path / "program.py"), str(tmp_path), "pretrain", str(tmp_path / "run"), *SMALL,
    ]  # fmt: skip
    done = subprocess.run(command, env=ALONE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    weights = [load_file(tmp_path / f"rank{rank}.safetensors") for rank in range(2)]
    assert all(torch.equal(t, weights[1][name]) for name, t in weights[0].items())
    steps = ["1-low.checkpoint.safetensors 6", "1-low.checkpoint.safetensors 12"]
    last = "2-full-size.checkpoint.safetensors 6"
    assert (tmp_path / "written0").read_text().splitlines() == [*steps, last]
    assert not (tmp_path / "written1").exists()
    model = pl.load_model(tmp_path / "run" / "tnt.safetensors")
    assert all(torch.equal(t, weights[0][n].half().float()) for n, t in model.state_dict().items())
    # only the first speaks
    assert done.stdout.count("written: ") == 1
    assert done.stderr.count("low, step 6 of 12") == 1
    assert "Warning" not in done.stderr


def test_the_commit_is_painlabs_own(tmp_path, monkeypatch):
    commit = painlab_commit()
    inside = (Path(pl.__file__).parents[1] / ".git").exists()
    assert commit[:40].isalnum() if inside else commit == f"painlab {pl.__version__}"
    # a copy that lies in another project's checkout, untracked there
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(pl, "__file__", str(tmp_path / "painlab" / "__init__.py"))
    (tmp_path / "painlab").mkdir()
    (tmp_path / "painlab" / "__init__.py").touch()
    assert painlab_commit() == f"painlab {pl.__version__}"
