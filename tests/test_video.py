"""Reading, resampling and writing video: every file is made here, but for the real clips."""

import warnings
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import painlab.video as video
from painlab.errors import VideoError
from painlab.video import frames_to_tensor, read_video, stream_video, video_info, write_video

QUARTERS = np.zeros((48, 64, 3), np.uint8)
QUARTERS[:24, :32], QUARTERS[:24, 32:] = (255, 0, 0), (0, 255, 0)
QUARTERS[24:, :32], QUARTERS[24:, 32:] = (0, 0, 255), (255, 255, 255)


def numbered(count, height=32, width=32):
    """Frames that carry their number in eight vertical bars, dark for 0 and light for 1."""
    bars = np.arange(count)[:, None] >> np.arange(8) & 1  # (k 8)
    columns = bars.repeat(-(-width // 8), axis=1)[:, :width]
    levels = (60 + 120 * columns).astype(np.uint8)
    return np.broadcast_to(levels[:, None, :, None], (count, height, width, 3)).copy()


def numbers(frames):
    width = frames.shape[2]
    middles = [int((bit + 0.5) * -(-width // 8)) for bit in range(8)]
    bars = frames[:, 0:, middles].mean(axis=(1, 3)) > 120  # (k 8)
    return (bars << np.arange(8)).sum(axis=1).tolist()


def encode(path, images, *, codec="ffv1", pix_fmt="bgr0", source="rgb24", times=None, **options):
    """Write images through PyAV itself. ``times``: presentation times in milliseconds."""
    prepare = options.pop("prepare", lambda stream: None)
    sound = options.pop("sound", 0)
    container_options = options.pop("container", {})
    rate = options.pop("rate", 25)
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        prepare(stream)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if sound:
            audio = container.add_stream("aac", rate=8000, layout="mono")
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=source)
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for start in range(0, int(sound * 8000), 1024):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 8000, start
            container.mux(audio.encode(silence))
        if sound:
            container.mux(audio.encode(None))
    return path


def remux(source, target, **options):
    """The same packets in another container."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return target


# ---------------------------------------------------------------- counts, rates, sampling


@pytest.fixture(scope="module")
def biovid_like(tmp_path_factory):
    """138 frames at 25 fps, as a clip of BioVid: H.264 with B-frames."""
    path = tmp_path_factory.mktemp("video") / "071309_w_21-BL1-081.mp4"
    write_video(path, numbered(138), fps=25)
    return path


@pytest.mark.parametrize(("stride", "kept"), [(1, 138), (2, 69), (3, 46), (4, 35)])
def test_stride_gives_the_counts_of_table_iii(biovid_like, stride, kept):
    clip = read_video(biovid_like, stride=stride)
    assert len(clip) == kept
    assert clip.fps == 25 / stride
    assert numbers(clip.frames) == list(range(0, 138, stride))


def test_same_rate_is_the_identity(biovid_like):
    plain, resampled = read_video(biovid_like), read_video(biovid_like, fps=25)
    assert resampled.fps == 25
    np.testing.assert_array_equal(plain.frames, resampled.frames)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), 30, 60])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])  # mkv rounds times to the millisecond
def test_same_rate_is_the_identity_at_awkward_rates(tmp_path, rate, suffix):
    write_video(tmp_path / "a.mp4", numbered(200), fps=float(rate))
    path = tmp_path / f"b.{suffix}"
    remux(tmp_path / "a.mp4", path)
    plain, resampled = read_video(path), read_video(path, fps=float(rate))
    np.testing.assert_array_equal(plain.frames, resampled.frames)
    assert resampled.fps == pytest.approx(float(rate))


def test_info_before_reading(biovid_like):
    info = video_info(biovid_like)
    assert (info.fps, info.width, info.height, info.frames) == (25, 32, 32, 138)
    assert info.duration == pytest.approx(5.52)
    assert info.path == biovid_like


def test_more_frames_than_the_file_promises(biovid_like, monkeypatch):
    monkeypatch.setattr(video, "length_of", lambda *_: 0.3)
    assert numbers(read_video(biovid_like).frames) == list(range(138))
    monkeypatch.setattr(video, "length_of", lambda *_: 1e9)
    assert numbers(read_video(biovid_like).frames) == list(range(138))


def test_one_frame(tmp_path):
    write_video(tmp_path / "one.mp4", numbered(1), fps=25)
    assert len(read_video(tmp_path / "one.mp4")) == 1
    assert len(read_video(tmp_path / "one.mp4", stride=4, max_frames=9)) == 1
    assert len(read_video(tmp_path / "one.mp4", fps=25)) == 1
    assert len(read_video(tmp_path / "one.mp4", fps=1)) == 1
    assert video_info(tmp_path / "one.mp4").frames == 1


def test_fps_and_stride_together(biovid_like):
    clip = read_video(biovid_like, fps=12.5, stride=3)
    assert numbers(clip.frames) == list(range(0, 138, 6))
    assert clip.fps == pytest.approx(12.5 / 3)


def test_faster_repeats_frames(biovid_like):
    clip = read_video(biovid_like, fps=50)
    assert numbers(clip.frames) == [index // 2 for index in range(276)]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_variable_rate_takes_the_frame_shown_at_each_time(tmp_path, suffix):
    times = [0, 10, 25, 300, 310, 480, 500, 900]
    codec = {"codec": "libx264", "pix_fmt": "yuv420p"} if suffix == "mp4" else {}
    path = encode(tmp_path / f"v.{suffix}", numbered(8), times=times, **codec)
    assert len(read_video(path)) == 8  # as stored, every frame comes once
    got = numbers(read_video(path, fps=10).frames)
    wanted = [max(i for i, t in enumerate(times) if t <= out) for out in range(0, 1000, 100)]
    # The last frame's own showing time is not stored by all containers: it may end the clip.
    assert got[:10] == wanted[: len(got)]
    assert len(got) >= 10


@given(
    gaps=st.lists(st.integers(min_value=2, max_value=400), min_size=1, max_size=30),
    fps=st.sampled_from([5, 10, 25, 30, 29.97]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_resampling_matches_its_definition(gaps, fps):
    from painlab._decoding import ROUNDING, Picture, exact_rate, resample

    edges = [sum(gaps[:index]) for index in range(len(gaps) + 1)]
    pictures = [
        Picture(Fraction(a, 1000), Fraction(b, 1000), number)
        for number, (a, b) in enumerate(pairwise(edges))
    ]
    got = [picture.frame for picture in resample(iter(pictures), exact_rate(fps))]
    wanted, due = [], 0
    while due == 0 or Fraction(due) / exact_rate(fps) + ROUNDING < Fraction(edges[-1], 1000):
        time = Fraction(due) / exact_rate(fps) + ROUNDING
        wanted.append(max(n for n, picture in enumerate(pictures) if picture.start <= time))
        due += 1
    assert got == wanted


def test_chunks_join_to_the_clip(biovid_like):
    whole = read_video(biovid_like).frames
    for chunk in (1, 7, 16, 138, 500):
        parts = list(stream_video(biovid_like, chunk=chunk))
        assert all(len(part) == chunk for part in parts[:-1])
        assert 0 < len(parts[-1]) <= chunk
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_chunks_stay_valid_after_the_next_one(biovid_like):
    stream = stream_video(biovid_like, chunk=4)
    first = next(stream)
    copy = first.copy()
    next(stream)
    np.testing.assert_array_equal(first, copy)


@pytest.mark.parametrize(("most", "stride", "kept"), [(1, 1, 1), (10, 3, 10), (999, 2, 69)])
def test_max_frames(biovid_like, most, stride, kept):
    clip = read_video(biovid_like, stride=stride, max_frames=most)
    assert numbers(clip.frames) == list(range(0, kept * stride, stride))


def test_streaming_does_not_read_ahead(biovid_like, monkeypatch):
    taken = []
    original = video.decode
    monkeypatch.setattr(
        video, "decode", lambda path: (taken.append(1) or p for p in original(path))
    )
    next(stream_video(biovid_like, chunk=8))
    assert len(taken) == 8


def test_4k(tmp_path):
    path = tmp_path / "4k.mp4"
    frames = np.zeros((2, 2160, 3840, 3), np.uint8)
    frames[:, :, 1920:] = 200
    write_video(path, frames, fps=25)
    clip = read_video(path)
    assert clip.frames.shape == (2, 2160, 3840, 3)
    assert abs(clip.frames[1, 1000, 3000].astype(int) - 200).max() <= 3


def test_clip_says_what_it_is(biovid_like):
    clip = read_video(biovid_like, max_frames=3)
    assert repr(clip) == "Clip(071309_w_21-BL1-081.mp4: 3 frames, 32×32, 25 fps)"
    with pytest.raises(AttributeError):
        clip.fps = 3


# ---------------------------------------------------------------- pixels


TURNS = {  # counter-clockwise degrees: what the viewer is shown
    0: QUARTERS,
    90: np.rot90(QUARTERS, 1),
    180: np.rot90(QUARTERS, 2),
    270: np.rot90(QUARTERS, 3),
}


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("mirror", [None, "h", "v"])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_display_matrix(tmp_path, degrees, mirror, suffix):
    flips = {"hflip": mirror == "h", "vflip": mirror == "v"}
    path = encode(
        tmp_path / f"turned.{suffix}",
        [QUARTERS] * 2,
        codec="libx264",
        pix_fmt="yuv444p",
        prepare=lambda stream: stream.set_display_rotation(degrees, **flips),
    )
    wanted = TURNS[degrees]
    if mirror == "h":
        wanted = wanted[:, ::-1]
    if mirror == "v":
        wanted = wanted[::-1]
    clip = read_video(path)
    info = video_info(path)
    assert clip.frames.shape[1:] == wanted.shape == (info.height, info.width, 3)
    middles = (slice(4, None, 8), slice(4, None, 8))
    off = clip.frames[1].astype(int)[middles] - wanted.astype(int)[middles]
    assert abs(off).max() <= 12


@pytest.mark.parametrize("size", [(1, 1), (47, 63), (33, 2), (2, 33)])
def test_odd_sizes_are_kept_when_reading(tmp_path, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    clip = read_video(encode(tmp_path / "odd.mkv", [image] * 2))
    np.testing.assert_array_equal(clip.frames, np.stack([image] * 2))


def test_odd_sizes_are_padded_when_writing(tmp_path):
    image = np.full((47, 63, 3), 80, np.uint8)
    image[:, -9:] = 200
    write_video(tmp_path / "odd.mp4", np.stack([image] * 3), fps=25)
    clip = read_video(tmp_path / "odd.mp4")
    assert clip.frames.shape == (3, 48, 64, 3)
    assert abs(clip.frames[0, :, -1].astype(int) - 200).max() <= 4  # repeated, not black


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix", "off"),
    [
        ("ffv1", "gray", "mkv", 0),
        ("png", "gray", "mov", 0),
        ("ffv1", "gray10le", "mkv", 1),
        ("mjpeg", "yuvj420p", "avi", 2),
    ],
)
def test_grey(tmp_path, codec, pix_fmt, suffix, off):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    path = encode(tmp_path / f"g.{suffix}", [ramp] * 2, codec=codec, pix_fmt=pix_fmt, source="gray")
    frames = read_video(path).frames
    assert frames.shape == (2, 16, 256, 3)
    assert abs(frames.astype(int) - ramp[:, :, None].astype(int)).max() <= off


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p10le", "yuv444p12le", "gbrp10le"])
def test_more_than_8_bits(tmp_path, pix_fmt):
    clip = read_video(encode(tmp_path / "deep.mkv", [QUARTERS] * 2, pix_fmt=pix_fmt))
    assert clip.frames.dtype == np.uint8
    off = clip.frames[0, 4::8, 4::8].astype(int) - QUARTERS[4::8, 4::8]
    assert abs(off).max() <= 3


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("qtrle", "argb", "mov"),
        ("png", "rgba", "mov"),
        ("ffv1", "bgra", "mkv"),
        ("prores_ks", "yuva444p10le", "mov"),
        ("libvpx-vp9", "yuva420p", "webm"),
    ],
)
def test_alpha_lies_over_black(tmp_path, codec, pix_fmt, suffix):
    image = np.dstack([QUARTERS, np.full((48, 64), 255, np.uint8)])
    image[16:32, :, 3] = 128
    image[32:, :, 3] = 0
    path = encode(
        tmp_path / f"a.{suffix}", [image] * 2, codec=codec, pix_fmt=pix_fmt, source="rgba"
    )
    frame = read_video(path).frames[1].astype(int)
    assert abs(frame[4, 4] - (255, 0, 0)).max() <= 6
    assert abs(frame[20, 4] - (128, 0, 0)).max() <= 6
    assert abs(frame[44, 60] - (0, 0, 0)).max() <= 6


def test_a_palette_with_a_see_through_colour(tmp_path):
    path = encode(tmp_path / "p.gif", [QUARTERS] * 3, codec="gif", pix_fmt="rgb8", rate=10)
    frame = read_video(path).frames[0].astype(int)
    assert abs(frame[4, 4] - (255, 0, 0)).max() <= 40


def test_size_change_within_a_stream_is_scaled_to_the_first(tmp_path):
    small = np.full((16, 16, 3), 99, np.uint8)
    for name, image in (("a", QUARTERS), ("b", small)):
        encode(tmp_path / f"{name}.m2v", [image] * 3, codec="mpeg2video", pix_fmt="yuv420p")
    joined = tmp_path / "joined.m2v"
    joined.write_bytes((tmp_path / "a.m2v").read_bytes() + (tmp_path / "b.m2v").read_bytes())
    frames = read_video(joined).frames
    assert len(frames) >= 5  # the decoder may lose one at the seam
    assert frames.shape[1:] == (48, 64, 3)
    assert abs(frames[-1].astype(int) - 99).max() <= 6


def test_colours_survive_writing(tmp_path):
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (8, 6, 8, 3)).astype(np.uint8)
    frames = blocks.repeat(16, axis=1).repeat(16, axis=2)
    write_video(tmp_path / "c.mp4", frames, fps=25)
    got = read_video(tmp_path / "c.mp4").frames
    off = got[:, 8::16, 8::16].astype(int) - blocks
    assert abs(off).mean() < 2.5
    assert abs(off).max() <= 12


# ---------------------------------------------------------------- bad files


def one_sentence(error, path):
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    assert text.endswith(".")
    return text


def refused(path, **arguments):
    with pytest.raises(VideoError) as error:
        read_video(path, **arguments)
    return one_sentence(error, path)


def test_missing_folder_empty(tmp_path):
    assert "does not exist" in refused(tmp_path / "none.mp4")
    assert "folder" in refused(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "empty" in refused(tmp_path / "empty.mp4")
    for call in (video_info, stream_video):  # stream_video: at the call, not at the first frame
        with pytest.raises(VideoError, match="does not exist"):
            call(tmp_path / "none.mp4")


TEXTS = {
    "plain": "not a video\n" * 50,
    "html": "<html><body>" + "x" * 500 + "</body></html>",
    "csv": "a,b,c\n1,2,3\n" * 100,
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\nhello\n",
    "playlist": "#EXTM3U\n#EXTINF:1,\nother.mp4\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", ["text.mp4", "text.txt"])
def test_text_is_no_video(tmp_path, kind, name):
    (tmp_path / name).write_text(TEXTS[kind])
    refused(tmp_path / name)
    with pytest.raises(VideoError):
        video_info(tmp_path / name)


@given(data=st.binary(min_size=1, max_size=3000))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_bytes_are_no_video(tmp_path, data):
    (tmp_path / "noise.mp4").write_bytes(data)
    refused(tmp_path / "noise.mp4")


def test_sound_only(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        audio = container.add_stream("aac", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux(audio.encode(silence))
        container.mux(audio.encode(None))
    assert "no video stream" in refused(tmp_path / "sound.mp4")


def test_sound_beside_the_pictures(tmp_path):
    """Sound that outlasts the pictures is no damage, nor are pictures that outlast the sound."""
    for suffix in ("mp4", "mkv"):
        for seconds in (0.4, 3.0):
            path = tmp_path / f"{seconds}.{suffix}"
            encode(path, numbered(25), codec="libx264", pix_fmt="yuv420p", sound=seconds)
            assert len(read_video(path)) == 25
            assert len(read_video(path, fps=25)) == 25


def test_a_path_like_a_protocol(tmp_path, monkeypatch):
    write_video(tmp_path / "plain.mp4", numbered(2), fps=25)
    (tmp_path / "plain.mp4").rename(tmp_path / "take: 1.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(read_video("take: 1.mp4")) == 2
    write_video("take: 2.mp4", numbered(2), fps=25)
    assert len(read_video(tmp_path / "take: 2.mp4")) == 2


def test_metadata_that_is_not_utf8(tmp_path):
    path = encode(
        tmp_path / "m.mkv", numbered(2), prepare=lambda s: s.metadata.update(title="abcd")
    )
    path.write_bytes(path.read_bytes().replace(b"abcd", b"\xff\xfe\xe9a"))
    assert len(read_video(path)) == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"stride": 0},
        {"stride": -2},
        {"stride": True},
        {"max_frames": 0},
        {"max_frames": -1},
        {"fps": 0.0},
        {"fps": -25.0},
        {"fps": float("nan")},
        {"fps": float("inf")},
        {"fps": 5000.0},
    ],
)
def test_bad_arguments(biovid_like, bad):
    assert next(iter(bad)) in refused(biovid_like, **bad)
    with pytest.raises(VideoError):
        stream_video(biovid_like, **bad)


def test_bad_chunk(biovid_like):
    with pytest.raises(VideoError, match="chunk"):
        stream_video(biovid_like, chunk=0)


# ---------------------------------------------------------------- cut off and damaged files


@pytest.fixture(scope="module")
def cuttable(tmp_path_factory):
    """One video, 100 frames of noise, in containers that differ in where their index stands."""
    folder = tmp_path_factory.mktemp("cut")
    rng = np.random.default_rng(0)
    noise = (
        rng.integers(0, 256, (100, 6, 8, 3)).astype(np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    )
    files = {"faststart.mp4": folder / "faststart.mp4"}
    write_video(files["faststart.mp4"], noise, fps=25)
    for name, options in {
        "normal.mp4": {},
        "fragments.mp4": {"movflags": "frag_keyframe+empty_moov"},
        "a.mkv": {},
        "a.ts": {},
    }.items():
        files[name] = remux(files["faststart.mp4"], folder / name, **options)
    files["a.avi"] = encode(folder / "a.avi", list(noise), codec="mpeg4", pix_fmt="yuv420p")
    return files


CUTS = [0.001, 0.02, 0.1, 0.33, 0.5, 0.77, 0.95]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    "name", ["faststart.mp4", "normal.mp4", "fragments.mp4", "a.mkv", "a.ts", "a.avi"]
)
def test_cut_off(cuttable, tmp_path, name, cut):
    data = cuttable[name].read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: int(len(data) * cut)])
    with av.open(str(cuttable[name])) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    there = sum(end <= len(data) * cut for end in ends)  # packets that lie before the cut
    if name == "normal.mp4" or there == 0:  # its index stands at the end
        refused(path)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clip = read_video(path)
    assert there - 3 <= len(clip) <= there  # frames may lack the ones they refer to
    np.testing.assert_array_equal(clip.frames[0], read_video(cuttable[name]).frames[0])
    if len(clip) == 100:  # AVI: the cut took a part of the index and no frame
        assert not caught
    elif name != "a.ts":  # a transport stream does not say how long it should be
        assert [warning.category for warning in caught] == [UserWarning]
        assert f"{len(clip)} frame" in str(caught[0].message)
        assert str(path) in str(caught[0].message)


@pytest.mark.parametrize("name", ["faststart.mp4", "normal.mp4", "a.mkv", "a.ts", "a.avi"])
def test_whole_files_do_not_warn(cuttable, name):
    assert len(read_video(cuttable[name])) == 100  # warnings are errors in these tests


@pytest.mark.parametrize("name", ["faststart.mp4", "normal.mp4", "fragments.mp4"])
def test_damage_in_the_middle(cuttable, tmp_path, name):
    data = bytearray(cuttable[name].read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="damaged") as caught:
        clip = read_video(path)
    assert len(caught) == 1
    assert 30 < len(clip) < 100
    assert f"{len(clip)} frames" in str(caught[0].message)


def test_no_frame_decodes(cuttable, tmp_path):
    data = bytearray(cuttable["faststart.mp4"].read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = b"\xff" * (len(data) - start)
    (tmp_path / "hollow.mp4").write_bytes(data)
    assert "no frame" in refused(tmp_path / "hollow.mp4")
    with pytest.raises(VideoError, match="no frame"):
        video_info(tmp_path / "hollow.mp4")


def test_libav_keeps_quiet(cuttable, tmp_path, capfd):
    data = cuttable["faststart.mp4"].read_bytes()
    (tmp_path / "half.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.warns(UserWarning, match="cut off"):
        read_video(tmp_path / "half.mp4")
    refused(tmp_path / "text.mp4")
    write_video(tmp_path / "new.mp4", numbered(5), fps=25)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


# ---------------------------------------------------------------- writing


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writer_takes_frames_and_arrays(tmp_path):
    frames = numbered(150)
    with video.VideoWriter(tmp_path / "w.mp4", fps=30) as writer:
        writer.write(frames[0])
        writer.write(frames[1:140])
        for frame in frames[140:]:
            writer.write(frame)
        assert left(tmp_path) == ["w.mp4.part"]
    assert left(tmp_path) == ["w.mp4"]
    clip = read_video(tmp_path / "w.mp4")
    assert numbers(clip.frames) == list(range(150))
    assert clip.fps == 30


def test_stream_to_file(biovid_like, tmp_path):
    write_video(tmp_path / "copy.mp4", stream_video(biovid_like, chunk=10), fps=25)
    assert numbers(read_video(tmp_path / "copy.mp4").frames) == list(range(138))


def test_reproducible_files_have_the_same_bytes(tmp_path):
    """Other bytes each time are what an encoder with several threads or AVX-512 may give."""
    import cv2

    rng = np.random.default_rng(0)
    blobs = cv2.GaussianBlur(rng.integers(0, 256, (300, 300, 3)).astype(np.uint8), (0, 0), 4)
    blobs = cv2.normalize(blobs, None, 0, 255, cv2.NORM_MINMAX).astype(int)
    frames = np.stack([np.roll(blobs, i, axis=1)[:224, :224] for i in range(60)])
    frames = np.clip(frames + rng.integers(-2, 3, frames.shape), 0, 255).astype(np.uint8)
    files = []
    for i in range(4):
        write_video(tmp_path / f"{i}.mp4", frames, fps=25, reproducible=True)
        files.append((tmp_path / f"{i}.mp4").read_bytes())
    assert len(set(files)) == 1
    assert len(read_video(tmp_path / "0.mp4")) == 60


def test_failure_leaves_nothing_and_keeps_the_old_file(tmp_path):
    target = tmp_path / "old.mp4"
    write_video(target, numbered(3), fps=25)
    before = target.read_bytes()

    def stopped_by(error):
        with video.VideoWriter(target, fps=25) as writer:
            writer.write(numbered(3))
            raise error

    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error):
            stopped_by(error)
    assert left(tmp_path) == ["old.mp4"]
    assert target.read_bytes() == before
    with pytest.raises(VideoError, match="one size") as error:
        write_video(target, [numbered(2), numbered(2, height=40)], fps=25)
    one_sentence(error, target)
    with pytest.raises(VideoError, match="no frame"):
        write_video(target, [], fps=25)
    assert left(tmp_path) == ["old.mp4"]
    assert target.read_bytes() == before


def test_writer_refuses(tmp_path):
    with pytest.raises(VideoError, match="existing folder") as error:
        write_video(tmp_path / "no" / "x.mp4", numbered(2), fps=25)
    one_sentence(error, tmp_path / "no" / "x.mp4")
    with pytest.raises(VideoError, match="existing folder"):
        write_video(tmp_path, numbered(2), fps=25)
    with pytest.raises(VideoError, match="fps"):
        write_video(tmp_path / "x.mp4", numbered(2), fps=0.0)
    with pytest.raises(VideoError, match="crf"):
        video.VideoWriter(tmp_path / "x.mp4", fps=25, crf=99)
    with pytest.raises(VideoError, match="with statement"):
        video.VideoWriter(tmp_path / "x.mp4", fps=25).write(numbered(1))
    with pytest.raises(VideoError, match="RGB"):
        write_video(tmp_path / "x.mp4", np.zeros((2, 8, 8, 4), np.uint8), fps=25)
    assert left(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk(tmp_path):
    (tmp_path / "x.mp4.part").symlink_to("/dev/full")
    with pytest.raises(VideoError, match="cannot be written") as error:
        write_video(tmp_path / "x.mp4", numbered(30, 200, 200), fps=25)
    one_sentence(error, tmp_path / "x.mp4")
    assert left(tmp_path) == []


# ---------------------------------------------------------------- frames to tensors


def test_frames_to_tensor_values_and_shape():
    frames = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    frames[0, 0, 0] = (0, 255, 51)
    images = frames_to_tensor(frames)
    assert images.shape == (2, 3, 4, 5)
    assert images.dtype == torch.float32
    assert images.is_contiguous()
    assert images[0, :, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])
    assert images[1, 2, 3, 4] == pytest.approx(frames[1, 3, 4, 2] / 127.5 - 1)
    assert images.min() >= -1
    assert images.max() <= 1


def test_frames_to_tensor_takes_any_memory():
    frames = np.random.default_rng(0).integers(0, 256, (3, 6, 8, 3)).astype(np.uint8)
    wanted = frames_to_tensor(frames)
    torch.testing.assert_close(frames_to_tensor(torch.from_numpy(frames)), wanted)
    mirrored = np.ascontiguousarray(frames[:, :, ::-1])[:, :, ::-1]
    torch.testing.assert_close(frames_to_tensor(mirrored), wanted)
    locked = frames.copy()
    locked.setflags(write=False)
    torch.testing.assert_close(frames_to_tensor(locked), wanted)
    before = frames.copy()
    frames_to_tensor(frames).zero_()
    np.testing.assert_array_equal(frames, before)


@pytest.mark.parametrize("bad", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8)])
def test_frames_to_tensor_refuses_other_arrays(bad):
    # ShapeError in use; with the type checker of the tests switched on, that speaks first.
    with pytest.raises(Exception, match=r"frames|type"):
        frames_to_tensor(bad)


# ---------------------------------------------------------------- real clips


@pytest.fixture
def clips(media):
    return media / "clips"


@pytest.mark.media
@pytest.mark.parametrize(
    ("name", "count", "shape", "fps"),
    [
        ("bbaf2n.mpg", 75, (288, 360, 3), 25),
        ("lbax4n.mpg", 75, (288, 360, 3), 25),
        ("sbwe5n.mpg", 75, (288, 360, 3), 25),
        ("swiz3n.mpg", 75, (288, 360, 3), 25),
        ("expressive_woman.mp4", 472, (360, 640, 3), 24000 / 1001),
    ],
)
def test_real_clips(clips, name, count, shape, fps):
    clip = read_video(clips / name)
    assert clip.frames.shape == (count, *shape)
    assert clip.fps == pytest.approx(fps)
    np.testing.assert_array_equal(read_video(clips / name, fps=fps).frames, clip.frames)
    at_25 = read_video(clips / name, fps=25, max_frames=100)
    assert len(at_25) == min(100, round(count / fps * 25))
    info = video_info(clips / name)
    assert abs(info.frames - count) <= 1
    assert clip.frames[count // 2].std() > 20


@pytest.mark.media
def test_real_clips_match_opencv(clips):
    """A second decoder sees the same pictures in the same order."""
    import cv2

    capture = cv2.VideoCapture(str(clips / "expressive_woman.mp4"))
    for frame in read_video(clips / "expressive_woman.mp4", max_frames=60).frames:
        ok, other = capture.read()
        assert ok
        assert abs(frame.astype(int) - other[..., ::-1]).mean() < 2
    capture.release()
