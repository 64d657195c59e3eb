"""The people of one seed: of their age and sex, different, and the same in every clip."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from painlab.datasets.synthpain.appearance import EYE, make_body
from painlab.datasets.synthpain.head import load_head
from painlab.datasets.synthpain.people import ONE_WAY, WIGGLE_ROOM, draw_person, linear
from painlab.datasets.synthpain.shading import COLOURS
from painlab.datasets.synthpain.subjects import draw_subject

SUBJECTS = [draw_subject(0, index) for index in range(87)]


@pytest.fixture(scope="module")
def people():
    return [draw_person(subject) for subject in SUBJECTS]


def share(weights, names, word):
    """How much of the weights goes to names with this word in them."""
    return float(weights[[word in name.split("-") for name in names]].sum())


def values(person):
    """All that a person is, as bytes."""
    told = [getattr(person, field.name) for field in fields(person)]
    return b"".join(v.tobytes() if isinstance(v, np.ndarray) else repr(v).encode() for v in told)


def test_weights_are_shares(people):
    for person in people:
        for weights in (person.macros, person.builds):
            assert weights.min() >= 0
            assert weights.sum() == pytest.approx(1, abs=1e-9)


def test_sex_and_age_are_the_subjects(people):
    names = load_head().names
    for subject, person in zip(SUBJECTS, people, strict=True):
        word, other = ("female", "male") if subject.sex == "w" else ("male", "female")
        for weights, key in ((person.macros, "macros"), (person.builds, "builds")):
            assert share(weights, names[key], word) > 0.8
            assert share(weights, names[key], other) < 0.2
        assert person.female == (subject.sex == "w")
        assert person.age == subject.age
    old = [share(person.macros, names["macros"], "old") for person in people]
    by_age = np.array(old)[np.argsort([s.age for s in SUBJECTS])]
    assert (np.diff(by_age) >= -1e-9).all()  # older people look older
    assert by_age[0] < 0.05
    assert by_age[-1] > 0.6


def test_origins_are_mixed(people):
    names = load_head().names["macros"]
    of = np.array([[share(p.macros, names, origin) for p in people]
                   for origin in ("african", "asian", "caucasian")])  # fmt: skip
    np.testing.assert_allclose(of.sum(0), 1, atol=1e-9)
    main = Counter(of.argmax(0).tolist())
    assert min(main.values()) >= 15
    assert 0.55 < of.max(0).mean() < 0.98  # mostly one, hardly ever one alone


def test_local_shapes_move_no_place_far(people):
    head = load_head()
    reach = np.linalg.norm(head.modes, axis=-1).max(1)
    weights = np.array([person.modes for person in people])  # (subject modes)
    assert (np.abs(weights) * reach <= 1.8 * WIGGLE_ROOM + 1e-4).all()
    assert (np.abs(weights) < 1).all()
    one_way = np.array([name in ONE_WAY for name in head.names["modes"]])
    assert one_way.sum() == len(ONE_WAY)  # none is misspelt
    assert (weights[:, one_way] >= 0).all()
    assert (weights[:, ~one_way].min(0) < 0).all()
    assert (weights[:, ~one_way].max(0) > 0).all()


def test_no_two_people_are_alike(people):
    """Faces differ by millimetres, and by far more than one face differs from itself."""
    head = load_head()
    shapes = np.stack([
        head.shape(macros=p.macros, builds=p.builds, modes=p.modes)[head.landmarks] for p in people
    ])  # (subject j xyz)  # fmt: skip
    apart = np.sqrt(((shapes[:, None] - shapes[None]) ** 2).sum(-1).mean(-1))
    others = apart[~np.eye(len(people), dtype=bool)]
    assert others.min() > 0.8
    assert np.median(others) > 3
    assert len({values(person) for person in people}) == 87


def test_the_same_subject_is_the_same_person_in_any_order():
    bodies = {}
    for order in ((2, 30, 61), (61, 2, 30)):
        for index in order:
            draw_person.cache_clear()
            make_body.cache_clear()
            subject = draw_subject(0, index)
            body = make_body(subject)
            told = [values(body.person), body.neutral.tobytes()]
            told += [part.tobytes() for part in body.surface]
            if body.hair is not None:
                told += [part.tobytes() for part in body.hair]
            assert bodies.setdefault(index, told) == told
    assert len({told[1] for told in bodies.values()}) == 3


def test_another_seed_has_other_people(people):
    for index in range(5):
        assert values(draw_person(draw_subject(1, index))) != values(people[index])


def test_colours_are_colours(people):
    for person in people:
        for colour in (person.skin, person.hair, person.iris, person.cloth):
            assert colour.shape == (3,)
            assert (colour > 0).all()
            assert (colour < 1).all()
        red, green, blue = person.skin
        assert red > green > blue  # skin of every tone
        assert 0 <= person.darkness <= 1


def test_skin_runs_from_pale_to_dark(people):
    light = np.array([person.skin @ [0.2126, 0.7152, 0.0722] for person in people])
    dark = np.array([person.darkness for person in people])
    assert np.corrcoef(light, dark)[0, 1] < -0.85
    grey = 255 * np.clip(1.055 * light ** (1 / 2.4) - 0.055, 0, 1)
    assert grey.min() < 80
    assert grey.max() > 180
    assert np.histogram(dark, bins=4, range=(0, 1))[0].min() >= 5


def test_hair_and_beards(people):
    styles = {sex: Counter() for sex in "mw"}
    beards = Counter()
    for subject, person in zip(SUBJECTS, people, strict=True):
        styles[subject.sex][person.hair_style] += 1
        if subject.sex == "w":
            assert person.beard == "none"
            assert person.hair_style not in ("bald", "buzz")
        else:
            beards[person.beard] += 1
    assert set(styles["w"]) == {"short", "tied", "bob", "long"}
    assert {"bald", "buzz", "short"} <= set(styles["m"])
    assert set(beards) == {"none", "stubble", "moustache", "goatee", "full"}
    made = {}
    for subject, person in zip(SUBJECTS, people, strict=True):
        if person.hair_style not in made:
            made[person.hair_style] = make_body(subject).hair
    assert made["bald"] is None
    assert made["buzz"] is None
    assert len(made["short"].triangles) > 500
    assert made["long"].curtain[:, 1].max() > made["short"].offset[:, 1].max() + 50


def test_hair_turns_grey_with_age(people):
    def colourful(person):
        return np.ptp(person.hair) / person.hair.mean()

    young = [colourful(p) for p in people if p.age < 33]
    old = [colourful(p) for p in people if p.age > 58]
    light = (
        [p.hair.mean() for p in people if p.age < 33],
        [p.hair.mean() for p in people if p.age > 58],
    )
    assert np.median(old) < 0.6 * np.median(young)
    assert np.median(light[1]) > 2 * np.median(light[0])


def test_linear_is_the_inverse_of_srgb():
    """Values of IEC 61966-2-1 worked by hand."""
    np.testing.assert_allclose(linear((0, 255, 10)), (0, 1, 10 / 255 / 12.92), atol=1e-12)
    np.testing.assert_allclose(linear((128, 128, 128)), 0.21586, atol=1e-5)


@pytest.mark.parametrize("index", [0, 7, 40])
def test_a_texture_is_painted_everywhere(index):
    surface = make_body(SUBJECTS[index]).surface
    texture, uv = surface.texture, surface.uv
    rows, cols = texture.shape[:2]
    assert np.isfinite(texture).all()
    assert texture[..., :4].min() >= 0
    assert texture[..., :3].max() < 1.5
    assert texture[..., COLOURS:].min() >= 0
    assert uv.min() >= 0
    assert uv.max() <= 1
    middle = (uv.mean(1) * [cols, rows]).astype(int)
    seen = texture[middle[:, 1], middle[:, 0]]
    head = load_head()
    skin = head.part == head.names["parts"].index("skin")
    colour = seen[: len(head.part)][skin]
    assert (colour[:, :3].sum(1) > 0.01).all()
    assert (colour[:, 4] >= 0.5).all()  # skin has no holes
    folded = texture[..., COLOURS:].reshape(-1, texture.shape[-1] - COLOURS).max(0)
    assert (folded > 0.1).all()  # every group of wrinkles lies somewhere


def test_eyes_have_a_pupil_an_iris_and_a_white():
    for index in (0, 21, 50):
        texture = make_body(SUBJECTS[index]).surface.texture
        left, top, right, bottom = EYE
        x, y = (left + right) // 2, (top + bottom) // 2
        across = texture[y, x : right - 2, :3].mean(-1)
        pupil, white = across[:3].mean(), across[-20:].mean()
        iris = across[8:11].mean()
        assert pupil < 0.05
        assert pupil < iris < white
        assert white > 0.25
