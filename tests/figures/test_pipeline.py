"""The picture of the pipeline shows what the library computes, and says that it is no result."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from painlab.alignment import FaceAligner
from painlab.config import FrameworkConfig
from painlab.errors import ShapeError
from painlab.figures.pipeline import (
    draw_pipeline,
    moving_portrait,
    pipeline_frames,
    pipeline_svg,
    run_pipeline,
)
from painlab.framework import PainFramework
from painlab.video import frames_to_tensor

COMMITTED = Path(__file__).parents[2] / "book" / "_static" / "pipeline.svg"


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return PainFramework(FrameworkConfig.tiny(frames=6, classes=5)).eval()


@pytest.fixture(scope="module")
def aligner():
    return FaceAligner(landmarks="embedded", size=32)


@pytest.fixture(scope="module")
def film():
    film = moving_portrait(6)
    film[4] = 0  # a frame without a face
    return film


@pytest.fixture(scope="module")
def result(film, model, aligner):
    return run_pipeline(film, model=model, aligner=aligner)


def test_the_stations_hold_what_the_model_computes(result, model, aligner, film):
    faces = aligner(film)
    assert result.faces.found.tolist() == [True, True, True, True, False, True]
    clips, mask = frames_to_tensor(faces.frames)[None], torch.from_numpy(faces.found)[None]
    with torch.inference_mode():
        expected = model(clips, mask=mask)[0].softmax(dim=-1)
        pooled = torch.from_numpy(result.latents).mean(dim=0)
        from_latents = model.temporal.classifier(model.temporal.norm(pooled)).softmax(dim=-1)
        alone = model.spatial(frames_to_tensor(faces.frames[2:3]))[0]
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(result.probabilities, from_latents, atol=1e-6)
    np.testing.assert_allclose(result.features[2], alone, atol=1e-5)
    assert np.isnan(result.features[4]).all()
    assert not model.temporal.layers[-1]._forward_hooks


def test_a_clip_that_is_too_long_is_refused_and_leaves_no_hook(model, aligner):
    with pytest.raises(ShapeError):
        run_pipeline(moving_portrait(7), model=model, aligner=aligner)
    assert not model.temporal.layers[-1]._forward_hooks


def test_the_features_fill_up_frame_by_frame(result):
    figures, labels = pipeline_frames(result, steps=3)
    filled = []
    for figure in figures:
        matrix = next(ax for ax in figure.axes if ax.get_title(loc="left").startswith("5")).images[
            0
        ]
        values = np.ma.filled(matrix.get_array().astype(float), np.nan)  # d k
        filled.append(int(np.isfinite(values).any(axis=0).sum()))
    # frame 5 (counted from 1) has no face, so its column stays empty
    assert filled == [1, 3, 5, 5, 5]
    assert labels[:3] == ["frame 1 of 6", "frame 3 of 6", "frame 6 of 6"]
    bars = [
        next(ax for ax in f.axes if ax.get_title(loc="left").startswith("7")).patches
        for f in figures
    ]
    assert [len(b) for b in bars] == [0, 0, 0, 0, 5]
    np.testing.assert_allclose([b.get_height() for b in bars[-1]], result.probabilities)


def test_it_says_from_what_the_weights_learned(result):
    def labels(figure):
        return [ax.get_xlabel() for ax in figure.axes]

    assert not any("rendered" in text for text in labels(draw_pipeline(result)))
    shipped = run_pipeline(moving_portrait(1))
    assert shipped.probabilities.shape == (2,)
    assert "learned from rendered faces" in labels(draw_pipeline(shipped))


def test_the_film_never_shows_what_lies_outside_the_photograph(monkeypatch):
    white = np.full((512, 512, 3), 255, np.uint8)
    monkeypatch.setattr("skimage.data.astronaut", lambda: white)
    film = moving_portrait(35, size=64)
    assert film.shape == (35, 64, 64, 3)
    assert film.min() == 255


def test_the_svg_is_small_and_follows_light_and_dark(result):
    for svg in (pipeline_svg(result), COMMITTED.read_text(encoding="utf-8")):
        assert len(svg) < 300_000
        assert "prefers-color-scheme:dark" in svg
        assert "currentColor" in svg
        assert not re.search(r'(?:href|src)="(?!#|data:)', svg)  # nothing is fetched
