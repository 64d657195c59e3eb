"""Numbers figures, equations, theorems and exercises from 1 on each page.

Sphinx would count them through the whole book, and a new chapter would change the numbers of all
that follow. The notebooks count equations the same way.
"""


def _count_each_page_by_itself(app, env):
    # here the environment is stored already: the next build compares its own numbers with Sphinx's
    for kinds in env.toc_fignumbers.values():
        for numbers in kinds.values():
            in_order = sorted(numbers, key=numbers.get)
            numbers.update({name: (place,) for place, name in enumerate(in_order, start=1)})


def setup(app):
    """Sphinx calls this once."""
    app.connect("env-check-consistency", _count_each_page_by_itself)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
