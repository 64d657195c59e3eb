"""A subject made ready to be drawn: the shape at rest, the mesh with its hair, the texture."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from painlab.datasets.synthpain.atlas import HEIGHT, WIDTH
from painlab.datasets.synthpain.hair import HairMesh, grow_hair, paint_hair
from painlab.datasets.synthpain.head import load_head
from painlab.datasets.synthpain.people import Person, draw_person, linear
from painlab.datasets.synthpain.shading import COLOURS, CUT_OUT, TWO_SIDED, Surface
from painlab.datasets.synthpain.skin import paint_skin
from painlab.datasets.synthpain.subjects import Subject, generator
from painlab.datasets.synthpain.wrinkles import WRINKLES
from painlab.typing import Float

# where the head model's small parts lie in the atlas: left, top, right, bottom in texels
EYE, MOUTH, LASHES, TEETH, TONGUE = (
    (640, 404, 740, 504), (760, 404, 820, 504), (830, 404, 870, 504),
    (880, 404, 940, 504), (950, 404, 1010, 504),
)  # fmt: skip
RIM = 120.0  # degrees off the eye's axis at the edge of its disc
IRIS, PUPIL = 29.0, 11.0  # degrees
MARGIN = 4  # texels around a part that its colour goes on


@dataclass(frozen=True, eq=False)
class Body:
    """What a renderer needs of a subject; the same in every clip."""

    person: Person
    neutral: Float[np.ndarray, "v xyz"]
    hair: HairMesh | None
    surface: Surface


@lru_cache(maxsize=4)
def make_body(subject: Subject) -> Body:
    """Shape, mesh and texture of a subject, in about half a second."""
    head = load_head()
    person = draw_person(subject)
    neutral = head.shape(macros=person.macros, builds=person.builds, modes=person.modes)
    _shorten_lashes(neutral, person.lashes)
    hair = grow_hair(person, neutral, skin_normals(neutral))
    kind = np.zeros(len(head.part), np.uint8)
    kind[head.of("lashes")] = TWO_SIDED
    triangles, uv, occlusion = [head.triangles], [head.uv], [head.occlusion]
    kinds = [kind]
    if hair is not None:
        triangles.append(hair.triangles)
        uv.append(hair.uv)
        occlusion.append(hair.occlusion)
        kinds.append(np.full(len(hair.triangles), TWO_SIDED | CUT_OUT, np.uint8))
    surface = Surface(
        triangles=np.concatenate(triangles).astype(np.int32),
        uv=np.concatenate(uv).astype(np.float32),
        kind=np.concatenate(kinds),
        occlusion=np.concatenate(occlusion).astype(np.float32),
        texture=paint(person, generator(subject.seed, "appearance", subject.index, level=1)),
    )
    return Body(person=person, neutral=neutral, hair=hair, surface=surface)


LASH_ROOT = 0.8  # millimetres between a lash's root and the skin, at most


def _shorten_lashes(points: Float[np.ndarray, "v xyz"], length: float) -> None:
    """Draw the lashes' vertices towards their roots, in place; 1 leaves them as they are.

    The roots are the lashes' own vertices that touch the skin: the skin nearest to a lash's tip is
    the fold above the lid, and lashes drawn towards it would cover the lid like paint.
    """
    head = load_head()
    lashes = np.unique(head.triangles[head.of("lashes")])
    skin = np.unique(head.triangles[head.of("skin")])
    away = np.linalg.norm(points[lashes, None] - points[skin], axis=-1).min(axis=1)
    roots = lashes[away < LASH_ROOT]
    away = np.linalg.norm(points[lashes, None] - points[roots], axis=-1)  # (lashes roots)
    root = points[roots[away.argmin(axis=1)]]
    points[lashes] = root + np.float32(0.1 + 0.5 * length) * (points[lashes] - root)


def skin_normals(points: Float[np.ndarray, "v xyz"]) -> Float[np.ndarray, "v xyz"]:
    """Unit normals of the skin's vertices at rest."""
    head = load_head()
    corners = head.triangles[head.of("skin")]
    a, b, c = (points[corners[:, i]].astype(np.float64) for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros(points.shape)
    for i in range(3):
        np.add.at(normals, corners[:, i], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def paint(person: Person, rng: np.random.Generator) -> Float[np.ndarray, "height width c"]:
    """The whole texture of a person."""
    texture = np.zeros((HEIGHT, WIDTH, COLOURS + len(WRINKLES)), np.float32)
    texture[:, :HEIGHT] = paint_skin(person, rng)
    texture[:, HEIGHT:] = paint_hair(person, rng, texture.shape[-1])
    _fill(texture, MOUTH, (0.14, 0.025, 0.025), gloss=0.05)
    _fill(texture, TEETH, linear((226, 214, 190)) * 0.85, gloss=0.25)
    _fill(texture, TONGUE, linear((170, 84, 84)), gloss=0.15)
    _fill(texture, LASHES, 0.02 + 0.25 * (1 - person.lashes) * person.skin, gloss=0.0)
    _paint_eye(texture, person, rng)
    return texture


def _fill(texture, place, colour, *, gloss):
    left, top, right, bottom = place
    area = texture[top - MARGIN : bottom + MARGIN, left - MARGIN : right + MARGIN]
    area[...] = 0
    area[..., :3] = colour
    area[..., 3] = gloss
    area[..., 4] = 1


def _paint_eye(texture, person, rng):
    """Sclera, iris with its dark rim and spokes, pupil; seen along the eye's axis."""
    _fill(texture, EYE, linear((196, 188, 182)), gloss=0.45)
    left, top, right, bottom = EYE
    rows, cols = np.mgrid[0 : bottom - top, 0 : right - left] + 0.5
    dx, dy = cols / (right - left) * 2 - 1, rows / (bottom - top) * 2 - 1
    angle, turn = np.hypot(dx, dy) * RIM, np.arctan2(dy, dx)
    area = texture[top:bottom, left:right]
    bloodshot = np.clip((angle - IRIS) / 45, 0, 1)[..., None] * np.array([0.05, 0.3, 0.28])
    area[..., :3] *= 1 - bloodshot
    spokes = np.interp(turn, np.linspace(-np.pi, np.pi, 60), rng.uniform(0.75, 1.25, 60))
    depth = np.interp(angle, [PUPIL, 18, 25, IRIS], [1.25, 1.1, 0.85, 0.3])
    iris = person.iris * (spokes * depth)[..., None]
    soft = np.clip((IRIS + 1.2 - angle) / 2.4, 0, 1)[..., None]
    area[..., :3] += soft * (iris - area[..., :3])
    dark = np.clip((PUPIL + 1 - angle) / 2, 0, 1)[..., None]
    area[..., :3] += dark * (0.004 - area[..., :3])
