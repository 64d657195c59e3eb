"""Portraits on a disk: taken where they are the right ones, drawn anew where not."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from painlab.datasets.synthpain.portraits import Portraits
from painlab.errors import DataError
from painlab.training import kept, rendered
from painlab.training.kept import KeptPortraits
from painlab.training.rendered import RenderedFaces, draw_pool

ASKED = {"people": range(3), "pictures": 2, "seed": 9, "size": 32, "crop": "loose"}


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """A file for each person; the numbers of the people that are really drawn."""
    monkeypatch.setattr(rendered, "GROUP", 1)
    real, seen = rendered._draw_person, []
    monkeypatch.setattr(rendered, "_draw_person", lambda job: seen.append(job[0]) or real(job))
    return seen


@pytest.fixture(scope="module")
def pool():
    return draw_pool(**ASKED, say=lambda _: None)


def draw(folder, said=None, *, after=lambda: None, **changed):
    said = [] if said is None else said
    keep = KeptPortraits(folder, after=after, say=said.append)
    return draw_pool(**{**ASKED, **changed}, keep=keep, say=lambda _: None)


def same(one: Portraits, other: Portraits) -> bool:
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(Portraits)]
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def test_what_is_kept_is_not_drawn_again(pool, drawn, tmp_path):
    assert same(draw(tmp_path / "a"), pool)
    assert drawn == [0, 1, 2]
    said = []
    keep = KeptPortraits(tmp_path / "a", say=pytest.fail)
    assert same(draw_pool(**ASKED, keep=keep, say=said.append), pool)
    assert drawn == [0, 1, 2]
    assert said == [f"kept: 3 of 3 people in {tmp_path / 'a'}"]
    assert len(list((tmp_path / "a").iterdir())) == 3  # nothing half-written


def test_groups_of_several_people(pool, monkeypatch, tmp_path):
    monkeypatch.setattr(rendered, "GROUP", 2)
    assert same(draw(tmp_path), pool)
    names = ["people-00000-00001.safetensors", "people-00002-00002.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert same(draw(tmp_path), pool)


def test_a_stopped_drawing_goes_on(pool, drawn, tmp_path):
    class StoppedError(Exception):
        pass

    def stop():
        raise StoppedError

    for people in ([0], [0, 1], [0, 1, 2]):
        with pytest.raises(StoppedError):
            draw(tmp_path, after=stop)
        assert drawn == people
    assert same(draw(tmp_path, after=stop), pool)
    assert drawn == [0, 1, 2]


@pytest.mark.parametrize("length", [0, 5, 300, -1], ids=["empty", "bare", "short", "truncated"])
def test_a_damaged_file_is_drawn_anew(pool, drawn, tmp_path, length):
    draw(tmp_path)
    drawn.clear()
    path = tmp_path / "people-00001-00001.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    said = []
    assert same(draw(tmp_path, said), pool)
    assert drawn == [1]
    (line,) = said
    assert line.startswith(f"{path} is damaged")
    assert "\n" not in line
    assert same(draw(tmp_path, said), pool)
    assert drawn == [1]


def test_a_safetensors_file_of_something_else(pool, drawn, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "people-00000-00000.safetensors"
    save_file({"images": torch.zeros(2)}, path)
    said = []
    assert same(draw(tmp_path, said), pool)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"size": 48}, "size"), ({"pictures": 1}, "pictures"), ({"crop": "aligned"}, "crop")],
)
def test_other_portraits_are_not_taken(drawn, tmp_path, changed, named):
    draw(tmp_path, **changed)
    drawn.clear()
    said = []
    draw(tmp_path, said)
    assert drawn == [0, 1, 2]
    assert said == [f"{tmp_path} holds other portraits ({named}): they are drawn anew."]
    draw(tmp_path, said)
    assert drawn == [0, 1, 2]


def test_those_of_another_renderer_are_not_taken(drawn, monkeypatch, tmp_path):
    draw(tmp_path)
    monkeypatch.setattr(kept, "programs_digest", lambda: "another")
    kept._programs.cache_clear()
    said = []
    draw(tmp_path, said)
    kept._programs.cache_clear()
    assert drawn == [0, 1, 2] * 2
    assert said == [f"{tmp_path} holds other portraits (programs): they are drawn anew."]


def test_of_a_pool_that_is_renewed_the_latest_round_is_kept(drawn, tmp_path):
    asked = {"people": 2, "pictures": 1, "seed": 9, "size": 32, "renew": 3, "say": lambda _: None}

    def images(step):
        keep = KeptPortraits(tmp_path, say=pytest.fail)
        rng = np.random.default_rng(0)
        return RenderedFaces(**asked, keep=keep).batch(step, 2, rng).images

    def alone(step):
        return RenderedFaces(**asked).batch(step, 2, np.random.default_rng(0)).images

    first, second = images(0), images(3)
    assert len(list(tmp_path.iterdir())) == 2
    drawn.clear()
    assert torch.equal(images(5), second)
    assert drawn == []
    assert torch.equal(images(2), first)  # once more, from nothing
    assert drawn == [0, 1]
    assert torch.equal(first, alone(0))
    assert torch.equal(second, alone(3))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be made"):
        draw(tmp_path / "file" / "below")
