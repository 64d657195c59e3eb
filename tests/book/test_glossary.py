"""The glossary names things of the library: each must be there."""

import re

import pytest
from conftest import ROOT

import painlab as pl
from painlab.datasets.synthpain.head import load_head
from painlab.layers import Attention

GLOSSARY = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
THINGS = {
    "pl": pl,
    "TNT": pl.TNT(pl.TNTConfig(image_size=32, depth=1)),
    "TNTConfig": pl.TNTConfig(),
    "TemporalTransformer": pl.TemporalTransformer(),
    "TemporalConfig": pl.TemporalConfig(),
    "Attention": Attention(dim=4, heads=2),
}
NAMED = sorted(set(re.findall(rf"`({'|'.join(THINGS)})\.(\w+)", GLOSSARY)))


@pytest.mark.parametrize(("thing", "name"), NAMED, ids=[".".join(pair) for pair in NAMED])
def test_what_the_glossary_names_is_there(thing, name):
    assert hasattr(THINGS[thing], name)


def test_the_glossary_names_the_paper_s_sizes():
    config = pl.TNTConfig()
    sides = config.image_size // config.patch_size, config.patch_size // config.sub_patch_size
    assert len(NAMED) > 12
    assert f"{sides[0]} · {sides[0]} = {config.patches}" in GLOSSARY
    assert f"{sides[1]} · {sides[1]} = {config.sub_patches}" in GLOSSARY


def test_the_glossary_names_the_sizes_of_the_shipped_head():
    head = load_head()
    for axis, number in {
        "v": f"{len(head.base):,}",
        "tri": f"{len(head.triangles):,}",
        "modes": str(len(head.modes)),
        "actions": str(len(head.actions)),
    }.items():
        assert re.search(rf"^\| `{axis}` \|.*\| {number}\b", GLOSSARY, re.MULTILINE), axis


def test_terms_are_in_alphabetical_order():
    terms = re.search(r"```\{glossary\}\n(.*?)```", GLOSSARY, re.DOTALL).group(1)
    heads = [line.lower() for line in terms.splitlines() if line and not line.startswith(" ")]
    assert heads == sorted(heads)
    assert len(heads) > 20
