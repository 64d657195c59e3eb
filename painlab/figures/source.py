"""The library's own source on a notebook's page: what ``literalinclude`` is in the book."""


def show_source(name: str):
    """The source of a part of the library, as it is installed.

    Args:
        name: a module, or a module and what is in it: ``"painlab.layers:attention"``,
            ``"painlab.spatial.tnt:TNT.forward"``.

    Returns:
        An object that Jupyter displays as highlighted code.
    """
    import inspect
    import pkgutil
    import textwrap

    from IPython.display import Code

    source = inspect.getsource(pkgutil.resolve_name(name))
    return Code(textwrap.dedent(source), language="python")
