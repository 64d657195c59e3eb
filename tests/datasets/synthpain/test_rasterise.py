"""Both rasterisers against cases worked by hand, a float64 reference, and each other."""

import functools
import logging
import sys

import numpy as np
import pytest
import reference
import torch
from scenes import draw_numba, draw_torch, egg, only_frames, plain

from painlab.datasets.synthpain import _torch_visibility, _visibility, rasterise
from painlab.datasets.synthpain._compiled import compiled
from painlab.datasets.synthpain.rasterise import Backdrop, Light
from painlab.datasets.synthpain.shading import grain_key
from painlab.errors import PainLabError

BOTH = pytest.mark.parametrize("draw", [draw_numba, draw_torch], ids=["numba", "torch"])


def flat(points):
    """Vertices at z = 1, where a plain scene has them at their place in pixels."""
    return np.concatenate([points, np.ones((len(points), 1))], 1)


def quad(z, *, left=0.0, right=8.0, top=0.0, bottom=8.0):
    """Four vertices of a rectangle on the screen at a depth (or four depths)."""
    x, y = np.array([left, left, right, right]), np.array([top, bottom, bottom, top])
    return np.stack([x * z, y * z, np.ones(4) * z], -1)


FACING = [[0, 1, 2], [0, 2, 3]]  # of quad()


def marked(*grey):
    """A texture with one grey a column and full opacity, and the uv that picks a column."""
    texture = np.zeros((1, len(grey), 5), np.float32)
    texture[..., :3], texture[..., 4] = np.array(grey)[None, :, None], 1
    return texture, [np.full((3, 2), [(i + 0.5) / len(grey), 0.5]) for i in range(len(grey))]


# ---- coverage


@BOTH
def test_a_sample_on_an_edge_belongs_to_the_triangle_right_of_or_below_it(draw):
    """The diagonal of a 4×4 square runs through four pixel centres: i + j = 3."""
    corners = flat([[0, 0], [0, 4], [4, 0], [4, 4]])
    upper = draw(plain(corners, [[0, 1, 2]], size=(4, 4)))[0, ..., 0] > 0
    lower = draw(plain(corners, [[2, 1, 3]], size=(4, 4)))[0, ..., 0] > 0
    i, j = np.indices((4, 4))
    assert (upper == (i + j < 3)).all()
    assert (lower == (i + j >= 3)).all()


@BOTH
def test_top_and_left_edges_belong_to_a_square_bottom_and_right_ones_do_not(draw):
    """Its sides run through pixel centres: 0.5 to 2.5 is the pixels 0 and 1."""
    square = flat([[0.5, 0.5], [0.5, 2.5], [2.5, 2.5], [2.5, 0.5]])
    seen = draw(plain(square, FACING, size=(4, 4)))[0, ..., 0] > 0
    expected = np.zeros((4, 4), bool)
    expected[:2, :2] = True
    assert (seen == expected).all()


@BOTH
def test_neighbours_cover_every_sample_exactly_once(draw):
    """A jittered mesh, its vertices many exactly on pixel centres; one triangle a frame."""
    random = np.random.default_rng(0)
    side, size = 6, 24
    grid = np.stack(np.indices((side + 1, side + 1))[::-1], -1) * (size / side)
    inner = grid[1:-1, 1:-1]
    inner += random.uniform(-1.4, 1.4, inner.shape)
    inner[::2] = np.floor(inner[::2]) + 0.5  # these rows exactly on pixel centres
    points = flat(grid.reshape(-1, 2))
    i, j = (axis.reshape(-1) for axis in np.indices((side, side)))
    a, b, c, d = (p * (side + 1) + q for p, q in ((i, j), (i + 1, j), (i, j + 1), (i + 1, j + 1)))
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([c, b, d], -1)])
    count = len(triangles)
    frames = np.ones((count, count, 3, 3), np.float32)  # the others shrink to a point
    frames[np.arange(count), np.arange(count)] = points[triangles]
    unshared = np.arange(3 * count).reshape(-1, 3)
    scene = plain(frames.reshape(count, -1, 3), unshared, size=(size, size), kind=1)
    covered = (draw(scene)[..., 0] > 0).sum(0)
    assert (covered == 1).all()


@BOTH
def test_a_triangle_seen_from_behind_is_drawn_only_if_two_sided(draw):
    back = [[0, 2, 1], [0, 3, 2]]
    assert draw(plain(quad(1.0), FACING, size=(8, 8))).min() == 255
    assert draw(plain(quad(1.0), back, size=(8, 8))).max() == 0
    assert draw(plain(quad(1.0), back, size=(8, 8), kind=1)).min() == 255


@BOTH
def test_triangles_reaching_far_out_of_the_frame_are_cut_at_its_border(draw):
    points = flat([[-5000, -5000], [-5000, 9000], [9000, -5000]])
    assert draw(plain(points, [[0, 1, 2]], size=(5, 7))).min() == 255
    beside = flat([[-9, -9], [-9, -1], [-1, -9]])
    assert draw(plain(beside, [[0, 1, 2]], size=(5, 7))).max() == 0


# ---- depth


@BOTH
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_triangle_hides_the_farther_whatever_their_order(draw, order):
    points = np.concatenate([quad(2.0), quad(1.0, right=4.0)])
    triangles = np.array([*FACING, [4, 5, 6], [4, 6, 7]])
    texture, (far, near) = marked(0.1, 0.9)
    uv = np.array([far, far, near, near])
    pairs = np.array([[0, 1], [2, 3]])[order].reshape(-1)
    scene = plain(points, triangles[pairs], size=(8, 8), uv=uv[pairs], texture=texture)
    seen = draw(scene)[0, ..., 0]
    assert (seen[:, :4] == round(float(reference.to_srgb(0.9)))).all()
    assert (seen[:, 4:] == round(float(reference.to_srgb(0.1)))).all()


@BOTH
def test_at_equal_depth_the_lower_number_wins(draw):
    texture, (first, second) = marked(0.2, 0.8)
    triangles, uv = [*FACING, *FACING], [first, first, second, second]
    seen = draw(plain(quad(1.0), triangles, size=(8, 8), uv=uv, texture=texture))
    assert (seen == round(float(reference.to_srgb(0.2)))).all()


@BOTH
def test_planes_that_cross_meet_where_their_depths_are_equal(draw):
    """1/z is linear on the screen: from 1 to 1/3 on one plane, 2/3 everywhere on the other."""
    slanted, level = quad(np.array([1.0, 1.0, 3.0, 3.0])), quad(1.5)
    texture, (a, b) = marked(0.2, 0.8)
    triangles = [*FACING, [4, 5, 6], [4, 6, 7]]
    scene = plain(
        np.concatenate([slanted, level]), triangles, size=(8, 8), uv=[a, a, b, b], texture=texture
    )
    seen = draw(scene)[0, ..., 0] == round(float(reference.to_srgb(0.2)))
    assert seen[:, :4].all()
    assert not seen[:, 4:].any()


# ---- interpolation


@BOTH
def test_texture_coordinates_are_perspective_correct(draw):
    """A wall from (-1, ±1, 1) to (1, ±1, 3): where a ray (dx, dy, 1) meets it, in closed form."""
    size, z0, z1 = 64, 1.0, 3.0
    points = [[-1, -1, z0], [-1, 1, z0], [1, 1, z1], [1, -1, z1]]
    ramp = (np.arange(256) + 0.5) / 256
    texture = np.zeros((256, 256, 5), np.float32)
    texture[..., 0], texture[..., 1], texture[..., 4] = ramp, ramp[:, None], 1
    corner = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    scene = plain(points, FACING, size=(size, size), uv=corner[FACING], texture=texture)
    scene |= {"focal": np.full(1, size / 2, np.float32), "centre": (size / 2, size / 2)}
    seen = draw(scene)[0]
    dy, dx = (np.indices((size, size)) + 0.5 - size / 2) / (size / 2)
    u = (dx * z0 + 1) / (2 - dx * (z1 - z0))  # x = 2u - 1 = dx * z, z = z0 + (z1 - z0) u
    v = (dy * (z0 + (z1 - z0) * u) + 1) / 2
    inside = (u > 0.01) & (u < 0.99) & (v > 0.01) & (v < 0.99)
    assert inside.sum() > 1000
    # corners lie on a grid of 1/256 pixel: a far pixel sees the texture that much to the side
    assert np.abs(seen[..., 0] - reference.to_srgb(u))[inside].max() < 1.5
    assert np.abs(seen[..., 1] - reference.to_srgb(v))[inside].max() < 1.5
    assert (seen[..., 2] == 0).all()


def normals_of(points, triangles):
    """Vertex normals of both versions."""
    points, triangles = np.float32(points), np.int32(triangles)
    by_numba = np.empty_like(points)
    _visibility.vertex_normals(points, triangles, by_numba)
    long = torch.from_numpy(triangles).long()
    rounds = _torch_visibility.normal_rounds(long, vertices=len(points))
    by_torch = _torch_visibility.vertex_normals(torch.from_numpy(points)[None], long, rounds)
    return by_numba, by_torch[0].numpy()


def test_vertex_normals_weigh_triangles_by_area():
    """One triangle of area 3 in the plane facing the camera, one of area 1 facing the left."""
    points = [[0, 0, 5], [0, 2, 5], [3, 0, 5], [0, 0, 6], [9, 9, 9]]
    triangles = [[0, 1, 2], [0, 3, 1]]
    for normals in normals_of(points, triangles):
        assert np.allclose(normals[0], reference.unit(np.array([-1, 0, -3])), atol=1e-6)
        assert np.allclose(normals[2], [0, 0, -1], atol=1e-6)
        assert (normals[4] == 0).all()  # no triangle has it


def test_normals_of_a_sphere_point_away_from_its_centre():
    scene = egg(rows=40, cols=80, frames=1, texture=1)
    away = np.array([0, 0, 700])
    points = reference.unit(scene["positions"][0] - away) * 50
    by_numba, by_torch = normals_of(points + away, scene["surface"].triangles)
    inner = slice(80, -80)  # the first and last ring have a hole at the pole
    assert (by_numba[inner] * reference.unit(points)[inner]).sum(-1).min() > 0.999
    # torch's square root on a CPU is not always the nearest float32
    assert np.abs(by_numba - by_torch).max() < 5e-7


# ---- light


def shaded_scene():
    """A small egg with an ear seen from both sides and a veil with holes, all effects at work."""
    scene = egg(rows=10, cols=16, frames=2, size=40, texture=16, wrinkles=2, seed=3)
    random = np.random.default_rng(1)
    ear = np.float32([[60, -60, 640], [60, 40, 650], [150, -20, 560], [150, -80, 700]])
    veil = np.float32([[-120, -40, 540], [-120, 60, 540], [-10, 60, 530], [-10, -40, 530]])
    points = scene["positions"]
    many = points.shape[1]
    extra = np.broadcast_to(np.concatenate([ear, veil]), (2, 8, 3))
    more = many + np.array([[0, 2, 1], [1, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    surface = scene["surface"]
    texture = surface.texture.copy()
    texture[..., 3] += 0.5  # glossy
    texture[..., 4] = random.random((16, 16))
    surface = surface._replace(
        triangles=np.concatenate([surface.triangles, more]),
        uv=np.concatenate([surface.uv, random.random((4, 3, 2), np.float32)]),
        kind=np.concatenate([surface.kind, np.array([1, 1, 3, 3], np.uint8)]),
        occlusion=np.concatenate([surface.occlusion, random.random(8, np.float32)]),
        texture=texture,
    )
    return scene | {
        "positions": np.concatenate([points, extra], 1),
        "surface": surface,
        "grain": 0.0,
        "supersample": 3,
    }


@BOTH
def test_the_whole_shading_model_equals_the_reference_in_float64(draw):
    """Corners lie on a grid of 1/256 sample here, so that a sample on an edge may change sides."""
    scene = shaded_scene()
    drawn = draw(scene)
    for frame in range(2):
        expected = reference.draw_frame(scene, frame)
        apart = np.abs(drawn[frame] - expected)
        assert expected.std() > 25
        assert (apart <= 0.51).mean() > 0.995
        assert apart.max() < 12


@BOTH
def test_light_from_the_camera_on_a_facing_wall_by_hand(draw):
    """n = l = v = (0, 0, -1) on the axis: diffuse 1, specular the gloss, each times its share."""
    texture = np.array([0.2, 0.1, 0.05, 0.03, 1], np.float32)[None, None]
    lamp = np.float32([[[0, 0, -1]]])
    colour, sky, ground = np.float32([[[0.9, 0.8, 0.7]]]), np.float32([[0.5] * 3]), [[0.3] * 3]
    points = quad(1.0, left=-0.5, right=0.5, top=-0.5, bottom=0.5)
    scene = plain(
        points, FACING, size=(1, 1), texture=texture, centre=(0.5, 0.5),
        light=Light(lamp, colour, sky, np.float32(ground)),
    )  # fmt: skip
    a = 0.5
    scene["surface"] = scene["surface"]._replace(occlusion=np.full(4, a, np.float32))
    share = 0.4 + 0.6 * a
    linear = np.array([0.2, 0.1, 0.05]) * (0.4 * a + share * colour[0, 0]) + 0.03 * a * colour[0, 0]
    assert np.abs(draw(scene)[0, 0, 0] - reference.to_srgb(linear)).max() <= 0.51


@BOTH
def test_a_lamp_behind_the_wall_shines_through_but_is_not_mirrored(draw):
    """n·l = -0.05, and n·h = 0.98 would mirror half of the lamp if it were before the wall."""
    texture = np.array([0.9, 0.9, 0.9, 1, 1], np.float32)[None, None]
    along = np.tan(np.deg2rad(72.5))  # the wall is seen at this angle from its normal
    wall = quad(1.0, left=along - 1, right=along + 1, top=-1, bottom=1)
    lamp = np.float32([[[np.sqrt(1 - 0.05**2), 0, 0.05]]])
    dark = np.zeros((1, 3), np.float32)
    scene = plain(
        wall, FACING, size=(1, 1), texture=texture, centre=(0.5 - along, 0.5),
        light=Light(lamp, np.ones((1, 1, 3), np.float32), dark, dark),
    )  # fmt: skip
    wrap = reference.WRAP
    expected = reference.to_srgb(0.9 * (wrap - 0.05) / (1 + wrap))
    assert np.abs(draw(scene)[0, 0, 0] - expected).max() <= 0.51


@BOTH
def test_a_wrinkle_darkens_by_its_weight_and_never_below_black(draw):
    texture = np.array([0.8, 0.8, 0.8, 0, 1, 0.5, 1.0], np.float32)[None, None]
    scene = plain(np.repeat(quad(1.0)[None], 3, 0), FACING, size=(8, 8), texture=texture)
    scene["wrinkles"] = np.float32([[0, 0], [0.5, 0.25], [1, 3]])
    none, some, much = draw(scene)[:, 4, 4, 0]
    assert none == round(float(reference.to_srgb(0.8)))
    assert some == round(float(reference.to_srgb(0.8 * (1 - 0.5 * 0.5 - 0.25))))
    assert much == 0


@BOTH
def test_a_two_sided_triangle_is_lit_on_the_side_that_is_seen(draw):
    lamp = Light(
        np.float32([[[0, 0, -1]]]), np.float32([[[0.6] * 3]]), np.zeros((1, 3), np.float32),
        np.zeros((1, 3), np.float32),
    )  # fmt: skip
    facing = draw(plain(quad(1.0), FACING, size=(8, 8), light=lamp))
    turned = draw(plain(quad(1.0), [[0, 2, 1], [0, 3, 2]], size=(8, 8), light=lamp, kind=1))
    assert facing.min() > 100
    assert (facing == turned).all()


@BOTH
def test_cut_outs_show_what_lies_behind(draw):
    texture = np.ones((1, 8, 5), np.float32) * np.float32([0.9, 0.9, 0.9, 0, 0])
    texture[0, 4:, 4] = 1
    corner = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    points = np.concatenate([quad(1.0), quad(2.0)])
    behind = np.full((2, 3, 2), [1.0, 0.5])
    triangles, uv = [*FACING, [4, 5, 6], [4, 6, 7]], np.concatenate([corner[FACING], behind])
    # bilinear opacity passes 0.5 in the middle, where the fourth and the fifth texel meet
    for kind, size in (([2, 2, 0, 0], 4), ([0, 0, 0, 0], 0)):
        scene = plain(points, triangles, size=(8, 8), uv=uv, texture=texture, kind=kind)
        occlusion = np.float32([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5])  # the wall behind is darker
        scene["surface"] = scene["surface"]._replace(occlusion=occlusion)
        seen = draw(scene)[0, ..., 0]
        assert (seen[:, :size] == round(float(reference.to_srgb(0.45)))).all()
        assert (seen[:, size:] == round(float(reference.to_srgb(0.9)))).all()
    alone = plain(points[:4], FACING, size=(8, 8), uv=uv[:2], texture=texture, kind=2)
    assert (draw(alone)[0, :, :4] == 0).all()


# ---- from samples to bytes


@BOTH
def test_samples_are_averaged_in_linear_light(draw):
    """A pixel three quarters covered by white has linear 0.75, level 225, not 191."""
    points = flat([[0, 0], [0, 2], [2, 0]])
    seen = draw(plain(points, [[0, 1, 2]], size=(1, 1), supersample=2))
    assert (seen == 255).all()
    corner = flat([[0, 0], [0, 1], [1, 0]])  # its edge runs through two of the four samples
    seen = draw(plain(corner, [[0, 1, 2]], size=(1, 1), supersample=2))
    assert (seen == round(float(reference.to_srgb(0.25)))).all()
    backdrop = Backdrop(np.full((1, 1, 3), 0.5, np.float32), np.zeros((1, 2), np.float32))
    seen = draw(plain(corner, [[0, 1, 2]], size=(1, 1), supersample=2, backdrop=backdrop))
    assert (seen == round(float(reference.to_srgb(0.25 + 0.75 * 0.5)))).all()


@BOTH
def test_the_backdrop_is_a_window_in_a_larger_picture(draw):
    random = np.random.default_rng(0)
    wall = random.random((9, 11, 3)).astype(np.float32)
    corner = np.float32([[2, 1], [2.25, 1.5], [-3, 8]])
    outside = np.repeat(flat([[-2, -2], [-2, -1], [-1, -2]])[None], 3, 0)
    scene = plain(outside, [[0, 1, 2]], size=(4, 5), backdrop=Backdrop(wall, corner))
    seen = draw(scene)
    assert (seen[0] == np.floor(reference.to_srgb(wall[1:5, 2:7]) + 0.5)).mean() > 0.98
    j, i = np.indices((4, 5))
    for frame in (1, 2):
        x, y = corner[frame]
        expected = reference.to_srgb(reference.bilinear(wall.astype(float), i + x, j + y))
        assert np.abs(seen[frame] - expected).max() <= 0.52


def test_grain_is_even_noise_of_the_size_asked_for_and_equal_in_both_versions():
    level = float(reference.to_linear(128))
    backdrop = Backdrop(np.full((1, 1, 3), level, np.float32), np.zeros((3, 2), np.float32))
    outside = np.repeat(flat([[-2, -2], [-2, -1], [-1, -2]])[None], 3, 0)
    scene = plain(outside, [[0, 1, 2]], size=(150, 100), backdrop=backdrop, grain=10.0)
    seen = draw_numba(scene)
    assert (seen == draw_torch(scene)).all()
    noise = seen.astype(float) - 128
    values, counts = np.unique(noise, return_counts=True)
    assert values.tolist() == list(range(-10, 11))
    deviation = 20 / 12**0.5
    assert abs(noise.mean()) < 4 * deviation / noise.size**0.5
    assert np.abs(counts[1:-1] - noise.size / 20).max() < 5 * (noise.size / 20) ** 0.5
    # no two frames, channels or neighbouring pixels alike
    flat_noise = [noise[0].ravel(), noise[1].ravel(), noise[2].ravel()]
    flat_noise += [np.roll(noise[0], s, a).ravel() for s, a in ((1, 0), (1, 1), (1, 2))]
    likeness = np.corrcoef(flat_noise) - np.eye(6)
    assert np.abs(likeness).max() < 5 / noise[0].size ** 0.5
    assert (draw_numba(scene, grain_seed=2**40) != seen).mean() > 0.9


def test_seeds_of_any_size_give_keys_of_their_own():
    seeds = [0, 1, 2, 2**32, 2**32 + 1, 2**64 + 1, 12345678901234567890]
    assert len({grain_key(seed) for seed in seeds}) == len(seeds)
    assert all(0 <= grain_key(seed) < 2**32 for seed in seeds)
    with pytest.raises(PainLabError, match="grain_seed=-1"):
        grain_key(-1)


# ---- the same bytes


@pytest.fixture(scope="module")
def clip():
    """An egg as detailed as a head, and its picture."""
    scene = egg(frames=4)
    return scene, draw_numba(scene)


def test_numba_and_torch_are_a_grey_level_apart_at_most_nearly_everywhere(clip):
    scene, drawn = clip
    apart = np.abs(drawn.astype(int) - draw_torch(scene))
    assert (apart <= 1).mean() > 0.999
    assert drawn.std() > 20


@pytest.mark.gpu
def test_a_gpu_draws_the_same_pictures(clip):
    scene, drawn = clip
    seen = draw_torch(scene, device="cuda")
    apart = np.abs(drawn.astype(int) - seen)
    print(f"CUDA against numba: {(apart > 0).mean():.1e} of values differ, most {apart.max()}")
    assert (apart <= 1).mean() > 0.999
    assert (draw_torch(scene, device="cuda") == seen).all()
    assert (draw_torch(scene, device="cuda", chunk=1) == seen).all()


def test_threads_do_not_change_a_byte(clip):
    scene, drawn = clip
    assert (draw_numba(scene, threads=1) == drawn).all()
    assert (draw_numba(scene, threads=4) == drawn).all()


@BOTH
def test_a_frame_drawn_alone_is_the_clips(draw, clip):
    scene, _ = clip
    drawn = draw(only_frames(scene, slice(1, 3)), first_frame=1)
    assert (drawn[1] == draw(only_frames(scene, slice(2, 3)), first_frame=2)[0]).all()
    # the grain is that of the frame's number: with another number only the grain is another
    other = draw(only_frames(scene, slice(2, 3)))[0].astype(int)
    assert 0 < np.abs(drawn[1] - other).max() <= 2 * scene["grain"] + 1


def test_chunks_do_not_change_a_byte(clip):
    scene, _ = clip
    scene = only_frames(scene, slice(0, 3))
    assert (draw_torch(scene, chunk=1) == draw_torch(scene, chunk=2)).all()


# ---- bad input and missing packages


@BOTH
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": np.float32([[[0, 0, 1], [0, 4, -1], [4, 0, 1]]])}, "not in front of"),
        ({"positions": np.float32([[[0, 0, 1], [0, np.nan, 1], [4, 0, 1]]])}, "not in front of"),
        ({"positions": np.float32([[[0, 0, 1], [0, 4, 1e-9], [4, 0, 1]]])}, "not in front of"),
        ({"wrinkles": np.zeros((1, 3), np.float32)}, r"wrinkles is \(1, 3\)"),
        ({"size": (0, 4)}, "size="),
        ({"supersample": 0}, "supersample=0"),
        ({"grain": -1.0}, "grain=-1"),
        ({"triangles": np.int32([[0, 1, 3]])}, "vertices that are not among the 3"),
        ({"texture": np.zeros((1, 1, 4), np.float32)}, r"surface.texture is \(1, 1, 4\)"),
        ({"uv": np.full((1, 3, 2), np.nan, np.float32)}, "surface.uv"),
        ({"kind": np.zeros(2, np.uint8)}, "surface.kind"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, changes, message):
    scene = plain(flat([[0, 0], [0, 4], [4, 0]]), [[0, 1, 2]], size=(4, 4))
    surface = {name: value for name, value in changes.items() if hasattr(scene["surface"], name)}
    scene |= {name: value for name, value in changes.items() if name not in surface}
    scene["surface"] = scene["surface"]._replace(**surface)
    with pytest.raises(PainLabError, match=message):
        draw(scene)


def test_without_numba_torch_draws_and_says_so_once(monkeypatch, caplog):
    scene = egg(rows=10, cols=16, frames=2, size=40, texture=8)
    drawn = draw_numba(scene)
    fresh = functools.cache(rasterise.compiled_loops.__wrapped__)
    monkeypatch.setattr(rasterise, "compiled_loops", fresh)
    import painlab.datasets.synthpain as package

    for name in ("_compiled", "_lighting", "_visibility"):
        monkeypatch.delitem(sys.modules, f"painlab.datasets.synthpain.{name}")
        monkeypatch.delattr(package, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    with caplog.at_level(logging.WARNING, "painlab"):
        again = [draw_numba(scene) for _ in range(2)]
    assert [r.message for r in caplog.records if "numba is not installed" in r.message] != []
    assert len(caplog.records) == 1
    assert (again[0] == again[1]).all()
    assert (np.abs(again[0].astype(int) - drawn) <= 1).mean() > 0.999


def test_loops_are_compiled_also_where_nothing_can_be_cached():
    """Code from a string has no file, so that numba finds no folder for its cache."""
    names = {}
    exec(compile("def twice(x):\n    return 2 * x\n", "<nowhere>", "exec"), names)
    assert compiled(names["twice"])(21) == 42
