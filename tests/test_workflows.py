"""The workflows on GitHub: readable, careful with rights, and calling only what there is."""

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from required import THINGS

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PROGRAMS = {"git"}


def read(path: Path) -> dict:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads the word "on" so
    return workflow


def steps(path: Path) -> list[dict]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def wrong_command(line: str) -> str:
    """What is wrong with a line of shell of a workflow; "" if nothing is."""
    program, *arguments = shlex.split(line)
    if program == "make":
        unknown = [a for a in arguments if "=" not in a and a not in TARGETS]
        return f"make has no {unknown}" if unknown else ""
    if (ROOT / program).is_file():
        return "" if os.access(ROOT / program, os.X_OK) else f"{program} cannot be run"
    return "" if program in PROGRAMS else f"there is no {program}"


def test_there_are_workflows():
    assert {path.name for path in WORKFLOWS} == {"book.yml", "weekly.yml"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_what_it_needs(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all(re.fullmatch(r"(\S+ ){4}\S+", at["cron"]) for at in workflow["on"]["schedule"])
    for job in workflow["jobs"].values():
        assert job["runs-on"] == "ubuntu-latest"
        assert {job["needs"]} <= workflow["jobs"].keys() if "needs" in job else True
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_major_version(path):
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", name)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_commands_exist(path):
    lines = [line for step in steps(path) for line in step.get("run", "").splitlines()]
    assert [wrong for line in lines if (wrong := wrong_command(line))] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("make book", ""),
        ("make pdf PUBLISH=1", ""),
        (".ci/run", ""),
        ("make boook", "make has no ['boook']"),
        ("README.md", "README.md cannot be run"),
        ("tox -q", "there is no tox"),
    ],
)
def test_a_command_that_is_not_there_is_found(line, wrong):
    assert wrong_command(line) == wrong


def test_the_book_is_built_on_every_change_and_published_from_main():
    workflow = read(ROOT / ".github" / "workflows" / "book.yml")
    assert workflow["on"].keys() >= {"push", "pull_request", "schedule"}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert any(step.get("run") == ".ci/run" for step in build["steps"])
    assert "3.11" in build["container"]["image"]
    assert set(build["env"]["PAINLAB_REQUIRE"].split()) == THINGS.keys() - {"media"}
    assert publish["needs"] == "build"
    assert "refs/heads/main" in publish["if"]
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}


def test_the_continuous_integration_requires_everything():
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (things,) = re.findall(r"PAINLAB_REQUIRE-([\w ]+)\}", text)
    assert set(things.split()) == THINGS.keys()


def test_files_whose_links_are_looked_at_are_there():
    (step,) = [s for s in steps(WORKFLOWS[1]) if s.get("uses", "").startswith("lycheeverse/")]
    named = [word for word in step["with"]["args"].split() if re.search(r"\.\w+$", word)]
    files = [word for word in named if not word.startswith("^")]
    assert len(files) >= 5
    assert [word for word in files if not list(ROOT.glob(word))] == []
