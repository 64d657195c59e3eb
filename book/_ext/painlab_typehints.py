"""Shows array types in the API reference as they are written in the code.

``Float[Tensor, "b k d"]`` stays just that. Types of other packages are shown by name and not
linked: their documentation lies elsewhere, and the book is read without a network.
"""

import types
import typing
from dataclasses import dataclass

NAMED_BY_THE_EXTENSION = ("painlab", "builtins", "typing", "types")


@dataclass(frozen=True)  # an instance, not a function: Sphinx stores and compares its settings
class Formatter:
    """Turns an annotation into text, or into None where sphinx-autodoc-typehints does it well."""

    def __call__(self, annotation, config):
        if hasattr(annotation, "dim_str") and hasattr(annotation, "array_type"):  # jaxtyping
            kind = annotation.__name__.split("[", 1)[0]
            return f'``{kind}[{annotation.array_type.__name__}, "{annotation.dim_str}"]``'
        if typing.get_origin(annotation) in (typing.Union, types.UnionType):
            return None
        module = (getattr(annotation, "__module__", None) or "builtins").split(".")[0]
        if isinstance(annotation, type) and module not in NAMED_BY_THE_EXTENSION:
            return f"``{annotation.__qualname__}``"
        return None


def _install(app, config):
    config.typehints_formatter = Formatter()


def setup(app):
    """Sphinx calls this once."""
    app.connect("config-inited", _install, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
