"""The numbers in the text lie where its words need them: book/bands.yml."""

import json

import bands
import pytest
from conftest import ROOT

PAGES = bands.pages()
BANDS = bands.read_bands()


@pytest.mark.parametrize("page", PAGES)
def test_numbers_lie_in_their_bands(page, rendered):
    values = bands.built(page, rendered.parent)
    here = BANDS[page]
    found = {name: bands.fault(values.get(name), here[name]) for name in PAGES[page]}
    assert {name: problem for name, problem in found.items() if problem} == {}


@pytest.mark.parametrize(
    ("value", "band", "wrong"),
    [
        (3, 3, ""),
        (4, 3, "4 is not from 3 to 3"),
        (0.5, [0.4, 0.6], ""),
        (0.61, [0.4, 0.6], "0.61 is not from 0.4 to 0.6"),
        (float("nan"), [0.4, 0.6], "nan is not from 0.4 to 0.6"),
        (12.0, "measured", ""),
        (-1.0, "measured", "-1 is no time"),
        ("a word", "text", ""),
        (1.0, "text", "1.0 is no text"),
        ("1.0", [0, 2], "'1.0' is no number"),
        (None, [0, 2], "None is no number"),
    ],
)
def test_what_leaves_a_band_is_found(value, band, wrong):
    assert bands.fault(value, band) == wrong


def test_a_first_band_holds_its_number():
    for value in (3, 3.0, -0.25, 1e-7, 0.123456, "a word"):
        assert bands.fault(value, bands.propose(value)) == ""
    assert bands.propose(240) == 240
    assert bands.propose(-0.25) == [-0.275, -0.225]


def test_new_numbers_get_bands_and_old_ones_keep_theirs(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "_build" / "jupyter_execute" / "book"
    folder.mkdir(parents=True)
    output = {name: {"data": {"text/plain": text}} for name, text in {"a": "0.5", "b": "7"}.items()}
    (folder / "one.glue.json").write_text(json.dumps(output))
    monkeypatch.setattr(bands, "BANDS", tmp_path / "bands.yml")
    monkeypatch.setattr(bands, "pages", lambda: {"one": {"a", "b"}})
    bands.write_bands({"one": {"a": [0.6, 0.7], "gone": 1}})
    arguments = ["bands.py", "--build", str(tmp_path / "_build")]
    monkeypatch.setattr("sys.argv", arguments)
    assert bands.main() == 1
    assert "one, b: it has no band" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*arguments, "--accept"])
    assert bands.main() == 1  # a is outside its band still
    assert capsys.readouterr().out == "one, a: 0.5 is not from 0.6 to 0.7\n"
    assert bands.read_bands() == {"one": {"a": [0.6, 0.7], "b": 7}}
    (folder / "one.glue.json").unlink()
    with pytest.raises(SystemExit, match="one is not built"):
        bands.main()


def test_names_in_quoted_markdown_are_not_used(tmp_path):
    page = tmp_path / "16_example.md"
    page.write_text(
        "{glue:text}`one:.2f`\n\n````markdown\n{glue:text}`two`\n````\n"
        "As `` {glue:text}`three` ``.\n"
    )
    assert bands.used(page) == {"one"}


def test_bands_are_written_as_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "bands.yml"
    monkeypatch.setattr(bands, "BANDS", path)
    kept = {"05_attention": {"a": [0.1, 2e-7], "b": 3, "c": "measured", "d": "text"}}
    bands.write_bands(kept)
    assert bands.read_bands() == kept
    assert (ROOT / "book" / "bands.yml").read_text(encoding="utf-8").startswith(bands.HEAD)
