"""Pre-training on faces: the batches, the losses, and a run that may be stopped anywhere."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

import painlab as pl
from painlab.datasets.synthpain.actions import ACTIONS, COLUMN
from painlab.datasets.synthpain.portraits import draw_portraits
from painlab.errors import DataError, PainLabError, WeightsError
from painlab.training import pictures, rendered
from painlab.training import pretrain as room
from painlab.training.batches import FaceBatch, in_order
from painlab.training.parallel import Processes, device_of_process
from painlab.training.pictures import OTHER_SIDE, prepare, resize_pictures
from painlab.training.presets import PRESETS, preset_named, pretraining_stages, rendered_stages
from painlab.training.pretrain import (
    FaceNet,
    Stage,
    begin,
    face_losses,
    pretrain,
    stage_history,
)
from painlab.training.recipe import average_weights
from painlab.training.rendered import RenderedFaces

CONFIG = pl.FrameworkConfig.tiny().spatial
CPU = torch.device("cpu")
LOW = Stage(name="low", image_size=32, steps=5, batch=4, actions=1.0, learning_rate=1e-3)
HIGH = Stage(name="high", image_size=48, steps=4, batch=4, identity=0.5, actions=1.0, seed=1)


@pytest.fixture(scope="module")
def faces():
    found = RenderedFaces(people=2, pictures=8, seed=9, size=48, say=lambda _: None)
    found.batch(0, 1, np.random.default_rng(0))  # drawn once for all tests here
    return found


def run(folder, faces, stages=(LOW, HIGH), **more):
    given = {"config": CONFIG, "device": CPU, "every": 2, "say": lambda _: None, **more}
    return pretrain(folder, [(stage, faces) for stage in stages], **given)


def same(one, other):
    return all(torch.equal(t, other.state_dict()[name]) for name, t in one.state_dict().items())


class TestBatches:
    def test_other_sides(self):
        assert [OTHER_SIDE[i] for i in OTHER_SIDE] == list(range(len(ACTIONS)))
        pairs = {ACTIONS[i]: ACTIONS[j] for i, j in enumerate(OTHER_SIDE)}
        assert pairs["browDownLeft"] == "browDownRight"
        assert pairs["mouthRight"] == "mouthLeft"
        assert pairs["jawOpen"] == "jawOpen"
        assert sum(a != b for a, b in pairs.items()) == 2 * sum("Left" in name for name in ACTIONS)

    def test_a_mirrored_lowered_brow_is_the_other_one(self, monkeypatch):
        """Against the face at rest, the picture changes in the half that its actions name."""
        monkeypatch.setattr(pictures, "distort_faces", lambda images, _: images)

        def prepared(name):
            actions = np.zeros(len(ACTIONS), np.float32)
            if name:
                actions[COLUMN[name]] = 1.0
            pictures = frontal(monkeypatch, actions)[None].repeat(16, 1, 1, 1)
            told = torch.from_numpy(actions)[None].repeat(16, 1)
            batch = FaceBatch(pictures, torch.zeros(16, dtype=torch.long), told)
            return prepare(batch, image_size=64, rng=np.random.default_rng(0))

        rest, left, right = (prepared(n) for n in (None, "browDownLeft", "browDownRight"))

        def changed_on_the_right(batch):
            """Of the picture, where the person's own left is."""
            change = (batch.images - rest.images).abs().sum((1, 2))  # b width
            return change[:, 32:].sum(1) > change[:, :32].sum(1)

        for batch in (left, right):
            says_left = batch.actions[:, COLUMN["browDownLeft"]] == 1
            assert torch.equal(~says_left, batch.actions[:, COLUMN["browDownRight"]] == 1)
            assert 0 < says_left.sum() < 16  # some are mirrored
            assert torch.equal(changed_on_the_right(batch), says_left)

    def test_pictures_are_what_the_network_takes(self, faces):
        rng = np.random.default_rng(3)
        batch = faces.batch(0, 6, rng)
        out = prepare(batch, image_size=32, rng=rng)
        assert out.images.shape == (6, 3, 32, 32)
        assert out.images.min() >= -1
        assert 0.5 < out.images.max() <= 1
        assert torch.equal(out.identity, batch.identity)

    def test_smaller_pictures_are_means(self):
        images = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
        means = images.float().reshape(2, 4, 2, 4, 2, 3).mean((2, 4))
        assert (resize_pictures(images, 4).float() - means).abs().max() <= 0.51
        assert resize_pictures(images, 8) is images
        assert resize_pictures(images, 12).shape == (2, 12, 12, 3)

    @pytest.mark.parametrize("workers", [0, 1, 3, 20])
    def test_batches_come_in_order(self, workers):
        late = threading.Event()

        def make(step):
            if step == 3 and workers > 1:
                late.wait(5)  # until a later one is done
            if step == 4:
                late.set()
            return step * step

        assert list(in_order(make, range(3, 9), workers=workers)) == [i * i for i in range(3, 9)]

    def test_an_error_arises_at_its_step(self):
        def make(step):
            if step == 2:
                raise DataError("broken.jpg")
            return step

        batches = in_order(make, range(9), workers=3)
        assert [next(batches), next(batches)] == [0, 1]
        with pytest.raises(DataError, match=r"broken\.jpg"):
            next(batches)


def frontal(monkeypatch, actions):
    """One picture of one person from the front, whose face does so."""
    from painlab.datasets.synthpain import portraits

    with monkeypatch.context() as patch:
        patch.setattr(portraits, "draw_expression", lambda rng: actions)
        patch.setattr(portraits, "TURNS", (1e-3, 1e-3, 1e-3))
        return draw_portraits(1, seed=9, count=1, size=64).images[0]


class TestRenderedFaces:
    def test_threads_draw_once(self, monkeypatch):
        drawn = []
        real = rendered.draw_people
        monkeypatch.setattr(
            rendered, "draw_people", lambda **asked: drawn.append(asked) or real(**asked)
        )
        faces = RenderedFaces(people=2, pictures=1, seed=9, size=32, say=lambda _: None)

        def make(step):
            return faces.batch(step, 2, np.random.default_rng(step)).identity

        beside = list(in_order(make, range(6), workers=4))
        assert len(drawn) == 1
        for one, other in zip(beside, map(make, range(6)), strict=True):
            assert torch.equal(one, other)

    def test_other_pictures_of_the_same_people(self):
        asked = {"people": 2, "pictures": 1, "seed": 9, "size": 32, "say": lambda _: None}
        faces = RenderedFaces(**asked, renew=3)

        def pictures(step):
            batch = faces.batch(step, 2, np.random.default_rng(0))
            return batch.images[batch.identity.argsort()]

        first, renewed = pictures(2), pictures(3)
        assert not torch.equal(first, renewed)
        assert torch.equal(first, pictures(0))
        expected = draw_portraits(1, seed=9, count=1, size=32, first=1)
        assert torch.equal(renewed[1:], expected.images)

    def test_processes_share_the_people(self):
        asked = {"people": 5, "pictures": 1, "size": 32, "say": lambda _: None}
        shares = [RenderedFaces(**asked, share=(i, 2)).people for i in range(2)]
        assert sorted([*shares[0], *shares[1]]) == list(range(5))
        with pytest.raises(DataError, match="too few"):
            RenderedFaces(**{**asked, "people": 1}, share=(0, 2))


class TestLearning:
    def test_gradients_reach_everything(self):
        torch.manual_seed(0)
        net = FaceNet(pl.TNT(CONFIG), identities=3).train()
        logits, found = net(torch.randn(4, 3, 32, 32))
        assert logits.shape == (4, 3)
        assert found.shape == (4, len(ACTIONS))
        identity, actions = torch.arange(4) % 3, torch.rand(4, len(ACTIONS))
        sum(face_losses(logits, found, identity, actions, label_smoothing=0.1)).backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad.abs().sum() > 0, name

    def test_losses_by_hand(self):
        logits = torch.tensor([[2.0, 0.0]])
        found, actions = torch.zeros(1, len(ACTIONS)), torch.zeros(1, len(ACTIONS))
        actions[0, :2] = torch.tensor([1.0, 0.5])
        losses = face_losses(logits, found, torch.tensor([0]), actions, label_smoothing=0.1)
        log = np.log(np.exp([2.0, 0.0]) / np.exp([2.0, 0.0]).sum())
        assert float(losses[0]) == pytest.approx(-(0.95 * log[0] + 0.05 * log[1]), rel=1e-5)
        assert float(losses[1]) == 1.25
        assert face_losses(logits, found, torch.tensor([0]), None, label_smoothing=0.0)[1] == 0

    def test_weights_are_averaged(self):
        mean, model = (torch.nn.BatchNorm1d(2) for _ in range(2))
        with torch.no_grad():
            mean.weight.fill_(1.0)
            model.weight.fill_(3.0)
            model.num_batches_tracked.fill_(7)
        average_weights(mean, model, keep=0.75)
        assert torch.allclose(mean.weight, torch.full((2,), 1.5))
        assert mean.num_batches_tracked == 7

    def test_places_are_told_apart(self):
        tnt = pl.TNT(CONFIG)
        token = tnt.patch_position[0].clone()
        begin(tnt)
        assert torch.equal(tnt.patch_position[0], token)
        apart = torch.cdist(tnt.patch_position[1:], tnt.patch_position[1:])
        assert (apart + 9 * torch.eye(len(apart))).min() > 0.3

    def test_two_people_are_learned(self, faces, tmp_path, monkeypatch):
        monkeypatch.setattr(pictures, "distort_faces", lambda images, _: images)  # 60 steps are few
        stage = replace(LOW, steps=60, batch=8, learning_rate=2e-3, warm_up=5)
        run(tmp_path, faces, (stage,), every=15)
        history = stage_history(tmp_path, 1, stage)
        assert [entry["step"] for entry in history] == [15, 30, 45, 60]
        assert history[-1]["identity"] < 0.8 * history[0]["identity"]
        assert history[-1]["actions"] < 0.8 * history[0]["actions"]
        assert history[-1]["accuracy"] > 0.8


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def whole(faces, tmp_path_factory):
    """A run that nothing disturbed: its folder and its end."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder, faces, about={"licence": "CC0-1.0"})


class TestRuns:
    def test_what_is_written(self, whole):
        folder, tnt = whole
        assert {p.name for p in folder.iterdir()} == {
            "1-low.checkpoint.safetensors", "1-low.safetensors",
            "2-high.checkpoint.safetensors", "2-high.safetensors", "tnt.safetensors",
        }  # fmt: skip
        for name, size in (("1-low", 32), ("2-high", 48), ("tnt", 32)):
            model = pl.load_model(folder / f"{name}.safetensors")
            assert model.config == replace(CONFIG, image_size=size)
            assert model.about["licence"] == "CC0-1.0"
            assert {p.dtype for p in model.parameters()} == {torch.float32}
        assert len(json.loads(model.about["settings"])["stages"]) == 2
        for name, tensor in tnt.state_dict().items():
            assert torch.equal(tensor.half().float(), model.state_dict()[name])
        kept = (folder / "tnt.safetensors").stat().st_size
        assert kept < 2.2 * pl.count_parameters(tnt) + 8192

    @pytest.mark.parametrize("words", [1, 2, 3, 4])
    def test_a_stopped_run_ends_as_an_undisturbed_one(self, whole, faces, tmp_path, words):
        """Stopped after so many checkpoints; the third ends a stage, the fourth begins another."""
        said = []

        def say(text):
            said.append(text)
            if len(said) == words:
                raise StoppedError

        with pytest.raises(StoppedError):
            run(tmp_path, faces, say=say)
        torch.rand(words)  # nothing hangs on the state of torch's own generator
        assert same(run(tmp_path, faces, workers=2), whole[1])

    def test_killed_before_the_next_stages_first_checkpoint(self, whole, faces, tmp_path):
        run(tmp_path, faces, (LOW,))
        assert same(run(tmp_path, faces), whole[1])

    def test_a_finished_run_draws_nothing(self, whole, faces):
        folder, tnt = whole
        undrawn = RenderedFaces(people=2, pictures=8, seed=9, size=48, say=pytest.fail)
        assert same(run(folder, undrawn), tnt)

    def test_other_settings_are_refused(self, whole, faces):
        with pytest.raises(WeightsError, match=r"other settings \(stages\)"):
            run(whole[0], faces, (replace(LOW, steps=6), HIGH))
        before = (whole[0] / "tnt.safetensors").read_bytes()
        with pytest.raises(WeightsError, match=r"tnt.safetensors .* other settings \(stages\)"):
            run(whole[0], faces, (replace(LOW, name="another"), HIGH))  # no checkpoint has its name
        assert (whole[0] / "tnt.safetensors").read_bytes() == before

    def test_further_stages_may_follow(self, faces, tmp_path):
        run(tmp_path, faces, (LOW,))
        assert run(tmp_path, faces, (LOW, HIGH)).config.image_size == CONFIG.image_size

    def test_heads_are_kept_only_for_the_same_people(self, faces, tmp_path, monkeypatch):
        begun = []
        real = room._train_stage

        def spied(path, stage, faces, *, net, **more):
            begun.append({n: t.clone() for n, t in net.to_identity.state_dict().items()})
            return real(path, stage, faces, net=net, **more)

        monkeypatch.setattr(room, "_train_stage", spied)
        others = RenderedFaces(people=3, pictures=1, seed=9, size=48, say=lambda _: None)
        stages = [(replace(LOW, steps=1), f) for f in (faces, faces, others)]
        stages = [(replace(stage, name=str(i)), f) for i, (stage, f) in enumerate(stages)]
        pretrain(tmp_path, stages, config=CONFIG, device=CPU, say=lambda _: None)
        assert [len(head["bias"]) for head in begun] == [2, 2, 3]
        assert begun[1]["bias"].abs().max() > 0  # learned
        assert begun[2]["bias"].abs().max() == 0  # new

    def test_faces_without_actions(self, tmp_path, faces):
        class Nameless:
            identities = 2

            def batch(self, step, count, rng):
                return faces.batch(step, count, rng)._replace(actions=None)

            def describe(self):
                return {"kind": "nameless"}

        with pytest.raises(PainLabError, match="do not tell their actions"):
            run(tmp_path, Nameless(), (LOW,))
        run(tmp_path, Nameless(), (replace(LOW, actions=0.0, steps=1),))

    def test_a_loss_that_is_no_number_is_not_kept(self, tmp_path, faces):
        with pytest.raises(PainLabError, match="the loss is not a number"):
            run(tmp_path, faces, (replace(LOW, learning_rate=1e30, weight_decay=0.0, steps=9),))

    def test_impossible_stages(self, tmp_path, faces):
        with pytest.raises(PainLabError, match="at least two pictures a process"):
            run(tmp_path, faces, (replace(LOW, batch=1),))
        for wrong in ({"steps": 0}, {"batch": 0}, {"identity": 0.0, "actions": 0.0}):
            with pytest.raises(PainLabError, match="a stage needs"):
                replace(LOW, **wrong)


class TestPresets:
    def test_stages_take_the_right_faces(self, faces):
        for name, preset in PRESETS.items():
            alone = pretraining_stages(preset)
            assert alone[-1][0].image_size == preset.config.image_size
            assert all(isinstance(source, RenderedFaces) for _, source in alone)
            stages = pretraining_stages(preset, folder=faces)
            assert [source is faces for _, source in stages] == [
                stage.actions == 0 for stage, _ in stages
            ]
            assert len({source is faces for _, source in stages}) == 2, name
            assert [s for s, _ in rendered_stages(name)] == [s for s, _ in alone]
        with pytest.raises(PainLabError, match="no preset"):
            preset_named("huge")

    def test_a_seed_changes_people_and_order(self):
        (one, people), *_ = pretraining_stages(PRESETS["tiny"])
        (other, others), *_ = pretraining_stages(PRESETS["tiny"], seed=1)
        assert one.seed != other.seed
        assert people.seed != others.seed


class TestProcesses:
    def test_alone(self, monkeypatch):
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        alone = Processes.of_torchrun(CPU)
        assert alone == Processes.alone()
        assert alone.first
        model = torch.nn.Linear(1, 1)
        assert alone.wrap(model, CPU) is model
        alone.wait()
        alone.end()

    def test_a_batch_is_shared_evenly(self):
        assert Processes(1, 4).share_of(8) == 2
        assert not Processes(1, 4).first
        with pytest.raises(PainLabError, match="a batch of 6 cannot be shared by 4"):
            Processes(1, 4).share_of(6)

    def test_each_process_has_its_accelerator(self, monkeypatch):
        monkeypatch.setenv("LOCAL_RANK", "3")
        assert device_of_process(torch.device("cuda")) == torch.device("cuda:3")
        assert device_of_process(torch.device("cuda:1")) == torch.device("cuda:1")
        assert device_of_process(CPU) == CPU
