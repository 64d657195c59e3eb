"""Learning on an accelerator, and on tensors that only say that they lie on one."""

import ast
import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from planted import planted_store
from torch._subclasses.fake_tensor import FakeTensorMode

import painlab as pl
from painlab.alignment.network import LandmarkNet
from painlab.alignment.pose import load_template
from painlab.config import LandmarkNetConfig, TrainingConfig
from painlab.datasets.synthpain.actions import ACTIONS
from painlab.datasets.synthpain.portraits import draw_portraits
from painlab.datasets.synthpain.render import Rendered
from painlab.spatial.resolution import interpolate_positions
from painlab.training.augment import augment_clip
from painlab.training.clip_faces import align_by_truth, aligned_faces
from painlab.training.embeddings import network_features
from painlab.training.features import _encode
from painlab.training.fold_training import (
    Fold,
    TaskData,
    fold_logits,
    fold_losses,
    make_folds,
    steps_of_run,
    train_folds,
)
from painlab.training.folds import clip_gradients, stack
from painlab.training.landmarks import (
    LandmarkTraining,
    eye_span,
    eyes_first,
    landmark_loss,
    train_landmarks,
)
from painlab.training.loso import task_features
from painlab.training.memory import bytes_of_fold
from painlab.training.noise import FoldNoise
from painlab.training.pretrain import FaceNet, Stage, face_losses, pretrain
from painlab.training.recipe import average_weights
from painlab.training.rendered import RenderedFaces
from painlab.weights import ASSETS

PACKAGE = Path(pl.__file__).parent
CONFIG = pl.FrameworkConfig.tiny().spatial
FOLDS = pl.TemporalConfig(
    frames=6, dim=8, latents=3, latent_dim=16, heads=2, head_dim=8, cross_head_dim=16, bands=2
)
WEIGHTS = sorted(path.stem for path in (ASSETS / "weights").glob("*.safetensors"))


def input_of(model):
    """Four of what a shipped model takes."""
    config = model.config
    if isinstance(model, pl.TemporalTransformer):
        return torch.rand(4, config.frames, config.dim)
    return torch.rand(4, 3, config.image_size, config.image_size)


@pytest.mark.parametrize("name", WEIGHTS)
def test_shipped_weights_take_what_the_tests_give_them(name):
    model = pl.load_model(name)
    with torch.inference_mode():
        assert model(input_of(model)).isfinite().all()


def same_device(*tensors):
    return {tensor.device.type for tensor in tensors} == {"cuda"}


class TestWithoutOne:
    """Every operation is asked for its devices, and none is run."""

    @pytest.fixture
    def there(self, monkeypatch):
        # the one that looks at its numbers, of which there are none
        monkeypatch.setattr(torch.nn.init, "trunc_normal_", lambda tensor, **_: tensor)
        with FakeTensorMode(), torch.device("cuda"):
            yield

    def test_a_mixture_of_devices_is_found(self, there):
        with pytest.raises(RuntimeError, match="device"):
            torch.ones(2) + torch.ones(2, device="cpu")

    def test_faces(self, there):
        net, averaged = (FaceNet(pl.TNT(CONFIG), identities=3) for _ in range(2))
        logits, found = net(torch.randn(4, 3, 32, 32))
        identity, actions = torch.zeros(4, dtype=torch.long), torch.rand(4, len(ACTIONS))
        of_both = face_losses(logits, found, identity, actions, label_smoothing=0.1)
        without = face_losses(logits, found, identity, None, label_smoothing=0.1)
        average_weights(averaged, net, keep=0.9)
        assert same_device(logits, found, *of_both, *without, *averaged.state_dict().values())

    def test_the_next_resolution(self, there):
        assert same_device(interpolate_positions(torch.randn(1 + 4, 24), 16))

    def test_landmarks(self, there):
        config = LandmarkNetConfig(image_size=32, channels=(8, 8, 8))
        net, averaged = LandmarkNet(config), LandmarkNet(config)
        found, spread = net(torch.rand(4, 3, 32, 32), return_spread=True)
        true = eyes_first(torch.rand(4, 68, 3))
        loss = landmark_loss(found, true, depth_weight=0.3)
        loss = loss + (spread / eye_span(true)[:, None]).mean()
        average_weights(averaged, net, keep=0.9)
        assert same_device(found, spread, loss, *averaged.state_dict().values())

    def test_features_of_a_rendered_clip(self, monkeypatch):
        """The frames stay where they were drawn; what numpy knows is brought to them."""
        monkeypatch.setattr(torch.nn.init, "trunc_normal_", lambda tensor, **_: tensor)
        landmarks = np.tile(load_template().points, (6, 1, 1)).astype(np.float32) + 100
        with FakeTensorMode(allow_non_fake_inputs=True):
            frames = torch.zeros(6, 200, 200, 3, dtype=torch.uint8, device="cuda")
            still = [np.zeros(shape, np.float32) for shape in ((6, 3, 3), (6, 3), 6)]
            clip = Rendered(frames, landmarks, *still)
            faces = align_by_truth(clip, size=CONFIG.image_size, chosen=slice(0, None, 2))
            assert faces.shape == (3, CONFIG.image_size, CONFIG.image_size, 3)
            with torch.device("cuda"):
                tnt = pl.TNT(CONFIG)
            features = network_features(tnt, faces, at_once=2)
            assert same_device(faces, features)
            found = np.array([True, False, True])
            assert _encode(tnt, faces, found, 2, False).shape == (3, CONFIG.dim)

    def test_folds(self, there):
        names = ["a", "b"]
        noise = FoldNoise(0, names, device="cuda")
        models = [pl.TemporalTransformer(FOLDS) for _ in names]
        folded = stack(models, noise=noise).train()
        logits = folded(torch.randn(2, 3, 6, 8), mask=torch.ones(2, 3, 6, dtype=torch.bool))
        labels = torch.zeros(2, 3, dtype=torch.long)
        losses = fold_losses(logits, labels, label_smoothing=0.1)
        for parameter in folded.parameters():  # a backward pass asks the driver
            parameter.grad = torch.ones_like(parameter)
        norms = clip_gradients(folded, largest=1.0)
        assert same_device(logits, losses, norms, *folded.state_dict().values())

    def test_no_module_takes_one_for_granted(self):
        """The word is there to ask a device what it is; who decides is `painlab.devices`."""
        asked = 0
        for path in PACKAGE.rglob("*.py"):
            tree = ast.parse(path.read_text())
            compared = {
                part for node in ast.walk(tree) if isinstance(node, ast.Compare)
                for part in ast.walk(node)
            }  # fmt: skip
            named = {
                node for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and node.value == "cuda"
            }  # fmt: skip
            asked += len(named & compared)
            # of torchrun's processes each takes its own of several
            if path.name not in ("devices.py", "parallel.py"):
                assert named <= compared, path.name
        assert asked > 3


@pytest.mark.gpu
class TestOnOne:
    @pytest.mark.parametrize("name", WEIGHTS)
    def test_shipped_weights_give_what_they_give_on_a_cpu(self, name):
        here, there = pl.load_model(name), pl.load_model(name, device="cuda")
        images = input_of(here)
        with torch.inference_mode():
            expected, found = here(images), there(images.cuda())
        assert found.is_cuda
        # a quarter of a pixel, or as little of a feature: convolutions count in TF32 there
        assert (found.cpu() - expected).abs().max() < 2e-3 * expected.abs().max()

    def test_a_tnt_learns(self, tmp_path):
        faces = RenderedFaces(people=2, pictures=4, seed=9, size=32, say=lambda _: None)
        stages = [
            Stage(name="low", image_size=32, steps=2, batch=4, actions=1.0),
            Stage(name="high", image_size=48, steps=2, batch=4, identity=0.3, actions=3.0, seed=1),
        ]
        given = {"config": replace(CONFIG, image_size=48), "every": 1, "say": lambda _: None}
        run = lambda: pretrain(  # noqa: E731
            tmp_path, [(s, faces) for s in stages], device=torch.device("cuda"), workers=2, **given
        )
        tnt = run()
        assert same_device(*tnt.state_dict().values())
        assert all(t.isfinite().all() for t in tnt.state_dict().values())
        again = run()  # from its checkpoints
        for name, tensor in tnt.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name]), name
        assert pl.load_model(tmp_path / "tnt.safetensors").config.image_size == 48

    def test_a_landmark_network_learns(self, tmp_path):
        heads = draw_portraits(0, seed=9, count=8, size=32, crop="loose")
        training = LandmarkTraining(people=1, pictures=8, steps=2, batch=4, warm_up=1, seed=3)
        net = train_landmarks(
            tmp_path, training, images=heads.images, landmarks=heads.landmarks,
            device=torch.device("cuda"), every=1, workers=2, say=lambda _: None,
        )  # fmt: skip
        assert same_device(*net.state_dict().values())
        with torch.inference_mode():
            assert net(torch.rand(2, 3, 32, 32, device="cuda")).isfinite().all()

    def test_features_are_those_of_the_cpu(self, tmp_path):
        """Drawn, aligned, augmented and looked at there, with another thread drawing ahead."""
        data = pl.SynthPain(subjects=2, per_level=1, frames=5, size=128)
        tnt = pl.load_model("tnt-ti-synthface")
        here = pl.extract_features(tnt, data, tmp_path / "cpu", aligner="truth", views=2)
        for half, most in ((False, 0.02), (True, 0.05)):
            there = pl.extract_features(
                copy.deepcopy(tnt).cuda(), data, tmp_path / f"gpu-{half}", aligner="truth", views=2,
                half_precision=half,
            )  # fmt: skip
            assert there.made_from.get("precision") == ("bfloat16" if half else None)
            expected, found = here.load(), there.load()
            assert found.samples == expected.samples
            apart = (found.features - expected.features).norm(dim=-1)
            size = expected.features.norm(dim=-1)
            assert (apart / size)[:, 0].max() < most
            # an augmentation may stretch the one grey level that the drawings differ by
            assert (apart / size)[:, 1].median() < 2 * most
        faces, _ = aligned_faces(data, data[0], "truth", size=224, device=torch.device("cuda"))
        assert faces.is_cuda
        expected, _ = aligned_faces(data, data[0], "truth", size=224, device=torch.device("cpu"))
        assert ((faces.cpu().int() - expected.int()).abs() <= 2).float().mean() > 0.99
        views = [augment_clip(f, seed=0, epoch=1, sample=data[0]) for f in (faces, expected)]
        assert views[0].is_cuda
        apart = (views[0].cpu().int() - views[1].int()).abs()
        assert (apart <= 8).float().mean() > 0.99

    def test_folds_learn_what_they_learn_on_a_cpu(self, tmp_path):
        store = planted_store(tmp_path)
        config = TrainingConfig(
            epochs=10, warm_up_epochs=1, batch=9, learning_rate=1e-2, half_precision=False
        )
        logits = {}
        for device in ("cpu", "cuda"):
            features, labels = task_features(store, pl.TASKS["NP-P4"])
            data = TaskData(features.features.double().to(device), None, labels.to(device))
            folds = make_folds(features.samples)
            model, _ = train_folds(
                data, folds, temporal=FOLDS, config=config, steps=steps_of_run(folds, config)
            )
            assert same_device(*model.parameters()) == (device == "cuda")
            logits[device] = torch.cat(fold_logits(model, data, folds))
        # the same noise, batches and first weights: what differs is rounding
        torch.testing.assert_close(logits["cuda"], logits["cpu"], atol=1e-6, rtol=1e-6)

    def test_a_run_of_folds(self, tmp_path):
        store = planted_store(tmp_path / "store", people=5)
        config = TrainingConfig(epochs=12, warm_up_epochs=1, batch=9, learning_rate=1e-2)
        result = pl.train_loso(
            store, task="NP-P4", config=config, temporal=FOLDS, device="cuda", out=tmp_path / "run"
        )
        assert result.metrics()["accuracy"] > 0.8
        assert result.about["devices"] == ["cuda:0"] or result.about["devices"] == ["cuda"]

    def test_memory_of_a_fold_is_not_far_from_what_it_takes(self):
        device, temporal = torch.device("cuda"), pl.TemporalConfig()
        config, count = TrainingConfig.paper(), 16
        data = TaskData(
            torch.randn(200, 1, 138, 192, device=device), None,
            torch.randint(2, (200,), device=device),
        )  # fmt: skip
        told = count * bytes_of_fold(data, temporal, config)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        names = [str(i) for i in range(count)]
        folds = [Fold(name, torch.arange(200), torch.arange(2)) for name in names]
        short = TrainingConfig(epochs=2, warm_up_epochs=1)
        train_folds(data, folds, temporal=temporal, config=short, steps=(1, 2))
        taken = torch.cuda.max_memory_allocated() - before
        assert 0.5 < taken / told < 2

    def test_portraits_are_those_of_the_cpu(self):
        asked = {"seed": 9, "count": 6, "size": 128, "crop": "loose"}
        here, there = draw_portraits(0, **asked), draw_portraits(0, **asked, device="cuda")
        apart = (here.images.int() - there.images.int()).abs()
        assert (apart <= 1).float().mean() >= 0.999
        assert torch.equal(here.landmarks, there.landmarks)
        assert torch.equal(here.actions, there.actions)
