"""A fold in the batch is the fold alone: the same numbers, step by step, and the same noise."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from planted import planted_store

import painlab as pl
from painlab.config import TrainingConfig
from painlab.layers import Attention
from painlab.temporal import TemporalTransformer
from painlab.training.fold_training import (
    Fold,
    TaskData,
    draw_batches,
    first_model,
    fold_logits,
    fold_losses,
    make_folds,
    steps_of_run,
    train_folds,
)
from painlab.training.folds import clip_gradients, stack, state_of_fold
from painlab.training.loso import task_features
from painlab.training.noise import FoldDropout, FoldNoise
from painlab.training.recipe import (
    learning_rate_at,
    make_optimizer,
    parameter_groups,
    set_learning_rate,
)

TEMPORAL = pl.TemporalConfig(
    frames=6, dim=8, latents=3, latent_dim=16, heads=2, head_dim=8, cross_head_dim=16, bands=2
)
CONFIG = TrainingConfig(epochs=20, warm_up_epochs=2, batch=9, learning_rate=1e-2, seed=3)


def planted_data(tmp_path, dtype=torch.float64, **given):
    features, labels = task_features(planted_store(tmp_path, **given), pl.TASKS["NP-P4"])
    folds = make_folds(features.samples)
    return TaskData(features.features.to(dtype), None, labels), folds


def train(data, folds, *, config=CONFIG, temporal=TEMPORAL, steps=None, **given):
    steps = steps or steps_of_run(folds, config)
    return train_folds(data, folds, temporal=temporal, config=config, steps=steps, **given)


class Drawn(torch.nn.Module):
    """One fold's dropout for a model without a fold axis."""

    def __init__(self, dropout):
        super().__init__()
        self.folded = dropout

    def forward(self, x):
        return self.folded(x[None])[0]


def train_plainly(data, fold, *, config=CONFIG, temporal=TEMPORAL, steps):
    """One fold by PyTorch's own means: linear layers, AdamW, a loop. Nothing is stacked."""
    model = first_model(fold.name, temporal, seed=config.seed, dtype=data.features.dtype).train()
    noise = FoldNoise(config.seed, [fold.name])
    for place, part in enumerate(m for m in model.modules() if isinstance(m, Attention)):
        part.dropout = Drawn(FoldDropout(noise, place=place, probability=part.dropout))
    optimizer = torch.optim.AdamW(
        parameter_groups(model, weight_decay=config.weight_decay), lr=config.learning_rate
    )
    of_epoch, total = steps
    rows, views = draw_batches(
        fold, range(total), batch=config.batch, views=data.features.shape[1], seed=config.seed
    )
    for step in range(total):
        noise.step = step
        set_learning_rate(
            optimizer, step, steps=total, warm_up=config.warm_up_epochs * of_epoch,
            highest=config.learning_rate,
        )  # fmt: skip
        logits = model(data.features[rows[step], views[step]])
        F.cross_entropy(
            logits, data.labels[rows[step]], label_smoothing=config.label_smoothing
        ).backward()
        if config.clip_gradients:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_gradients)
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


class TestStack:
    def test_gives_what_each_model_gives(self):
        models = [first_model(name, TEMPORAL, seed=0).eval() for name in "abc"]
        features, mask = torch.randn(3, 5, 6, 8), torch.rand(3, 5, 6) > 0.3
        out = stack(models)(features, mask=mask)
        assert out.shape == (3, 5, 2)
        for i, model in enumerate(models):
            torch.testing.assert_close(out[i], model(features[i], mask=mask[i]))

    def test_leaves_the_models_as_they_were(self):
        models = [first_model(name, TEMPORAL, seed=0) for name in "ab"]
        before = [p.clone() for p in models[0].parameters()]
        folded = stack(models, noise=FoldNoise(0, ["a", "b"])).train()
        folded(torch.randn(2, 3, 6, 8)).sum().backward()
        with torch.no_grad():
            for parameter in folded.parameters():
                parameter.add_(1)
        assert all(torch.equal(a, b) for a, b in zip(before, models[0].parameters(), strict=True))
        assert models[0].cross.attention.dropout == TEMPORAL.attention_dropout

    def test_a_state_can_be_taken_out_and_loaded(self):
        models = [first_model(name, TEMPORAL, seed=0).eval() for name in "ab"]
        folded, features = stack(models), torch.randn(2, 3, 6, 8)
        alone = TemporalTransformer(TEMPORAL).eval()
        alone.load_state_dict(state_of_fold(folded, 1))
        torch.testing.assert_close(alone(features[1]), folded(features)[1])

    def test_scalar_tokens_and_all_that_a_configuration_may_say(self):
        config = replace(TEMPORAL, tokens="scalars", classes=5, self_attentions=0, cross_heads=2)
        models = [first_model(name, config, seed=0).eval() for name in "ab"]
        features = torch.randn(2, 3, 6, 8)
        out = stack(models)(features)
        torch.testing.assert_close(out[1], models[1](features[1]))

    def test_refuses_features_without_the_fold_axis(self):
        folded = stack([first_model(name, TEMPORAL, seed=0) for name in "ab"])
        with pytest.raises(pl.PainLabError, match=r"\(2, b, up to 6, 8\)"):
            folded(torch.randn(5, 6, 8))

    def test_no_gradient_passes_between_folds(self):
        folded = stack([first_model(name, TEMPORAL, seed=0) for name in "abc"])
        folded(torch.randn(3, 4, 6, 8))[1].square().sum().backward()
        for name, parameter in folded.named_parameters():
            alone = parameter.grad.flatten(1).abs().sum(1)
            assert alone[0] == alone[2] == 0, name
            assert alone[1] > 0 or name.endswith("to_q.weight"), name

    def test_decay_falls_on_what_it_falls_on_in_one_model(self):
        model = first_model("a", TEMPORAL, seed=0)
        names = {id(p): n for n, p in model.named_parameters()}
        folded = stack([model, model])
        folded_names = {id(p): n for n, p in folded.named_parameters()}
        for one, all_ in zip(
            parameter_groups(model, weight_decay=0.1),
            parameter_groups(folded, weight_decay=0.1, folds=True),
            strict=True,
        ):
            assert {names[id(p)] for p in one["params"]} == {
                folded_names[id(p)] for p in all_["params"]
            }
            assert one["params"]


class TestEqualsAlone:
    """The bar: float64, 20 steps and more, dropout 0.1, to 1e-8 in every parameter."""

    @pytest.mark.parametrize("clip", [None, 0.5])
    def test_every_parameter_in_float64(self, tmp_path, clip):
        data, folds = planted_data(tmp_path, people=5, views=2)
        config = replace(CONFIG, clip_gradients=clip)
        steps = steps_of_run(folds, config)
        assert steps[1] >= 20
        together, history = train(data, folds, config=config)
        assert len(history) == config.epochs
        for i in (0, 3):
            alone, own = train(data, [folds[i]], config=config, steps=steps)
            plain = train_plainly(data, folds[i], config=config, steps=steps)
            state = state_of_fold(together, i)
            first = first_model(folds[i].name, TEMPORAL, seed=config.seed, dtype=torch.float64)
            for name, value in plain.state_dict().items():
                assert (state[name] - state_of_fold(alone, 0)[name]).abs().max() < 1e-8, name
                assert (state[name] - value).abs().max() < 1e-8, name
                assert (state[name] - first.state_dict()[name]).abs().max() > 1e-3, name
            assert [epoch[i] for epoch in history] == pytest.approx([e[0] for e in own], abs=1e-10)

    def test_the_same_predictions_in_float32(self, tmp_path):
        data, folds = planted_data(tmp_path, torch.float32, people=5)
        together, _ = train(data, folds)
        logits = fold_logits(together, data, folds)
        for i, fold in enumerate(folds):
            alone, _ = train(data, [fold], steps=steps_of_run(folds, CONFIG))
            own = fold_logits(alone, data, [fold])[0]
            assert torch.equal(own.argmax(1), logits[i].argmax(1))
            torch.testing.assert_close(own, logits[i], atol=1e-3, rtol=1e-3)

    def test_dropout_is_at_work(self, tmp_path):
        data, folds = planted_data(tmp_path)
        dropped, _ = train(data, folds)
        kept, _ = train(data, folds, temporal=replace(TEMPORAL, attention_dropout=0.0))
        assert (dropped.latents - kept.latents).abs().max() > 1e-3

    def test_a_paused_run_ends_the_same(self, tmp_path):
        data, folds = planted_data(tmp_path / "store", torch.float32, people=3)
        whole, history = train(data, folds)

        class EnoughError(Exception):
            pass

        stops = iter((1, 7, 8, 23, 10**9))
        for stop in stops:

            def on_step(done, losses, stop=stop):
                if done == stop:
                    raise EnoughError

            try:
                paused, again = train(
                    data, folds, checkpoint=tmp_path / "c.safetensors", checkpoint_seconds=0,
                    on_step=on_step,
                )  # fmt: skip
            except EnoughError:
                continue
        assert again == history
        for name, value in whole.state_dict().items():
            assert torch.equal(value, paused.state_dict()[name]), name


class TestBatches:
    FOLD = Fold("anna", torch.arange(10, 17), torch.arange(3))

    def test_every_clip_once_a_pass(self):
        rows, views = draw_batches(self.FOLD, range(14), batch=3, views=4, seed=0)
        assert rows.shape == views.shape == (14, 3)
        for one in rows.flatten().split(7):
            assert sorted(one.tolist()) == list(range(10, 17))
        assert set(views.flatten().tolist()) == {0, 1, 2, 3}

    def test_any_part_is_the_part_of_the_whole(self):
        whole = draw_batches(self.FOLD, range(30), batch=4, views=3, seed=1)
        for start, stop in ((0, 5), (5, 6), (11, 30)):
            part = draw_batches(self.FOLD, range(start, stop), batch=4, views=3, seed=1)
            assert all(torch.equal(a, b[start:stop]) for a, b in zip(part, whole, strict=True))

    def test_a_batch_may_be_larger_than_the_fold(self):
        rows, _ = draw_batches(self.FOLD, range(2), batch=21, views=1, seed=0)
        assert all((row.bincount()[10:] == 3).all() for row in rows)

    def test_folds_and_seeds_draw_their_own(self):
        other = Fold("ben", self.FOLD.train, self.FOLD.test)
        given = {"batch": 7, "views": 1}
        one = draw_batches(self.FOLD, range(3), seed=0, **given)[0]
        assert not torch.equal(one, draw_batches(other, range(3), seed=0, **given)[0])
        assert not torch.equal(one, draw_batches(self.FOLD, range(3), seed=1, **given)[0])


class TestNoise:
    def test_it_is_as_likely_everywhere(self):
        noise = FoldNoise(0, ["a", "b"])
        drawn = noise.uniform(0, (200, 1000)).double()
        assert drawn.shape == (2, 200, 1000)
        assert (drawn.mean((1, 2)) / 2**16).abs().max() < 0.002
        counts = torch.histc(drawn.flatten(), 64, -(2**15), 2**15)
        expected = drawn.numel() / 64
        assert ((counts - expected).square() / expected).sum() < 63 + 5 * (2 * 63) ** 0.5

    def test_it_follows_from_seed_fold_step_and_place(self):
        def drawn(seed=0, fold="b", step=5, place=1):
            noise = FoldNoise(seed, ["a", fold])
            noise.step = step
            return noise.uniform(place, (50,))[1]

        assert torch.equal(drawn(), drawn())
        alone = FoldNoise(0, ["b"])
        alone.step = 5
        assert torch.equal(drawn(), alone.uniform(1, (50,))[0])
        for other in ({"seed": 1}, {"fold": "c"}, {"step": 6}, {"place": 2}):
            assert (drawn() == drawn(**other)).float().mean() < 0.1

    def test_steps_and_places_are_independent(self):
        noise, drops = FoldNoise(0, ["a"]), []
        for step in range(40):
            noise.step = step
            drops += [noise.uniform(place, (2000,))[0].double() for place in range(3)]
        drops = torch.stack(drops) / 2**16 * 12**0.5  # of variance 1
        correlation = (drops @ drops.T / drops.shape[1]).fill_diagonal_(0)
        assert correlation.abs().max() < 6 / 2000**0.5

    @pytest.mark.parametrize("probability", [0.1, 0.5])
    def test_dropout_keeps_the_mean(self, probability):
        noise = FoldNoise(0, ["a", "b"])
        out = FoldDropout(noise, place=0, probability=probability)(torch.ones(2, 100, 1000))
        assert set(out.unique().tolist()) == {0.0, torch.tensor(1 / (1 - probability)).item()}
        assert (out == 0).float().mean((1, 2)).sub(probability).abs().max() < 0.005


def test_folds_are_clipped_by_themselves():
    models = [first_model(name, TEMPORAL, seed=0).eval() for name in "ab"]
    folded, features = stack(models), torch.randn(2, 4, 6, 8)
    scale = torch.tensor([1.0, 1000.0])
    (folded(features).square().sum((1, 2)) * scale).sum().backward()
    for i, model in enumerate(models):
        (model(features[i]).square().sum() * scale[i]).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.7)
        if i == 0:
            norms = clip_gradients(folded, largest=0.7)
        assert norms[i] == pytest.approx(norm.item(), rel=1e-4)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(
                folded.get_parameter(name).grad[i], parameter.grad, rtol=1e-4, atol=1e-6
            )


def test_losses_are_pytorchs():
    logits, labels = torch.randn(3, 5, 4), torch.randint(4, (3, 5))
    losses = fold_losses(logits, labels, label_smoothing=0.1)
    for i in range(3):
        expected = F.cross_entropy(logits[i], labels[i], label_smoothing=0.1)
        torch.testing.assert_close(losses[i], expected)


def test_the_rate_of_a_run_is_table_ones():
    folds = [Fold("a", torch.arange(70), torch.arange(70, 80))]
    of_epoch, total = steps_of_run(folds, TrainingConfig.paper())
    assert (of_epoch, total) == (3, 600)
    rates = [learning_rate_at(s, steps=total, warm_up=15, highest=1e-4) for s in range(total)]
    assert max(rates) == rates[14] == 1e-4
    assert rates[-1] < 1e-8


def test_a_loss_that_is_no_number_is_told(tmp_path):
    data, folds = planted_data(tmp_path, torch.float32)
    with pytest.raises(pl.PainLabError, match=r"leaves out person00 has a loss of nan"):
        train(data, folds, config=replace(CONFIG, learning_rate=1e30))


def test_an_optimiser_of_folds_can_be_fused(tmp_path):
    data, folds = planted_data(tmp_path)
    models = [first_model(f.name, TEMPORAL, seed=0, dtype=torch.float64).eval() for f in folds]
    model, same = stack(models), stack(models)
    for one, fused in ((model, False), (same, True)):
        optimizer = make_optimizer(
            one, learning_rate=1e-3, weight_decay=0.1, folds=True, fused=fused
        )
        for _ in range(3):
            one(data.features[: len(folds) * 2, 0].view(len(folds), 2, 6, 8)).sum().backward()
            optimizer.step()
    for a, b in zip(model.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(a, b)
