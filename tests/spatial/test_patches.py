import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from painlab import PainLabError, join_patches, split_patches

sizes = st.tuples(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3),
    st.integers(1, 3), st.integers(1, 5),
)  # fmt: skip


@given(sizes)
def test_split_and_join_are_exact_inverses(size):
    b, c, rows, cols, r, s = size
    images = torch.randn(b, c, rows * r * s, cols * r * s)
    patches = split_patches(images, patch=r * s, sub_patch=s)
    assert patches.shape == (b, rows * cols, r * r, s, s, c)
    height, width = images.shape[-2:]
    assert torch.equal(join_patches(patches, height=height, width=width), images)
    again = split_patches(
        join_patches(patches, height=height, width=width), patch=r * s, sub_patch=s
    )
    assert torch.equal(again, patches)


def test_where_a_pixel_goes():
    """Pixel (row 21, column 38): patch row 1, column 2; in it row 5, column 6."""
    images = torch.zeros(1, 3, 224, 224)
    images[0, 1, 21, 38] = 1.0
    patches = split_patches(images)
    assert patches.shape == (1, 196, 16, 4, 4, 3)
    assert patches.nonzero().tolist() == [[0, 1 * 14 + 2, 1 * 4 + 1, 1, 2, 1]]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: split_patches(torch.zeros(1, 3, 100, 96)),
        lambda: split_patches(torch.zeros(1, 3, 96, 96), patch=0),
        lambda: split_patches(torch.zeros(1, 3, 96, 96), patch=-16),
        lambda: split_patches(torch.zeros(1, 3, 96, 96), patch=16, sub_patch=3),
        lambda: join_patches(torch.zeros(1, 4, 16, 4, 4, 3), height=32, width=48),
        lambda: join_patches(torch.zeros(1, 4, 15, 4, 4, 3), height=32, width=32),
        lambda: join_patches(torch.zeros(1, 4, 16, 4, 4, 3), height=30, width=32),
    ],
)
def test_sizes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(PainLabError):
        wrong()
