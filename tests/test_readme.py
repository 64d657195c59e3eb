"""What README.md, CITATION.cff and the licence files say holds."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

import painlab as pl
from painlab import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ten_lines_run(tmp_path, monkeypatch, capsys):
    from painlab.figures.pipeline import moving_portrait

    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    lines = [line for line in code.splitlines() if line and not line.startswith("import")]
    assert len(lines) <= 10
    pl.write_video(tmp_path / "film.mp4", moving_portrait(20), fps=25)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert "5 faces in 5 frames" in said
    assert "(5, 68, 3)" in said


def test_the_commands_exist(capsys):
    commands = re.findall(r"^ +(painlab \w+ VIDEO.*?)(?:  +#.*)?$", README, flags=re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        words = shlex.split(command)[1:]
        with pytest.raises(SystemExit) as end:
            cli.main([words[0], "--help"])
        assert end.value.code == 0
        shown = capsys.readouterr().out
        for option in [w for w in words if w.startswith("-")] + ["--json"]:
            assert option in shown, f"{command}: {option}"


@pytest.mark.parametrize("path", [*sorted(p.name for p in ROOT.glob("*.md")), "data/README.md"])
def test_links_to_files_lead_somewhere(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#][^)]*)\)", text):
        if not target.startswith(("http://", "https://")):
            assert ((ROOT / path).parent / target).exists(), target


def test_version_licence_and_address_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert citation["version"] == pl.__version__
    assert citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    address = config["repository"]["url"]
    assert citation["repository-code"] == address
    assert f"git+{address}\n" in README
