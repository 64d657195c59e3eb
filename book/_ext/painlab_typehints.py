"""Shows types in the API reference as they are written in the code.

``Float[Tensor, "b k d"]`` stays just that. Types of other packages are shown by name and not
linked: their documentation lies elsewhere, and the book is read without a network. Names in single
backticks become links where the API reference has them, and stay code where it has not; a name that
painlab does not have at all is still reported.
"""

import functools
import importlib
import inspect
import pkgutil
import types
import typing
from dataclasses import dataclass


def spell(annotation) -> str:
    """An annotation as it reads in the code, with short names."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    if isinstance(annotation, str):
        return annotation
    if hasattr(annotation, "dim_str") and hasattr(annotation, "array_type"):  # jaxtyping
        kind = annotation.__name__.split("[", 1)[0]
        return f'{kind}[{annotation.array_type.__name__}, "{annotation.dim_str}"]'
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(spell, arguments))
    if origin is typing.Literal:
        return " | ".join(map(repr, arguments))
    if isinstance(annotation, list):  # the arguments of a Callable
        return f"[{', '.join(map(spell, annotation))}]"
    if origin is not None:
        return f"{spell(origin)}[{', '.join(map(spell, arguments))}]"
    return getattr(annotation, "__name__", None) or str(annotation)


@dataclass(frozen=True)  # an instance, not a function: Sphinx stores and compares its settings
class Formatter:
    """Turns an annotation into text; painlab's own classes by themselves become links."""

    def __call__(self, annotation, config):
        if isinstance(annotation, type) and annotation.__module__.startswith("painlab."):
            return f":py:obj:`{annotation.__name__}`"
        return f"``{spell(annotation)}``"


def _prepare(app, config):
    config.typehints_formatter = Formatter()


def _first_line_is_prose(app, what, name, obj, options, lines):
    """napoleon takes "Word: text" at the head of a property for a type; an empty comment helps."""
    if what in ("property", "attribute") and lines:
        lines[:0] = ["..", ""]


@functools.cache
def _painlab_names() -> set[str]:
    import painlab

    names = set()
    for found in pkgutil.walk_packages(painlab.__path__, "painlab."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            names.add(name)
            if inspect.isclass(value) and value.__module__.startswith("painlab"):
                names |= {f"{name}.{member}" for member in dir(value)}
    return names


def _link_or_code(app, env, node, contnode):
    """A name in single backticks that the reference does not document: a link, or plain code."""
    if node.get("reftype") != "obj" or node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removeprefix("painlab.")
    objects = env.get_domain("py").objects
    endings = [name for name in objects if name.endswith(f".{target}")]
    if endings:
        shortest = min(endings, key=len)
        return env.get_domain("py").resolve_xref(
            env, node["refdoc"], app.builder, "obj", shortest, node, contnode
        )
    known = target in _painlab_names() or target.split(".")[-1] in _painlab_names()
    return contnode if known else None


def setup(app):
    """Sphinx calls this once."""
    app.connect("config-inited", _prepare, priority=100)
    app.connect("autodoc-process-docstring", _first_line_is_prose, priority=100)
    app.connect("missing-reference", _link_or_code)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
