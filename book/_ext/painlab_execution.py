"""Runs the chapters with this checkout's library, and keeps their outputs until it changes.

jupyter-cache knows a chapter by its text alone: after a change in the library it would put the old
output on the page. So the cache lies in a folder named after all else that the output depends on.
A change of the folder also makes Sphinx read every page again.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHES_KEPT = 3  # so that going back to another branch costs nothing

# What a chapter's output depends on besides its text, as patterns from the top of the checkout.
INPUTS = ("painlab/**/*", "data/features/**/*", "data/results/**/*", "requirements.txt")


def input_files(root: Path = ROOT) -> list[Path]:
    """All files that the outputs depend on, in a fixed order, without Python's own caches."""
    found = {path for pattern in INPUTS for path in root.glob(pattern)}
    return sorted(
        path
        for path in found
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )


def inputs_key(root: Path = ROOT) -> str:
    """Twelve hexadecimal digits that change with any of the inputs or with Python's version."""
    digest = hashlib.sha256(sys.version.encode())
    for path in input_files(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def cache_folder(build: Path, root: Path = ROOT) -> Path:
    """Where the outputs that fit the present inputs are kept, below the build folder."""
    return build / "execution" / inputs_key(root)


def prune_caches(build: Path, root: Path = ROOT) -> None:
    """Remove all cache folders but the present one and the few used last."""
    present = cache_folder(build, root)
    others = [folder for folder in present.parent.glob("*") if folder != present]
    others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in others[CACHES_KEPT - 1 :]:
        shutil.rmtree(folder)


def isolate_kernels(build: Path) -> None:
    """Keep the reader's own IPython settings and start-up files out of the chapters.

    The setting silences the kernel's remark that it talks to this machine without encryption.
    """
    profile = build / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    settings = "c.IPKernelApp.log_level = 'ERROR'\nc.HistoryManager.enabled = False\n"
    (profile / "ipython_kernel_config.py").write_text(settings)
    os.environ["IPYTHONDIR"] = str(build / "ipython")


def _prepare(app, config):
    build = Path(app.outdir).parent
    isolate_kernels(build)
    config.nb_execution_cache_path = str(cache_folder(build))
    pages = os.environ.get("PAINLAB_BOOK_PAGES")  # book/build.py --only
    if pages:
        config.include_patterns = [f"book/{page}.md" for page in pages.split()]


def setup(app):
    """Sphinx calls this once."""
    os.environ["PAINLAB_STATIC"] = "1"  # figures come out as plain HTML (painlab.figures)
    # Kernels and autodoc must see this checkout, whatever is installed beside it.
    sys.path.insert(0, str(ROOT))
    others = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *others])
    app.connect("config-inited", _prepare, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
