"""Folders of people: what is found, how it is read, what is refused, and aligned copies."""

import json
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch

from painlab.datasets import aligned_faces
from painlab.datasets.aligned_faces import align_faces
from painlab.datasets.face_index import index_faces, read_identities
from painlab.datasets.faces import FaceFolder, read_face
from painlab.datasets.synthpain.portraits import draw_portraits
from painlab.errors import DataError

TABLE = (
    "\ufeffClass_ID, Name, Sample_Num, Flag, Gender\r\n"
    'n000001, "Zoë ""Zo"" Müller, Jr.", 3, 1, f\r\n'
    "n000002, Ann, 2, 1, f\r\n"
    "n000003, Tess T., 9, 0, f\r\n"
)


def paint(path, colour, shape=(20, 30)):
    """A picture of one colour (red, green, blue)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*shape, 3), colour[::-1], np.uint8)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture
def quiet():
    said = []
    return said, said.append


@pytest.fixture
def vggface2(tmp_path):
    for person, count in (("n000001", 3), ("n000002", 2)):
        for i in range(count):
            paint(tmp_path / "train" / person / f"{i:04}_01.jpg", (200, 40 * i, 10))
    paint(tmp_path / "test" / "n000003" / "0001_01.jpg", (1, 2, 3))
    (tmp_path / "identity_meta.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def test_vggface2(vggface2, quiet):
    said, say = quiet
    faces = FaceFolder(vggface2, size=16, say=say)
    assert (faces.identities, len(faces)) == (2, 5)
    assert faces.index.people == ("train/n000001", "train/n000002")
    assert [faces.index.picture(row) for row in range(5)] == [
        ("train/n000001/0000_01.jpg", 0),
        ("train/n000001/0001_01.jpg", 0),
        ("train/n000001/0002_01.jpg", 0),
        ("train/n000002/0000_01.jpg", 1),
        ("train/n000002/0001_01.jpg", 1),
    ]
    assert said == [f"{vggface2}: 5 pictures of 2 people."]
    # the folder train itself, with the table beside it, is the same
    inside = FaceFolder(vggface2 / "train", size=16, say=say)
    assert inside.index.people == ("n000001", "n000002")


def test_the_table_of_vggface2_has_free_names(vggface2):
    people = read_identities(vggface2 / "identity_meta.csv")
    assert people == {"n000001": (True, 3), "n000002": (True, 2), "n000003": (False, 9)}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("n000009, A", "line 5: a person's line has"),
        ("n000009, A, 3, 2, f", "line 5: a person's line has"),
        ("n000009, A, many, 1, f", "line 5: a person's line has"),
        ("n000001, A, 3, 1, f", "line 5: n000001 is there twice"),
    ],
)
def test_a_wrong_line_of_the_table_is_named(vggface2, line, what):
    path = vggface2 / "identity_meta.csv"
    path.write_text(TABLE + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=what) as error:
        FaceFolder(vggface2, say=print)
    assert str(path) in str(error.value)


def test_the_table_decides(vggface2, quiet):
    said, say = quiet
    paint(vggface2 / "train" / "n000003" / "a.jpg", (1, 1, 1))  # Flag 0
    paint(vggface2 / "train" / "stranger" / "a.jpg", (1, 1, 1))  # not in the table
    (vggface2 / "train" / "n000001" / "0002_01.jpg").unlink()
    faces = FaceFolder(vggface2, say=say)
    assert faces.index.people == ("train/n000001", "train/n000002")
    assert "left out: 2 folders that identity_meta.csv does not mark with 1." in said
    assert "fewer pictures than the table names: those of n000001, 1 picture in all." in said


def test_people_of_the_table_without_pictures(vggface2, quiet):
    said, say = quiet
    more = "n000004, B, 1, 1, m\nn000005, C, 1, 1, m\n"
    (vggface2 / "identity_meta.csv").write_text(TABLE + more, encoding="utf-8")
    (vggface2 / "train" / "n000004").mkdir()
    with pytest.raises(DataError, match=r"names 4 people to learn from, but 2 .* is n000004"):
        FaceFolder(vggface2, say=say)
    assert FaceFolder(vggface2, partial=True, say=say).identities == 2
    assert "without pictures: 2 of the 4 people of the table." in said
    assert "left out: 1 folder without pictures." in said


def test_any_folder_of_people(tmp_path, quiet):
    said, say = quiet
    for name in ("b.JPG", "a.jpeg", "c.Png", "d.webp", "e.bmp"):
        paint(tmp_path / "ann" / name, (9, 9, 9))
    paint(tmp_path / "Bo" / "x.jpg", (9, 9, 9))
    (tmp_path / "ann" / "notes.txt").write_text("no picture")
    (tmp_path / "ann" / "._a.jpg").write_text("a desktop's own file")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".cache").mkdir()
    faces = FaceFolder(tmp_path, say=say)
    assert faces.index.people == ("Bo", "ann")
    named = [faces.index.picture(row)[0] for row in range(6)]
    of_ann = ["a.jpeg", "b.JPG", "c.Png", "d.webp", "e.bmp"]
    assert named == ["Bo/x.jpg", *(f"ann/{name}" for name in of_ann)]
    assert said[0] == "left out: 1 folder without pictures."


def test_a_person_called_train_is_a_person(tmp_path):
    paint(tmp_path / "train" / "a.jpg", (1, 1, 1))
    paint(tmp_path / "zoe" / "a.jpg", (1, 1, 1))
    assert index_faces(tmp_path).people == ("train", "zoe")


def test_what_cannot_be_learned_from_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="nowhere cannot be read"):
        FaceFolder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="nobody has pictures there"):
        FaceFolder(tmp_path)
    paint(tmp_path / "ann" / "a.jpg", (1, 1, 1))
    with pytest.raises(DataError, match="only one person has pictures there"):
        FaceFolder(tmp_path)
    paint(tmp_path / "bo" / "a.jpg", (1, 1, 1))
    (tmp_path / "bo" / "b.jpg").touch()
    with pytest.raises(DataError, match=r"b\.jpg holds no byte"):
        FaceFolder(tmp_path)
    with pytest.raises(DataError, match="size must be at least 1"):
        FaceFolder(tmp_path, size=0)


@pytest.mark.parametrize("content", [b"no picture at all", None], ids=["foreign", "cut"])
def test_a_broken_picture_is_named(tmp_path, content):
    for name in ("ann", "bo"):
        paint(tmp_path / name / "a.jpg", (1, 1, 1), shape=(64, 64))
    path = tmp_path / "bo" / "a.jpg"
    path.write_bytes(content or path.read_bytes()[:200])
    faces = FaceFolder(tmp_path, say=lambda _: None)
    with pytest.raises(DataError, match="is broken or no picture") as error:
        faces.batch(0, 2, np.random.default_rng(0))
    assert str(path) in str(error.value)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        faces.batch(0, 2, np.random.default_rng(0))


def test_a_picture_is_read_in_its_colours_and_its_middle(tmp_path):
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = (255, 0, 0)  # red, in the middle
    cv2.imwrite(str(tmp_path / "a.png"), np.ascontiguousarray(pixels[..., ::-1]))
    for size in (20, 10, 40):
        face = read_face(tmp_path / "a.png", size=size)
        assert face.shape == (size, size, 3)
        inner = face[:, size // 5 : -size // 5]
        assert (inner == (255, 0, 0)).all()
    cv2.imwrite(str(tmp_path / "tall.png"), np.ascontiguousarray(pixels.swapaxes(0, 1)))
    assert read_face(tmp_path / "tall.png", size=20)[:, :, 2].min() == 255
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((5, 7), 9, np.uint8))
    assert (read_face(tmp_path / "grey.png", size=5) == 9).all()


def test_the_digest_knows_names_and_sizes(tmp_path):
    def digest():
        return FaceFolder(tmp_path, say=lambda _: None).describe()["digest"]

    for name in ("ann", "bo"):
        paint(tmp_path / name / "a.png", (1, 1, 1))
    first = digest()
    assert digest() == first
    told = FaceFolder(tmp_path, say=lambda _: None).describe()
    assert json.loads(json.dumps(told)) == told
    (tmp_path / "bo" / "a.png").rename(tmp_path / "bo" / "b.png")
    renamed = digest()
    paint(tmp_path / "bo" / "b.png", (1, 1, 1), shape=(40, 40))
    assert len({first, renamed, digest()}) == 3


def test_batches_are_alike_in_any_thread_and_pictures_alike_likely(tmp_path):
    for name, count in (("ann", 6), ("bo", 2)):
        for i in range(count):
            paint(tmp_path / name / f"{i}.png", (100 * (name == "bo"), 30 * i, 0))
    faces = FaceFolder(tmp_path, size=16, say=lambda _: None)

    def make(step):
        return faces.batch(step, 4, np.random.default_rng(step))

    alone = [make(step) for step in range(40)]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(make, range(40)))
    for one, other in zip(alone, beside, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.identity, other.identity)
        assert one.actions is None
        assert torch.equal(one.images[:, 0, 0, 0] == 100, one.identity == 1)
    bo = torch.cat([batch.identity for batch in alone]).float().mean()
    assert 0.15 < bo < 0.35  # two pictures of eight
    assert len(faces.batch(0, 20, np.random.default_rng(0)).images) == 20  # more than there are


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two rendered people as a detector would crop them, and a picture of nobody."""
    root = tmp_path_factory.mktemp("people")
    for person in range(2):
        drawn = draw_portraits(person, seed=77, count=2, size=160, crop="loose")
        for i, image in enumerate(drawn.images.numpy()):
            path = root / f"p{person}" / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), np.ascontiguousarray(image[..., ::-1]))
    paint(root / "p1" / "nobody.jpg", (90, 90, 90), shape=(160, 160))
    (root / "p0" / "torn.jpg").write_bytes(b"")
    return root


def contents(out):
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def test_aligned_copies_and_going_on(people, tmp_path, monkeypatch, quiet):
    _, say = quiet
    out = tmp_path / "aligned"
    done = align_faces(people, out, landmarks="fitted", size=64, say=say)
    assert done == (4, 0, 1, 1)
    whole = contents(out)
    faces = {"p0/0.jpg", "p0/1.jpg", "p1/0.jpg", "p1/1.jpg"}
    assert set(whole) == faces | {"without_face.txt", "broken.txt", "aligner.json"}
    assert whole["without_face.txt"] == b"p1/nobody.jpg\n"
    assert whole["broken.txt"] == b"p0/torn.jpg\n"
    assert json.loads(whole["aligner.json"])["size"] == 64
    folder = FaceFolder(out, size=64, say=say)
    assert (folder.identities, len(folder)) == (2, 4)
    picture = read_face(out / "p0" / "0.jpg", size=64)
    assert picture.std() > 10

    # as a kill may leave it: a picture missing, one half-written, a line cut short
    (out / "p1" / "0.jpg").unlink()
    (out / "p1" / "0.jpg.part").write_bytes(b"half")
    (out / "without_face.txt").write_bytes(b"p1/nob")
    looked = []
    real = aligned_faces._align_one
    monkeypatch.setattr(
        aligned_faces, "_align_one", lambda *given: looked.append(given[0].name) or real(*given)
    )
    assert align_faces(people, out, landmarks="fitted", size=64, say=say) == (1, 3, 1, 1)
    assert looked == ["0.png", "nobody.jpg"]
    assert contents(out) == whole
    assert align_faces(people, out, landmarks="fitted", size=64, say=say) == (0, 4, 1, 1)


def test_what_cannot_be_aligned_is_refused(people, tmp_path):
    with pytest.raises(DataError, match="a folder of their own"):
        align_faces(people, people)
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(DataError, match="holds something else"):
        align_faces(people, tmp_path, landmarks="fitted", say=lambda _: None)
    other = tmp_path / "other"
    other.mkdir()
    (other / "aligner.json").write_text("{}")
    with pytest.raises(DataError, match="aligned in another way"):
        align_faces(people, other, landmarks="fitted", say=lambda _: None)
    with pytest.raises(DataError, match=r"diary\.txt cannot be written"):
        align_faces(people, tmp_path / "diary.txt", landmarks="fitted", say=lambda _: None)
    for name in ("a.jpg", "a.png"):
        paint(tmp_path / "twins" / "ann" / name, (1, 1, 1))
    paint(tmp_path / "twins" / "bo" / "a.png", (1, 1, 1))
    with pytest.raises(DataError, match="would get one name"):
        align_faces(tmp_path / "twins", tmp_path / "out", landmarks="fitted", say=lambda _: None)
