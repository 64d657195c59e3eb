"""An explanation of a video as files: a figure, a film, or both."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from painlab._explaining import Explanation
from painlab.errors import PainLabError
from painlab.figures.relevance_film import write_relevance_film

FORMATS = (".png", ".svg")
DOTS = 200  # an inch, of a .png


def write_explanation(
    explanation: Explanation,
    *,
    figure: str | Path | None = None,
    film: str | Path | None = None,
    level: str = "spatial",
    progress: bool = False,
) -> None:
    """Write what was found as a figure and as a film; both appear, complete, or neither does.

    Args:
        explanation: of `explain_video`.
        figure: a .png or .svg file, dark on white: faces, maps, the curve and the notice about the
            weights.
        film: an .mp4 file (`write_relevance_film`).
        level: "spatial" for maps of patches, "fine" for maps of sub-patches.
        progress: of the film, on the standard error stream.

    Raises:
        PainLabError: where a file cannot be written, or matplotlib is missing for a figure.
        VideoError: where the video is gone, or the film cannot be written.
    """
    with nullcontext() if figure is None else _figure_beside(explanation, Path(figure), level):
        if film is not None:
            write_relevance_film(explanation, film, level=level, progress=progress)


@contextmanager
def _figure_beside(explanation: Explanation, path: Path, level: str) -> Iterator[None]:
    """Write the figure beside its place, and move it there if all that follows went well."""
    if path.suffix.lower() not in FORMATS:
        raise PainLabError(f"{path}: give the figure a name that ends in {' or '.join(FORMATS)}.")
    drawn = _draw(explanation, level)
    part = path.with_name(path.name + ".part")
    how = {"format": path.suffix.lower()[1:], "facecolor": "white", "dpi": DOTS}
    try:
        try:
            drawn.savefig(part, **how)
        except OSError as error:
            raise PainLabError(f"{path} cannot be written: {error.strerror}.") from error
        yield
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _draw(explanation: Explanation, level: str):
    require_matplotlib()
    from painlab.figures.relevance_maps import relevance_figure

    return relevance_figure(
        explanation.faces,
        explanation.relevance,
        times=explanation.times,
        found=explanation.found,
        level=level,
        title=explanation.title,
        note=explanation.notice,
    )


def require_matplotlib() -> None:
    """Refuse to draw where there is nothing to draw with.

    Raises:
        PainLabError: where matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401  (asked only whether it is there)
    except ImportError as error:
        raise PainLabError("figures are matplotlib's: pip install 'painlab[explain]'.") from error
