"""Both parts trained together: in portions, recomputed, killed and gone on with."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

import painlab as pl
from painlab.config import TNTConfig, TrainingConfig
from painlab.errors import DataError, PainLabError, WeightsError
from painlab.training import aligned_clips, joint
from painlab.training.aligned_clips import AlignedClips
from painlab.training.clip_faces import aligned_faces
from painlab.training.joint import LoadedClip, add_gradients, class_logits, train_jointly
from painlab.training.joint_folds import count_joint_flops, train_fold_jointly, train_folds_jointly

CONFIG = pl.FrameworkConfig.tiny()
TASK = pl.TASKS["NP-P4"]
SHORT = TrainingConfig(epochs=3, warm_up_epochs=1, batch=4, learning_rate=1e-3, augmentations=())
QUIET = {"task": TASK, "say": lambda _: None}


class KilledError(Exception):
    pass


def clips_of(*subjects, each=3):
    return [
        pl.Sample(who, level, None, f"{who}-{level}-{i}")
        for who in subjects
        for level in (0, 4)
        for i in range(each)
    ]


def frames_of(sample, *, frames=8):
    """Noise; where it hurts, the second half of the clip is bright."""
    rng = np.random.default_rng(list(sample.sample_name.encode()))
    level = np.where((np.arange(frames) >= 4) & (sample.level > 0), 220, 90)
    pictures = rng.normal(level[:, None, None, None], 15, (frames, 32, 32, 3))
    return pictures.clip(0, 255).astype(np.uint8), np.ones(frames, bool)


def framework(config=CONFIG, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return pl.PainFramework(config)


def without_noise():
    return framework(
        pl.FrameworkConfig(
            spatial=replace(CONFIG.spatial, drop_path=0.0),
            temporal=replace(CONFIG.temporal, attention_dropout=0.0),
        )
    )


def loaded(samples, load=frames_of):
    return [LoadedClip(sample, *load(sample)) for sample in samples]


def gradients_of(model, batch, *, seed=1, config=SHORT, **how):
    model.train().zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    how = {"clips_at_once": 1, "frames_at_once": 32, "recompute": False, **how}
    loss, right = add_gradients(model, batch, task=TASK, config=config, **how)
    return loss, right, {name: p.grad for name, p in model.named_parameters()}


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


class TestPortions:
    @pytest.fixture
    def batch(self):
        short = [(s, *frames_of(s, frames=8 - i)) for i, s in enumerate(clips_of("Anna")[:5])]
        return [LoadedClip(*clip) for clip in short]

    @pytest.mark.parametrize("clips_at_once", [1, 2, 3])
    def test_add_up_to_the_batch(self, batch, clips_at_once):
        """Five clips of unequal length: the last portion of 2 or 3 is smaller than the others."""
        model = without_noise().double()
        loss, right, whole = gradients_of(model, batch, clips_at_once=5)
        loss_of, right_of, parts = gradients_of(model, batch, clips_at_once=clips_at_once)
        assert right == right_of
        assert loss == pytest.approx(loss_of, rel=1e-12)
        for name, gradient in whole.items():
            torch.testing.assert_close(parts[name], gradient, rtol=1e-9, atol=1e-12)
        assert sum(float(g.abs().sum()) for g in whole.values()) > 1

    def test_the_loss_is_that_of_table_i(self, batch):
        model = without_noise().double()
        same_length = [
            replace(clip, frames=frames_of(clip.sample)[0], found=np.ones(8, bool))
            for clip in batch
        ]
        loss, _, _ = gradients_of(model, same_length, clips_at_once=2)
        clips = torch.stack([pl.frames_to_tensor(clip.frames) for clip in same_length]).double()
        labels = torch.tensor([TASK.label(clip.sample) for clip in batch])
        expected = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(model.eval()(clips), labels)
        assert loss == pytest.approx(expected.item(), rel=1e-6)

    def test_frames_without_a_face_change_nothing(self, batch):
        clip = batch[0]
        found = clip.found.copy()
        found[[1, 4]] = False
        other = clip.frames.copy()
        other[[1, 4]] = 255 - other[[1, 4]]
        model = without_noise()
        results = [
            gradients_of(model, [LoadedClip(clip.sample, frames, found)])
            for frames in (clip.frames, other)
        ]
        assert results[0][0] == results[1][0]
        assert same(results[0][2], results[1][2])
        seen, _, _ = gradients_of(model, [LoadedClip(clip.sample, other, clip.found)])
        assert seen != results[0][0]

    def test_are_augmented_anew_in_each_pass(self, batch):
        config = replace(SHORT, augmentations=("trivialaugment", "augmix"))
        losses = [
            gradients_of(without_noise(), [replace(c, number=n) for c in batch], config=config)[0]
            for n in (0, 1, 0)
        ]
        assert losses[0] == losses[2] != losses[1]


class TestRecomputing:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_gives_the_same_gradients_with_the_same_paths_dropped(self, dtype):
        config = replace(CONFIG, spatial=replace(CONFIG.spatial, drop_path=0.5))
        model, batch = framework(config).to(dtype), loaded(clips_of("Anna")[2:4])
        how = {"clips_at_once": 2, "frames_at_once": 3}
        plain = gradients_of(model, batch, **how)
        again = gradients_of(model, batch, recompute=True, **how)
        assert plain[0] == again[0]
        assert same(plain[2], again[2])
        assert gradients_of(model, batch, seed=2, **how)[0] != plain[0]  # paths are dropped

    def test_in_half_precision_too(self):
        """As on an accelerator: each portion's weights are rounded once more."""
        model = framework().train()
        clips = torch.randn(1, 8, 3, 32, 32)
        found = []
        for recompute in (False, True):
            model.zero_grad(set_to_none=True)
            torch.manual_seed(3)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(clips, frames_at_once=3, recompute=recompute)
            logits.float().square().sum().backward()
            found.append({name: p.grad for name, p in model.named_parameters()})
        for name, gradient in found[0].items():
            torch.testing.assert_close(found[1][name], gradient, rtol=0.02, atol=1e-4)

    def test_keeps_the_pictures_and_the_features_alone(self):
        """Counted by what autograd keeps until the gradients pass."""
        model, clips = framework().train(), torch.randn(1, 8, 3, 32, 32)

        def kept(frames: int, recompute: bool) -> int:
            there: dict[int, int] = {}

            def note(tensor):
                storage = tensor.untyped_storage()
                there[storage.data_ptr()] = storage.nbytes()
                return tensor

            model.zero_grad(set_to_none=True)
            with saved_tensors_hooks(note, lambda tensor: tensor):
                model(clips[:, :frames], frames_at_once=2, recompute=recompute)
            own = {p.untyped_storage().data_ptr() for p in model.parameters()}
            own.add(clips.untyped_storage().data_ptr())
            return sum(size for place, size in there.items() if place not in own)

        a_frame = (kept(8, recompute=False) - kept(4, recompute=False)) / 4
        recomputed = (kept(8, recompute=True) - kept(4, recompute=True)) / 4
        assert recomputed < 0.05 * a_frame

    @pytest.mark.gpu
    def test_takes_less_of_a_gpus_memory(self):
        config = TNTConfig(depth=4)
        config = pl.FrameworkConfig(
            spatial=config, temporal=replace(pl.TemporalConfig(), frames=64)
        )
        model = framework(config).cuda().train()
        clips, taken = torch.randn(1, 64, 3, 224, 224, device="cuda"), []
        for recompute in (False, True):
            model.zero_grad(set_to_none=True)
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            model(clips, frames_at_once=8, recompute=recompute).sum().backward()
            taken.append(torch.cuda.max_memory_allocated() - before)
        print(f"{taken[0] / 2**30:.2f} GiB kept, {taken[1] / 2**30:.2f} GiB recomputed")
        assert taken[1] < taken[0] / 3


class TestTraining:
    def test_learns_what_is_there_to_learn(self, tmp_path):
        train, test = clips_of("Anna", "Ben", each=4), clips_of("Cem", each=4)
        start = framework()
        before = {name: p.clone() for name, p in start.state_dict().items()}
        config = replace(SHORT, epochs=5, learning_rate=3e-3)
        model = train_jointly(
            tmp_path, start, train, load=frames_of, config=config, clips_at_once=4, **QUIET
        )
        logits = class_logits(model, test, load=frames_of)
        assert (logits.argmax(1) == [TASK.label(s) for s in test]).mean() == 1
        history = json.loads(model.about["history"])
        assert len(history) == 5
        assert history[-1]["loss"] < 0.5 < history[0]["loss"]
        assert same(before, start.state_dict())  # what it starts from stays
        for name, learned in model.state_dict().items():  # both parts have learned
            assert not torch.equal(before[name], learned), name
        kept = pl.load_model(tmp_path / "framework.safetensors")
        assert same(kept.state_dict(), model.state_dict())
        assert json.loads(kept.about["classes"]) == ["NP", "P4"]

    def test_a_killed_run_ends_with_the_same_weights(self, tmp_path):
        """Stopped four times, mostly amid a pass, with all that is random switched on."""
        samples = clips_of("Anna", "Ben")[:10]
        config = replace(SHORT, batch=4, epochs=2, augmentations=("augmix", "trivialaugment"))
        how = {"config": config, "clips_at_once": 3, "frames_at_once": 5, **QUIET}
        whole = train_jointly(tmp_path / "whole", framework(), samples, load=frames_of, **how)

        def until(calls):
            def load(sample):
                nonlocal calls
                calls -= 1
                if calls < 0:
                    raise KilledError
                return frames_of(sample)

            return load

        for calls in (5, 6, 5, 6):
            torch.manual_seed(calls)  # what others draw does not matter
            with pytest.raises(KilledError):
                train_jointly(
                    tmp_path / "parts", framework(), samples, load=until(calls),
                    checkpoint_seconds=0, workers=calls % 2, **how,
                )  # fmt: skip
        last = train_jointly(tmp_path / "parts", framework(), samples, load=frames_of, **how)
        assert same(last.state_dict(), whole.state_dict())
        assert last.about["history"] == whole.about["history"]
        for name in ("framework.safetensors", "joint.checkpoint.safetensors"):
            files = [(tmp_path / run / name).read_bytes() for run in ("whole", "parts")]
            assert files[0] == files[1]
        # and a run that has ended is not begun again
        again = train_jointly(tmp_path / "parts", framework(), samples, load=until(0), **how)
        assert same(again.state_dict(), whole.state_dict())

    @pytest.mark.parametrize("batch", [4, 5, 10, 16])
    def test_every_pass_takes_every_clip_once_in_another_order(self, batch):
        config = replace(SHORT, batch=batch)
        steps = [joint._draw(step, clips=10, config=config) for step in range(10)]
        assert [len(drawn) for drawn in steps] == [batch] * 10
        drawn = np.concatenate(steps)[: batch // 4 * 10]
        assert (drawn[:, 1] == np.arange(len(drawn)) // 10).all()
        passes = drawn[:, 0].reshape(-1, 10)
        assert (np.sort(passes) == np.arange(10)).all()
        assert len({tuple(order) for order in passes}) == len(passes)

    def test_what_is_random_is_the_callers_own(self, tmp_path):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        config = replace(SHORT, epochs=1, warm_up_epochs=0)
        train_jointly(
            tmp_path, framework(), clips_of("Anna")[2:4], load=frames_of, config=config, **QUIET
        )
        assert torch.equal(torch.rand(3), expected)

    def test_frozen_parts_stay_as_they_are(self, tmp_path):
        start = framework()
        start.spatial.requires_grad_(False)
        model = train_jointly(
            tmp_path, start, clips_of("Anna", each=2), load=frames_of, config=SHORT, **QUIET
        )
        for name, learned in model.named_parameters():
            frozen = name.startswith("spatial.")
            assert torch.equal(learned, start.get_parameter(name)) is frozen, name
            assert learned.requires_grad is not frozen

    def test_a_clip_without_a_face_is_told_once_and_has_logits(self, tmp_path):
        samples, told = clips_of("Anna", each=2), []

        def load(sample):
            frames, found = frames_of(sample)
            return frames, found & (sample != samples[1])

        model = train_jointly(
            tmp_path, framework(), samples, load=load, config=SHORT, task=TASK, say=told.append
        )
        assert [line for line in told if "face" in line] == [
            "Anna-0-1 of Anna: no frame has a face."
        ]
        assert sum("pass" in line and "left" in line for line in told) == SHORT.epochs
        assert np.isfinite(class_logits(model, samples, load=load)).all()

    def test_tells_the_time_left_after_the_first_steps(self, tmp_path):
        told, samples = [], clips_of("Anna", "Ben")
        config = replace(SHORT, batch=2, epochs=1, warm_up_epochs=0)
        train_jointly(
            tmp_path,
            framework(),
            samples,
            load=frames_of,
            config=config,
            task=TASK,
            say=told.append,
        )
        assert told[0].startswith("3 steps to go, a step takes ")
        assert told[0].endswith(" left")


class TestRefusals:
    def run(self, tmp_path, samples=None, start=None, load=frames_of, **how):
        samples = clips_of("Anna", each=2) if samples is None else samples
        return train_jointly(
            tmp_path, start or framework(), samples, load=load, **{"config": SHORT, **QUIET, **how}
        )

    def test_no_clips(self, tmp_path):
        with pytest.raises(PainLabError, match=r"no clip to learn NP-P4 from"):
            self.run(tmp_path, [])

    def test_one_class(self, tmp_path):
        with pytest.raises(PainLabError, match="all clips to learn NP-P4 from are of one class"):
            self.run(tmp_path, [s for s in clips_of("Anna") if s.level])

    def test_a_level_of_another_task(self, tmp_path):
        with pytest.raises(DataError, match=r"no class for x of level 2"):
            self.run(tmp_path, [*clips_of("Anna"), pl.Sample("Anna", 2, None, "x")])

    def test_another_number_of_classes(self, tmp_path):
        with pytest.raises(PainLabError, match="MC tells 5 classes apart, this framework 2"):
            self.run(tmp_path, task=pl.TASKS["MC"])

    def test_nothing_to_learn(self, tmp_path):
        with pytest.raises(PainLabError, match="none can learn"):
            self.run(tmp_path, start=framework().requires_grad_(False))

    @pytest.mark.parametrize("name", ["clips_at_once", "frames_at_once"])
    def test_portions_of_nothing(self, tmp_path, name):
        with pytest.raises(PainLabError, match=f"{name}=0"):
            self.run(tmp_path, **{name: 0})

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda f, m: (f[:, :16], m),
            lambda f, m: (f.astype(np.float32), m),
            lambda f, m: (f, m[1:]),
            lambda f, m: (f[:0], m[:0]),
            lambda f, m: (np.concatenate([f, f]), np.concatenate([m, m])),
        ],
        ids=["size", "type", "mask", "empty", "long"],
    )
    def test_frames_that_do_not_fit(self, tmp_path, wrong):
        with pytest.raises(DataError, match=r"Anna-.* of Anna: this framework takes 1 to 8 uint8"):
            self.run(tmp_path, load=lambda sample: wrong(*frames_of(sample)))

    def test_another_run_in_the_folder(self, tmp_path):
        self.run(tmp_path)
        for how, named in (
            ({"config": replace(SHORT, seed=1)}, "training"),
            ({"samples": clips_of("Ben", each=2)}, "clips"),
            ({"start": framework(seed=1)}, "start"),
            ({"clips_at_once": 2}, "clips_at_once"),
        ):
            with pytest.raises(WeightsError, match=rf"other settings \({named}\)"):
                self.run(tmp_path, **how)

    def test_a_loss_that_is_no_number_stops_and_leaves_the_checkpoint(self, tmp_path, monkeypatch):
        real, steps = joint.add_gradients, []

        def broken(model, *args, **kwargs):
            steps.append(1)
            loss, right = real(model, *args, **kwargs)
            if len(steps) == 3:
                model.temporal.classifier.bias.grad[0] = float("nan")
            return loss, right

        monkeypatch.setattr(joint, "add_gradients", broken)
        with pytest.raises(PainLabError, match=r"step 3 of 3: .* left as it was"):
            self.run(tmp_path, checkpoint_seconds=0)
        monkeypatch.setattr(joint, "add_gradients", real)
        model = self.run(tmp_path)  # goes on behind step 2
        assert len(steps) == 3
        assert same(model.state_dict(), self.run(tmp_path / "whole").state_dict())

    @pytest.mark.parametrize("recompute", [True, False])
    def test_too_little_memory(self, tmp_path, monkeypatch, recompute):
        def full(*_args, **_kwargs):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        monkeypatch.setattr(joint, "add_gradients", full)
        with pytest.raises(PainLabError, match="step 1 of 3: the memory of cpu") as refused:
            self.run(tmp_path, recompute=recompute)
        assert ("recompute=True" in str(refused.value)) is not recompute


class TestElsewhere:
    def test_nothing_is_left_on_the_cpu(self, monkeypatch):
        """On tensors that only say that they lie on a GPU: a mixture of devices is an error."""
        monkeypatch.setattr(torch.nn.init, "trunc_normal_", lambda tensor, **_: tensor)
        with FakeTensorMode(allow_non_fake_inputs=True):
            with torch.device("cuda"):
                model = pl.PainFramework(CONFIG).train()
                frames = [torch.zeros(k, 32, 32, 3, dtype=torch.uint8) for k in (8, 6)]
            found = [np.ones(8, bool), np.ones(6, bool)]
            clips, mask = joint._together(frames, found, model.spatial.class_token)
            logits = model(clips, mask=mask, frames_at_once=5)
            with pytest.raises(RuntimeError, match="device"):
                model(clips, mask=torch.ones(2, 8, dtype=torch.bool))
        assert {t.device.type for t in (clips, mask, logits)} == {"cuda"}

    @pytest.mark.gpu
    @pytest.mark.parametrize("recompute", [True, False])
    def test_a_gpu_learns(self, tmp_path, recompute):
        config = replace(SHORT, augmentations=("augmix", "trivialaugment"))
        samples, start = clips_of("Anna", each=2), framework().cuda()
        run = lambda: train_jointly(  # noqa: E731
            tmp_path, start, samples, load=frames_of, config=config, recompute=recompute,
            clips_at_once=3, frames_at_once=5, workers=1, **QUIET,
        )  # fmt: skip
        model = run()
        assert {t.device.type for t in model.state_dict().values()} == {"cuda"}
        assert not same(start.state_dict(), model.state_dict())
        assert np.isfinite(class_logits(model, samples, load=frames_of)).all()
        assert same(run().state_dict(), model.state_dict())  # from its checkpoint


class TestFolds:
    def test_each_leaves_one_subject_out_and_is_done_once(self, tmp_path):
        samples, told = clips_of("Anna", "Ben", "Cem", each=1), []
        samples.append(pl.Sample("Ben", 2, None, "other"))  # of no class here
        how = {"config": SHORT, "load": frames_of, "task": TASK}
        folds = train_folds_jointly(tmp_path, framework(), samples, say=told.append, **how)

        def folder_of(subject):
            (path,) = (
                p for p in tmp_path.glob("fold-*/held_out.json")
                if json.loads(p.read_text())["subject"] == subject
            )  # fmt: skip
            return path.parent

        assert [fold.subject for fold in folds] == ["Anna", "Ben", "Cem"]
        for fold in folds:
            mine = [s for s in TASK.select(samples) if s.subject == fold.subject]
            assert fold.sample_names == tuple(s.sample_name for s in mine)
            assert fold.true.tolist() == [TASK.label(s) for s in mine]
            model = pl.load_model(folder_of(fold.subject) / "framework.safetensors")
            np.testing.assert_array_equal(fold.logits, class_logits(model, mine, load=frames_of))
            assert model.about["trained_on"].startswith("NP-P4, 4 clips of 2 subjects")
        assert told[0].startswith("fold 1 of 3, without Anna: pass 1 of 3: loss ")
        assert told[-1].startswith("fold 3 of 3, without Cem: ")
        assert told[-1].endswith("of 2 clips right, 0 s left for all folds")

        def never(_sample):
            pytest.fail("a fold was trained again")

        again = train_folds_jointly(
            tmp_path, framework(), samples, subjects=["Cem"], say=told.append,
            **{**how, "load": never},
        )  # fmt: skip
        assert [fold.subject for fold in again] == ["Cem"]
        np.testing.assert_array_equal(again[0].logits, folds[2].logits)
        with pytest.raises(DataError, match="no clip of NP-P4 is of the subject Dora"):
            train_folds_jointly(tmp_path, framework(), samples, subjects=["Dora"], **how)

    def test_the_held_out_clips_never_reach_training(self, tmp_path):
        """What a held-out clip shows changes its logits and no weight."""
        samples = clips_of("Anna", "Ben", each=2)

        def other(sample):
            frames, found = frames_of(sample)
            return (255 - frames, found) if sample.subject == "Anna" else (frames, found)

        train, test = next(pl.leave_one_subject_out(samples))
        folds = [
            train_fold_jointly(
                tmp_path / name, framework(), train, test, load=load, config=SHORT, **QUIET
            )
            for name, load in (("a", frames_of), ("b", other))
        ]
        weights = [(tmp_path / name / "framework.safetensors").read_bytes() for name in "ab"]
        assert weights[0] == weights[1]
        assert not np.array_equal(folds[0].logits, folds[1].logits)

    def test_refuses_one_person_on_both_sides_and_another_fold(self, tmp_path):
        train, test = clips_of("Anna", each=1), clips_of("Ben", each=1)
        how = {"load": frames_of, "config": SHORT, **QUIET}
        with pytest.raises(DataError, match="split by subject"):
            train_fold_jointly(tmp_path, framework(), [*train, test[0]], test[1:], **how)
        with pytest.raises(DataError, match="clips of one subject"):
            train_fold_jointly(tmp_path, framework(), train, [], **how)
        train_fold_jointly(tmp_path, framework(), train, test, **how)
        with pytest.raises(DataError, match=r"another fold \(subject, sample_names"):
            train_fold_jointly(tmp_path, framework(), train, clips_of("Cem", each=1), **how)
        (tmp_path / "held_out.json").write_text("{")
        with pytest.raises(DataError, match="remove it"):
            train_fold_jointly(tmp_path, framework(), train, test, **how)


class TestAlignedClips:
    @pytest.fixture
    def data(self):
        return pl.SynthPain(subjects=1, per_level=1, frames=2, size=64)

    @pytest.fixture
    def keep(self, tmp_path, data):
        tnt, told = pl.TNT(CONFIG.spatial), []

        def make(**how):
            how = {"model": tnt, "aligner": "truth", "say": told.append, **how}
            return AlignedClips(tmp_path, data, **how)

        make.told = told
        return make

    def test_are_made_once_and_without_loss(self, keep, data, tmp_path, monkeypatch):
        cpu = torch.device("cpu")
        expected, _ = aligned_faces(data, data[3], "truth", size=32, device=cpu)
        clips = keep()
        clips.keep([data[3]], progress=False)
        monkeypatch.setattr(
            aligned_clips, "aligned_faces", lambda *_, **__: pytest.fail("made again")
        )
        for reader in (clips, keep(), keep()):
            frames, found = reader(data[3])
            np.testing.assert_array_equal(frames, expected)
            assert found.all()
        assert frames.shape == (2, 32, 32, 3)
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize("harm", ["short", "altered", "source"])
    def test_what_is_damaged_or_of_another_film_is_made_anew(
        self, keep, data, tmp_path, harm, monkeypatch
    ):
        frames, _ = keep()(data[0])
        (path,) = tmp_path.iterdir()
        whole = path.read_bytes()
        if harm == "source":
            monkeypatch.setattr(aligned_clips, "programs_digest", lambda: "other")
        else:
            path.write_bytes(whole[:-100] if harm == "short" else whole[:-9] + b"\x07" + whole[-8:])
        again, _ = keep()(data[0])
        np.testing.assert_array_equal(again, frames)
        assert len(keep.told) == 1
        assert "made anew" in keep.told[0]
        assert (path.read_bytes() == whole) is (harm != "source")

    def test_what_was_aligned_otherwise_is_refused(self, keep, data):
        keep()(data[0])
        with pytest.raises(DataError, match="aligned otherwise"):
            keep(stride=2)(data[0])

    def test_a_framework_learns_from_them(self, keep, data, tmp_path):
        samples, clips = TASK.select(data), keep()
        config = replace(SHORT, epochs=1, warm_up_epochs=0)
        model = train_jointly(
            tmp_path / "run", framework(), samples, load=clips, config=config, workers=2, **QUIET
        )
        assert json.loads(model.about["settings"])["faces"] == clips.made_from
        assert json.loads(model.about["aligner"]) == {"landmarks": "truth"}


def test_the_operations_of_the_papers_protocol():
    """Some 7e19 for a binary task, some 23 days at 35 TFLOP/s."""
    binary = count_joint_flops()
    assert 6.9e19 < binary < 7.1e19
    assert 22.5 < binary / 35e12 / 86400 < 23.5
    assert 1.32 < count_joint_flops(recompute=True) / binary < 1.34


def test_the_operations_are_those_that_are_run():
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model, config = framework().train(), replace(SHORT, epochs=1, warm_up_epochs=0)
    counts = []
    for recompute in (False, True):
        counter = FlopCounterMode(display=False)
        with sdpa_kernel(SDPBackend.MATH), counter:
            model(torch.zeros(1, 8, 3, 32, 32), recompute=recompute).sum().backward()
        two = {"subjects": 2, "clips_of_subject": 1, "recompute": recompute}
        judged = 2 * pl.count_flops(model, torch.zeros(1, 8, 3, 32, 32))
        counts.append(
            (count_joint_flops(CONFIG, config, **two) - judged, 2 * counter.get_total_flops())
        )
    for told, run in counts:  # the pictures themselves need no gradient
        assert run <= told < 1.1 * run
