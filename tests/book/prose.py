"""The running text of a page, as a reader sees it, and the numbers that stand typed in it.

Code, addresses, references and what a role puts in are not part of it; formulas, tables, captions
and alternative texts are.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

_PARSER = (
    MarkdownIt("commonmark")
    .enable("table")
    .use(colon_fence_plugin)
    .use(dollarmath_plugin, allow_digits=False)
    .use(myst_role_plugin)
)
_DIRECTIVE = re.compile(r"\{([\w:.+-]+)\}\s*(.*)", re.DOTALL)
_OPTION = re.compile(r":([\w-]+):\s*(.*)")
_NOT_PROSE = re.compile(r"literalinclude|code|code-block|bibliography|nb-exec-table|py:.*|auto.*")

_NO_WORDS = re.compile(r"https?://\S+|^\([\w:.-]+\)= ?")  # addresses, and names of places

# what a measurement or a share is written with
_UNIT = (
    r"ms|µs|s|seconds?|minutes?|hours?|days?|Hz|[KMG]i?B|GFLOPs?|million|billion|points?|degrees?|"
    r"per cent|percent|times"
)
_NUMBER = re.compile(
    rf"""(?<![\w.,])                              # not the end of a name or of a version
    (?: \d+(?:,\d{{3}}|\{{,\}}\d{{3}})+(?:\.\d+)?   # 26,496
      | \d+\.\d+(?!\w|\.\d)                         # 0.84, and no version as 1.0.4
      | \d+(?=\s?\\?,?\\?%)                       # 12 %
      | \d+(?=\s(?:{_UNIT})\b) )                  # 12 ms
    """,
    re.VERBOSE,
)
# what is numbered, and versions of programs
_LABEL = re.compile(
    r"\b(?:Sections?|Chapters?|Tables?|Fig\.|Figures?|Eqs?\.|Equations?|Python|torch|PyTorch|CUDA|"
    r"Triton|version)\s$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Typed:
    """A number that stands in a text as it was typed."""

    text: str
    start: int
    end: int

    @property
    def around(self) -> str:
        """The number with some words on both sides."""
        return self.text[max(0, self.start - 45) : self.end + 25].strip()


@dataclass(frozen=True)
class Allowed:
    """Phrases whose numbers may be typed, and why."""

    because: str
    phrases: tuple[str, ...]
    pages: tuple[str, ...]  # () is all pages
    checked: str  # code on those pages that refuses another number

    def holds_on(self, page: str) -> bool:
        """Whether this is about a page."""
        return not self.pages or page in self.pages

    def covers(self, number: Typed) -> bool:
        """Whether one of the phrases stands where the number is."""
        return any(
            found.start() <= number.start and number.end <= found.end()
            for phrase in self.phrases
            for found in re.finditer(re.escape(phrase), number.text)
        )


def read_allowed(path: Path) -> list[Allowed]:
    """The groups of a file of allowed numbers."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Allowed(
            group["because"],
            tuple(map(str, group["phrases"])),
            tuple(group.get("pages", ())),
            group.get("checked", ""),
        )
        for group in groups
    ]


def typed_numbers(text: str) -> list[Typed]:
    """Decimals, shares, large and measured numbers in a text."""
    return [
        Typed(text, found.start(), found.end())
        for found in _NUMBER.finditer(text)
        if not _LABEL.search(text[: found.start()])
    ]


def texts(markdown: str) -> Iterator[str]:
    """The paragraphs, table rows (``a | b``), captions and formulas of some MyST Markdown."""
    row = None
    for token in _PARSER.parse(markdown):
        if token.type in ("fence", "colon_fence"):
            yield from _directive(token.info, token.content)
        elif token.type == "math_block":
            yield f"${token.content}$"
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            yield " | ".join(row)
            row = None
        elif token.type == "inline":
            text = re.sub(r"\s+", " ", "".join(map(_inline, token.children)))
            if row is None:
                yield _NO_WORDS.sub("", text)
            else:
                row.append(text)


@functools.cache
def _cells(page: Path) -> tuple[tuple[str, str], ...]:
    cells = jupytext.read(page, fmt="md:myst").cells
    return tuple((cell.cell_type, cell.source) for cell in cells)


@functools.cache
def page_texts(page: Path) -> tuple[str, ...]:
    """All texts of a page."""
    markdown = (source for kind, source in _cells(page) if kind == "markdown")
    return tuple(text for source in markdown for text in texts(source))


def page_code(page: Path) -> str:
    """All code cells of a page."""
    return "\n".join(source for kind, source in _cells(page) if kind == "code")


def _directive(info: str, content: str) -> Iterator[str]:
    match = _DIRECTIVE.match(info.strip())
    if not match or _NOT_PROSE.fullmatch(match.group(1)):
        return
    if match.group(1) == "math":
        yield f"${content}$"
        return
    yield from texts(match.group(2))
    lines = content.splitlines()
    while lines and (option := _OPTION.match(lines[0])):
        lines.pop(0)
        if option.group(1) == "alt":
            yield option.group(2)
    yield from texts("\n".join(lines))


def _inline(token) -> str:
    if token.type in ("math_inline", "math_inline_double"):
        return f"${token.content}$"
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type in ("text", "image"):
        return token.content
    return {"code_inline": "`", "myst_role": "{}"}.get(token.type, "")
