"""MyST Markdown as the plain Markdown that Jupyter and Colab show.

The chapters use directives and roles that only the rendered book understands. For the notebooks
beside them each becomes plain Markdown, and ``literalinclude`` a cell that prints the source. What
has no translation is an error: a reader of the notebook would see raw markup.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from labels import Labels
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin

_PARSER = MarkdownIt("commonmark").use(colon_fence_plugin)
_DIRECTIVE = re.compile(r"\{([\w:.+-]+)\}\s*(.*)", re.DOTALL)
_ROLE = re.compile(r"\{([\w:.+-]+)\}`([^`]+)`")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([\w./-]+\.md)(#[\w-]+)?\)")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_ADMONITIONS = "admonition attention caution danger error hint important note seealso tip warning"
_DROPPED = "bibliography nb-exec-table contents tableofcontents"


class TranslationError(Exception):
    """A directive or role for which a notebook has no plain form."""


@dataclass(frozen=True)
class Source:
    """Stands between pieces of text where a notebook prints a part of the library."""

    name: str


@dataclass(frozen=True)
class _Directive:
    name: str
    argument: str
    options: dict[str, str]
    body: str


def translate(text: str, labels: Labels) -> list[str | Source]:
    """One Markdown cell as plain Markdown, cut where the library's source is to be shown."""
    pieces: list[str | Source] = [""]
    for piece in _blocks(text, labels):
        if isinstance(piece, Source) or isinstance(pieces[-1], Source):
            pieces.append(piece)
        else:
            pieces[-1] += piece
    return [p for p in pieces if isinstance(p, Source) or p.strip()]


def _blocks(text: str, labels: Labels):
    lines = text.splitlines(keepends=True)
    done = 0
    for token in _PARSER.parse(text):
        if token.type not in ("fence", "colon_fence") or not token.info.strip().startswith("{"):
            continue
        if token.level:
            raise TranslationError(f"a directive inside a list or quotation: {token.info.strip()}")
        start, end = token.map
        yield _inline("".join(lines[done:start]), labels)
        yield _translated(_parse(token.info, token.content), labels)
        done = end
    yield _inline("".join(lines[done:]), labels)


def _parse(info: str, content: str) -> _Directive:
    name, argument = _DIRECTIVE.match(info.strip()).groups()
    lines = content.splitlines()
    options = {}
    while lines and (match := re.match(r":([\w-]+):\s*(.*)", lines[0])):
        options[match.group(1)] = match.group(2).strip()
        lines.pop(0)
    return _Directive(name, argument.strip(), options, "\n".join(lines).strip())


def _plain(text: str, labels: Labels) -> str:
    pieces = translate(text, labels)
    if any(isinstance(piece, Source) for piece in pieces):
        raise TranslationError("a literalinclude inside another directive")
    return "".join(pieces).strip()


def _quote(title: str, body: str) -> str:
    text = f"**{title}**\n\n{body}".strip()
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines()) + "\n"


def _fold(title: str, body: str) -> str:
    return f"<details><summary><b>{title}</b></summary>\n\n{body}\n\n</details>\n"


def _translated(block: _Directive, labels: Labels) -> str | Source:
    title = _inline(block.argument, labels)
    if block.name == "literalinclude":
        module = Path(block.argument.removeprefix("../")).with_suffix("")
        name = ".".join(module.parts).removesuffix(".__init__")
        extra = set(block.options) - {"pyobject", "language", "caption"}
        if extra:
            raise TranslationError(f"literalinclude with {sorted(extra)}: use pyobject only")
        part = block.options.get("pyobject")
        return Source(f"{name}:{part}" if part else name)
    if block.name in _ADMONITIONS.split():
        if block.name != "admonition":
            words = f"{title}\n\n{block.body}" if title else block.body
            return _quote(block.name.capitalize(), _plain(words, labels))
        return _quote(title, _plain(block.body, labels))
    if block.name == "dropdown":
        return _fold(title, _plain(block.body, labels))
    if block.name == "exercise":
        return f"### Exercise: {title}\n\n{_plain(block.body, labels)}\n"
    if block.name == "solution":
        return _fold(f"Solution: {labels.title(title)}", _plain(block.body, labels))
    if block.name == "math":
        return _numbered(block.body, block.options.get("label"), labels)
    if block.name in ("figure", "image"):
        caption = f"\n\n*{_plain(block.body, labels)}*" if block.body else ""
        return f"![{block.options.get('alt', '')}]({block.argument}){caption}\n"
    if block.name.startswith("prf:"):
        kind = block.name.removeprefix("prf:").capitalize()
        return _quote(f"{kind}: {title}" if title else kind, _plain(block.body, labels))
    if block.name in ("code-block", "code"):
        return f"```{block.argument}\n{block.body}\n```\n"
    if block.name in _DROPPED.split():
        return ""
    raise TranslationError(f"the directive {block.name}")


def _numbered(formula: str, label: str | None, labels: Labels) -> str:
    tag = f" \\tag{{{labels.equation_number(label)}}}" if label else ""
    return f"$$\n{formula.strip()}{tag}\n$$\n"


def _inline(text: str, labels: Labels) -> str:
    """Roles, links and targets of running text; code spans and code blocks stay as they are."""
    text = re.sub(r"^\([\w:.-]+\)=\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^%.*\n?", "", text, flags=re.MULTILINE)  # comments
    text = re.sub(
        r"^\$\$(.+?)\$\$ *\(([\w:.-]+)\) *$",
        lambda m: _numbered(m.group(1), m.group(2), labels).rstrip(),
        text,
        flags=re.DOTALL | re.MULTILINE,
    )
    text = _LINK.sub(lambda m: labels.link(m.group(2), m.group(1), m.group(3) or ""), text)
    out, done = [], 0
    while match := _ROLE.search(text, done):
        code = next((c for c in _CODE.finditer(text, done) if c.start() < match.start()), None)
        if code and code.end() > match.start():  # markup that is quoted, not meant
            out.append(text[done : code.end()])
            done = code.end()
            continue
        out += [text[done : match.start()], _role(match.group(1), match.group(2), labels)]
        done = match.end()
    return "".join([*out, text[done:]])


def _split(content: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*?)\s*<(.+)>", content, flags=re.DOTALL)
    return (match.group(1), match.group(2)) if match else ("", content)


def _role(name: str, content: str, labels: Labels) -> str:
    words, target = _split(content)
    if name in ("cite:p", "cite"):
        return f"({'; '.join(labels.cite(key.strip()) for key in content.split(','))})"
    if name == "cite:t":
        return " and ".join(labels.cite(key.strip(), text=True) for key in content.split(","))
    if name == "eq":
        return labels.equation(content)
    if name in ("ref", "numref", "prf:ref"):
        return labels.reference(target, words)
    if name == "doc":
        return labels.link(f"{target.removesuffix('.md')}.md", words, "")
    if name.startswith("glue:"):
        return f"`{content.split(':')[0]}`"
    if name.startswith("py:"):
        return f"`{words or target.lstrip('~!')}`"
    if name == "math":
        return f"${content}$"
    if name in ("term", "abbr", "kbd", "sub", "sup"):
        return words or content
    raise TranslationError(f"the role {name}")
