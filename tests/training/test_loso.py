"""Leave-one-subject-out runs: they learn what is there, go on after a stop, and say what is odd."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import MADE_FROM, planted_store

import painlab as pl
from painlab.config import TrainingConfig
from painlab.errors import DataError, WeightsError
from painlab.training import loso
from painlab.training.loso import gather, plan_run, task_features, train_groups, train_loso
from painlab.training.runs import LosoRun
from painlab.training.store import StoredClip

TEMPORAL = pl.TemporalConfig(
    latents=3, latent_dim=16, heads=2, head_dim=8, cross_head_dim=16, bands=2
)
CONFIG = TrainingConfig(epochs=8, warm_up_epochs=1, batch=24, learning_rate=2e-2, augmentations=())
SHORT = replace(CONFIG, epochs=2, batch=12)
GIVEN = {"task": "NP-P4", "config": SHORT, "temporal": TEMPORAL, "device": "cpu"}


def run_loso(store, out=None, *, said=None, **given):
    say = (lambda text: None) if said is None else said.append
    return train_loso(store, out=out, say=say, **{**GIVEN, **given})


def planned(store, out, **given):
    return plan_run(store, out=out, say=lambda text: None, **{**GIVEN, **given})


def same(a, b):
    """All that was found, bit for bit; how long it took may differ."""
    assert a.subjects == b.subjects
    assert a.sample_names == b.sample_names
    assert np.array_equal(a.true, b.true)
    assert np.array_equal(a.logits, b.logits)
    assert a.missing == b.missing
    assert a.about["losses"] == b.about["losses"]
    assert a.metrics() == b.metrics()


def one_line(caught) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def store(tmp_path):
    return planted_store(tmp_path / "store")


class KillError(Exception):
    """Stands for a kill."""


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Ten people with a signal to learn."""
    root = tmp_path_factory.mktemp("people")
    return planted_store(root, people=10, per_level=4, levels=(0, 4), signal=0.6)


class TestLearning:
    def test_a_planted_signal_is_found_in_people_never_seen(self, people):
        result = run_loso(people, config=CONFIG)
        assert result.metrics()["accuracy"] > 0.85
        assert result.intervals()["accuracy"][0] > 0.7
        assert result.chance() == 0.5
        assert min(result.by_subject().values()) >= 0.5
        assert len(result.about["losses"]["person03"]) == CONFIG.epochs
        losses = np.array(list(result.about["losses"].values()))
        assert (losses[:, -1] < losses[:, 0]).all()

    def test_permuted_labels_stay_at_chance(self, people):
        result = run_loso(people, config=CONFIG, permute=0)
        low, high = result.intervals()["accuracy"]
        assert low < 0.5 < high
        assert result.metrics()["accuracy"] < 0.65

    def test_labels_are_permuted_within_each_subject(self, store):
        task = pl.TASKS["NP-P4"]
        features, labels = task_features(store, task)
        mixed = [task_features(store, task, permute=seed)[1] for seed in (0, 0, 1)]
        assert torch.equal(mixed[0], mixed[1])
        assert not torch.equal(mixed[0], mixed[2])
        assert not torch.equal(mixed[0], labels)
        for who in {s.subject for s in features.samples}:
            rows = [i for i, s in enumerate(features.samples) if s.subject == who]
            assert mixed[0][rows].sum() == labels[rows].sum() == 3

    def test_five_levels(self, tmp_path):
        store = planted_store(tmp_path, people=4, per_level=4, levels=(0, 1, 2, 3, 4), signal=1.5)
        result = run_loso(store, task="MC", config=CONFIG)
        assert result.classes == 5
        assert result.chance() == 0.2
        assert result.metrics()["accuracy"] > 0.35

    def test_all_views_are_learned_from_and_the_first_is_judged(self, tmp_path):
        plain = planted_store(tmp_path / "a", people=3, views=2)
        other = planted_store(
            tmp_path / "b", people=3, views=2, change=lambda who, level, x, found: x[1].neg_()
        )
        losses = [run_loso(s).about["losses"] for s in (plain, other)]
        assert losses[0] != losses[1]
        run = planned(plain, tmp_path / "run")
        features, labels = task_features(plain, pl.TASKS["NP-P4"])
        data = loso.TaskData.of(features, labels)
        folds = loso.make_folds(features.samples)
        model = loso.train_folds(
            data, folds, temporal=replace(TEMPORAL, frames=6, dim=8), config=SHORT,
            steps=tuple(run.settings["steps"]),
        )[0]  # fmt: skip
        before = loso.fold_logits(model, data, folds)
        data.features[:, 1] = 0
        for a, b in zip(before, loso.fold_logits(model, data, folds), strict=True):
            assert torch.equal(a, b)

    def test_a_stride_takes_every_nth_frame(self, tmp_path):
        for stride, frames in ((1, 7), (2, 4), (3, 3), (4, 2)):
            features, _ = task_features(
                planted_store(tmp_path / str(stride), people=2, frames=7), pl.TASKS["NP-P4"],
                stride=stride,
            )  # fmt: skip
            assert features.features.shape[2] == features.found.shape[1] == frames
        store = planted_store(tmp_path / "store", people=3, frames=9)
        result = run_loso(store, tmp_path / "run", stride=2)
        assert result.about["temporal"]["frames"] == 5
        with pytest.raises(DataError, match=r"differs in its steps|differs in its stride"):
            run_loso(store, tmp_path / "run", stride=1)
        with pytest.raises(DataError, match="stride=0: give a whole number"):
            run_loso(store, stride=0)

    def test_the_models_are_kept_where_it_is_asked(self, store, tmp_path):
        result = run_loso(store, tmp_path / "run", keep_models=True, folds_at_once=3)
        run = LosoRun(tmp_path / "run")
        features, _ = task_features(store, pl.TASKS["NP-P4"])
        for name in run.folds:
            model = pl.load_model(run.model_of(name)).eval()
            assert model.about["left_out"] == name
            rows = [i for i, s in enumerate(features.samples) if s.subject == name]
            mine = [i for i, who in enumerate(result.subjects) if who == name]
            with torch.no_grad():
                logits = model(features.features[rows, 0])
            np.testing.assert_allclose(logits, result.logits[mine], rtol=1e-4, atol=1e-5)
        again = run_loso(store, tmp_path / "run", keep_models=True)
        same(result, again)

    def test_models_cannot_be_kept_afterwards_or_nowhere(self, store, tmp_path):
        run_loso(store, tmp_path / "run")
        with pytest.raises(DataError, match="4 folds of this run trained without keeping") as told:
            run_loso(store, tmp_path / "run", keep_models=True)
        assert "give another folder" in one_line(told)
        with pytest.raises(DataError, match="needs a folder"):
            run_loso(store, keep_models=True)


class TestGoingOn:
    @pytest.mark.parametrize("at_once", [1, 2, 4, 5, 50])
    def test_any_number_of_folds_at_once(self, store, tmp_path, at_once):
        result = run_loso(store, tmp_path / "run", folds_at_once=at_once)
        reference = run_loso(store)
        assert result.sample_names == reference.sample_names
        np.testing.assert_allclose(result.logits, reference.logits, rtol=1e-3, atol=1e-4)
        groups = LosoRun(tmp_path / "run").groups
        assert [len(g) for g in groups] == {1: [1] * 4, 2: [2, 2]}.get(at_once, [4])

    def test_what_is_missing_is_named_until_it_is_there(self, store, tmp_path):
        run = planned(store, tmp_path / "run", folds_at_once=1)
        with pytest.raises(DataError, match="no fold of this run is trained yet"):
            gather(run)
        train_groups(run, [2, 0], device="cpu")
        part = gather(run)
        assert part.missing == ("person01", "person03")
        assert list(part.by_subject()) == ["person00", "person02"]
        assert "not trained: person01, person03" in part.report()
        assert repr(part).endswith("2 subjects, 2 missing)")
        train_groups(run, device="cpu")
        whole = gather(run)
        assert whole.missing == ()
        same(whole, run_loso(store, folds_at_once=1))
        again = gather(LosoRun(tmp_path / "run"))
        same(whole, again)
        assert again.about == whole.about

    def test_finished_folds_are_not_trained_again(self, store, tmp_path, monkeypatch):
        trained = []
        real = loso.train_folds

        def spied(data, folds, **given):
            trained.append([fold.name for fold in folds])
            if len(trained) == 2:
                raise KillError
            return real(data, folds, **given)

        monkeypatch.setattr(loso, "train_folds", spied)
        with pytest.raises(KillError):
            run_loso(store, tmp_path / "run", folds_at_once=2)
        result = run_loso(store, tmp_path / "run", folds_at_once=1)  # the run keeps its groups
        a, b = ["person00", "person01"], ["person02", "person03"]
        assert trained == [a, b, b]
        same(result, run_loso(store, folds_at_once=2))

    @pytest.mark.parametrize("kill_at", [1, 3, 4, 7])
    def test_a_run_killed_at_a_checkpoint_ends_the_same(
        self, store, tmp_path, monkeypatch, kill_at
    ):
        """Two groups of two epochs of two steps; the kill comes within the write, or after it."""
        from painlab.training import fold_training

        real, writes = fold_training.write_checkpoint, []

        def killed(path, **given):
            writes.append(path)
            if kill_at % 2 and len(writes) == kill_at:
                raise KillError
            real(path, **given)
            if len(writes) == kill_at:
                raise KillError

        monkeypatch.setattr(fold_training, "write_checkpoint", killed)
        out = tmp_path / "run"
        with pytest.raises(KillError):
            run_loso(store, out, folds_at_once=2, checkpoint_seconds=0)
        run_loso(store, out, folds_at_once=2, checkpoint_seconds=0)
        steps = LosoRun(out).settings["steps"][1]
        assert len(writes) <= 2 * steps + 1  # what was kept was not trained again
        same(run_loso(store, out), run_loso(store, folds_at_once=2))
        assert sorted(p.name for p in out.glob("[!l]*")) == [  # locks may stay
            "folds-000-001.json", "folds-002-003.json", "run.json",
        ]  # fmt: skip

    def test_a_kill_between_result_and_checkpoint_leaves_nothing_behind(
        self, store, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(LosoRun, "forget", lambda run, folds: None)
        out = tmp_path / "run"
        result = run_loso(store, out, checkpoint_seconds=0)
        monkeypatch.undo()
        left = out / "folds-000-003.checkpoint.safetensors"
        assert left.exists()
        left.with_name(left.name + ".part").write_bytes(b"half")
        same(result, run_loso(store, out))
        assert sorted(p.name for p in out.glob("[!l]*")) == ["folds-000-003.json", "run.json"]

    def test_the_time_is_not_made_up_where_the_last_step_was_kept_before(
        self, store, tmp_path, monkeypatch
    ):
        real, killed = LosoRun.put, []

        def put(run, folds, told):
            if not killed:
                killed.append(folds)
                raise KillError
            real(run, folds, told)

        monkeypatch.setattr(LosoRun, "put", put)
        with pytest.raises(KillError):
            run_loso(store, tmp_path / "run", checkpoint_seconds=0)
        assert run_loso(store, tmp_path / "run").about["seconds"] is None
        assert run_loso(store).about["seconds"] > 0

    def test_only_some_are_left_out(self, store, tmp_path):
        whole = run_loso(store, folds_at_once=1)
        part = run_loso(store, tmp_path / "run", subjects=["PERSON02"], folds_at_once=1)
        assert set(part.subjects) == {"person02"}
        rows = [i for i, who in enumerate(whole.subjects) if who == "person02"]
        assert np.array_equal(part.logits, whole.logits[rows])
        with pytest.raises(DataError, match="differs in its folds"):
            run_loso(store, tmp_path / "run", subjects=["person01"])
        with pytest.raises(DataError, match="no subject is named 'nobody'"):
            run_loso(store, subjects=["nobody"])

    def test_a_checkpoint_may_stop_the_work(self, store, tmp_path):
        run = planned(store, tmp_path / "run", folds_at_once=2)
        calls = []

        def kept():
            calls.append(1)
            raise KillError

        for _ in range(20):
            try:
                train_groups(run, device="cpu", checkpoint_seconds=0, kept=kept)
            except KillError:
                continue
            break
        assert len(calls) >= 2 * run.settings["steps"][1]
        same(gather(run), run_loso(store, folds_at_once=2))


class TestOddData:
    def test_unequal_numbers_of_clips(self, tmp_path):
        store = planted_store(tmp_path / "s", people=3)
        extra = [StoredClip("person09", level, f"09-{level}", "x", 6) for level in (0, 0, 0, 4)]
        extra = [replace(clip, sample_name=f"09-{i}") for i, clip in enumerate(extra)]
        store.put(
            "009.safetensors", extra, features=torch.randn(4, 1, 6, 8),
            found=torch.ones(4, 6, dtype=torch.bool),
        )  # fmt: skip
        result = run_loso(store, tmp_path / "run", folds_at_once=4)
        assert [result.subjects.count(f"person0{i}") for i in (0, 1, 2, 9)] == [6, 6, 6, 4]
        assert len(set(zip(result.subjects, result.sample_names, strict=True))) == 22
        assert result.true[-4:].tolist() == [0, 0, 0, 1]
        assert result.chance() == 12 / 22
        alone = run_loso(store, subjects=["person09"])
        np.testing.assert_allclose(alone.logits, result.logits[-4:], rtol=1e-3, atol=1e-4)

    def test_a_subject_with_one_class_only_is_told_and_counts(self, tmp_path):
        store = planted_store(tmp_path, people=3)
        clips = [StoredClip("single", 4, f"s-{i}", "x", 6) for i in range(2)]
        store.put(
            "single.safetensors", clips, features=torch.randn(2, 1, 6, 8),
            found=torch.ones(2, 6, dtype=torch.bool),
        )  # fmt: skip
        said = []
        result = run_loso(store, said=said)
        assert said == ["single has clips of one class of NP-P4 only; they count like any others."]
        assert result.subjects.count("single") == 2
        assert 0 <= result.by_subject()["single"] <= 1

    def test_a_store_of_one_view_is_told_where_table_i_augments(self, tmp_path):
        config, said = replace(CONFIG, augmentations=("augmix",)), []
        given = {**GIVEN, "config": config, "say": said.append}
        plan_run(planted_store(tmp_path / "one"), out=tmp_path / "a", **given)
        assert said == [
            "the store has one view of each clip: nothing is augmented (painlab extract --views)."
        ]
        said.clear()
        plan_run(planted_store(tmp_path / "two", views=2), out=tmp_path / "b", **given)
        assert said == []

    def test_a_subject_without_a_clip_of_the_task_is_told(self, tmp_path):
        store = planted_store(tmp_path, people=3)
        clips = [StoredClip("mild", 1, "m", "x", 6)]
        store.put(
            "mild.safetensors", clips, features=torch.randn(1, 1, 6, 8),
            found=torch.ones(1, 6, dtype=torch.bool),
        )  # fmt: skip
        said = []
        result = run_loso(store, said=said)
        assert said == ["no clip of NP-P4, and so no fold: mild."]
        assert "mild" not in result.subjects

    def test_what_cannot_be_learned_from_is_refused(self, tmp_path):
        store = planted_store(tmp_path / "a", people=3, levels=(0, 4))
        with pytest.raises(DataError, match=r"no clip of P1: NP-P1 takes two classes") as told:
            run_loso(store, task="NP-P1")
        one_line(told)
        with pytest.raises(DataError, match=r"has no clip of NP-P1\."):
            run_loso(planted_store(tmp_path / "b", levels=(4,)), task="NP-P1")
        lonely = planted_store(tmp_path / "c", people=1)
        with pytest.raises(DataError, match="two subjects or more, not 1"):
            run_loso(lonely)
        clips = [StoredClip("other", 0, "o", "x", 6)]
        lonely.put(
            "o.safetensors", clips, features=torch.randn(1, 1, 6, 8),
            found=torch.ones(1, 6, dtype=torch.bool),
        )  # fmt: skip
        with pytest.raises(DataError, match="without person00 there is one class of NP-P4 left"):
            run_loso(lonely)
        with pytest.raises(DataError, match="no task 'NP-P9': choose from NP-P1"):
            run_loso(store, task="NP-P9")

    def test_levels_that_nobody_has_are_told(self, tmp_path):
        said = []
        result = run_loso(planted_store(tmp_path), task="MC", said=said)
        assert said == ["no clip of P2, P3, which count as classes of MC never found."]
        assert result.confusion()[2:4].sum() == 0

    def test_a_clip_without_any_face_is_told_and_judged_by_nothing(self, tmp_path):
        def hide(value):
            def change(who, level, features, found):
                if who == 1 and level == 4:
                    found[:] = False
                    features[:] = value
                elif who == 2:
                    found[:2] = False
                    features[:, :2] = value

            return change

        results = []
        for value in (0.0, float("nan"), float("inf"), 1e30):
            said = []
            store = planted_store(tmp_path / str(value), change=hide(value))
            results.append(run_loso(store, said=said))
            assert said == ["3 clips without any face: judged by no frame at all."]
        for other in results[1:]:
            same(results[0], other)  # what stands in frames without a face changes nothing
        rows = [
            i for i, (who, y) in enumerate(zip(results[0].subjects, results[0].true, strict=True))
            if who == "person01" and y == 1
        ]  # fmt: skip
        assert (results[0].logits[rows] == results[0].logits[rows[0]]).all()

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_found_frame_that_is_no_number_names_the_clip(self, store, tmp_path, value):
        out = tmp_path / "run"
        whole = run_loso(store, out, folds_at_once=2)

        def change(who, level, features, found):
            if who == 2 and level == 4:
                features[0, 3, 5] = value

        bad = planted_store(tmp_path / "bad", change=change)
        for given in ({}, {"out": out}):
            with pytest.raises(DataError, match=r"the features of 02-4-0 of person02") as told:
                run_loso(bad, **given)
            assert "extract them again" in one_line(told)
        run_loso(bad, task="NP-P1")  # a task that does not use the clip
        same(whole, gather(LosoRun(out)))

    def test_a_model_that_says_no_numbers_is_told(self, store, tmp_path, monkeypatch):
        real = loso.fold_logits

        def broken(*args, **given):
            logits = real(*args, **given)
            logits[1] = logits[1].clone()
            logits[1][2, 0] = float("nan")
            return logits

        monkeypatch.setattr(loso, "fold_logits", broken)
        with pytest.raises(pl.PainLabError, match="never saw person01 says no numbers of 01-0-2"):
            run_loso(store, tmp_path / "run")
        assert not list((tmp_path / "run").glob("folds-*.json"))


class TestDamage:
    def test_a_run_of_something_else_is_refused(self, store, tmp_path):
        out = tmp_path / "run"
        whole = run_loso(store, out)
        for given, words in (
            ({"task": "NP-P1"}, "task"),
            ({"config": replace(SHORT, seed=1)}, "training"),
            ({"config": replace(SHORT, epochs=3)}, "steps, training"),
            ({"temporal": replace(TEMPORAL, latents=2)}, "temporal"),
            ({"permute": 0}, "permute"),
        ):
            with pytest.raises(DataError, match=f"differs in its {words}: give another") as told:
                run_loso(store, out, **given)
            one_line(told)
        same(whole, run_loso(store, out))

    def test_features_of_another_model_or_changed_since_are_refused(self, store, tmp_path):
        out = tmp_path / "run"
        run = planned(store, out, folds_at_once=2)
        train_groups(run, [0], device="cpu")
        other = planted_store(tmp_path / "other", made_from={**MADE_FROM, "model": "another"})
        with pytest.raises(
            DataError, match="differs in its features, made_from: give another"
        ) as told:
            run_loso(other, out)
        one_line(told)
        clips = [StoredClip("late", level, f"l{level}", "x", 6) for level in (0, 4)]
        store.put(
            "late.safetensors", clips, features=torch.randn(2, 1, 6, 8),
            found=torch.ones(2, 6, dtype=torch.bool),
        )  # fmt: skip
        with pytest.raises(DataError, match=f"has changed since {out} was begun") as told:
            train_groups(LosoRun(out), device="cpu")
        one_line(told)
        with pytest.raises(DataError, match=r"differs in its features.*folds"):
            run_loso(store, out)
        assert gather(run).missing == ("person02", "person03")  # what was finished stays

    def test_a_store_may_be_moved(self, store, tmp_path):
        out, moved = tmp_path / "run", tmp_path / "elsewhere"
        run = planned(store, out, folds_at_once=2)
        train_groups(run, [0], device="cpu")
        store.root.rename(moved)
        with pytest.raises(DataError, match="holds no features"):
            train_groups(LosoRun(out), device="cpu")
        result = run_loso(moved, out)
        assert LosoRun(out).settings["store"] == str(moved)
        assert result.missing == ()
        assert "store" not in result.about
        same(result, run_loso(moved, folds_at_once=2))

    @pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"run": 3, "folds": 4}'])
    def test_a_damaged_result_is_named_and_made_anew_once_it_is_gone(self, store, tmp_path, text):
        out = tmp_path / "run"
        whole = run_loso(store, out, folds_at_once=2)
        path = out / "folds-002-003.json"
        path.write_text(text)
        with pytest.raises(DataError, match=rf"{path} is damaged.*: remove it, and") as told:
            run_loso(store, out)
        one_line(told)
        path.unlink()
        same(whole, run_loso(store, out))

    def test_a_single_changed_digit_of_a_result_is_noticed(self, store, tmp_path):
        out = tmp_path / "run"
        run_loso(store, out)
        path = out / "folds-000-003.json"
        told = json.loads(path.read_text())
        told["folds"][1]["logits"][0][0] += 1.0
        path.write_text(json.dumps(told))
        with pytest.raises(DataError, match="is damaged: remove it"):
            gather(LosoRun(out))

    def test_a_result_of_another_run_is_named(self, store, tmp_path):
        for name, seed in (("a", 0), ("b", 1)):
            run_loso(store, tmp_path / name, config=replace(SHORT, seed=seed))
        path = tmp_path / "a" / "folds-000-003.json"
        path.write_bytes((tmp_path / "b" / path.name).read_bytes())
        with pytest.raises(DataError, match=f"{path} is of a run with other settings: remove it"):
            run_loso(store, tmp_path / "a")

    @pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"settings": 3, "groups": []}'])
    def test_a_damaged_run_file_is_named_and_its_results_stay(self, store, tmp_path, text):
        out = tmp_path / "run"
        whole = run_loso(store, out, folds_at_once=2)
        path = out / "run.json"
        path.write_text(text)
        with pytest.raises(DataError, match=f"{path} is damaged") as told:
            run_loso(store, out)
        one_line(told)
        path.unlink()
        same(whole, run_loso(store, out, folds_at_once=4))

    def test_a_damaged_checkpoint_is_named(self, store, tmp_path):
        out = tmp_path / "run"
        run = planned(store, out, folds_at_once=2)
        train_groups(run, [0], device="cpu")
        checkpoint = run.checkpoint(run.groups[1])
        checkpoint.write_bytes(b"no safetensors")
        with pytest.raises(WeightsError, match=f"{checkpoint}: .*remove it to begin") as told:
            run_loso(store, out)
        one_line(told)
        assert gather(run).missing == ("person02", "person03")
        checkpoint.unlink()
        same(run_loso(store, out), run_loso(store, folds_at_once=2))

    def test_a_checkpoint_cut_short_is_named(self, store, tmp_path):
        run = planned(store, tmp_path / "run", folds_at_once=4)

        def stop():
            raise KillError

        with pytest.raises(KillError):
            train_groups(run, device="cpu", checkpoint_seconds=0, kept=stop)
        checkpoint = run.checkpoint(run.groups[0])
        checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
        with pytest.raises(WeightsError, match=f"{checkpoint}: .*remove it to begin"):
            train_groups(run, device="cpu")

    def test_a_folder_that_cannot_be_written_to_is_told(self, store, tmp_path):
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(DataError, match="cannot be written") as told:
            run_loso(store, tmp_path / "file")
        one_line(told)

    def test_a_folder_without_a_run(self, tmp_path):
        with pytest.raises(DataError, match=r"holds no run: there is no run\.json"):
            LosoRun(tmp_path)

    def test_numbers_of_another_kind_are_refused(self, store):
        for given in ({"folds_at_once": 2.0}, {"permute": 1.5}, {"task": 4}, {"store": 3}):
            with pytest.raises(TypeError):
                run_loso(**{"store": store, **given})
        with pytest.raises(DataError, match="folds_at_once=0: give a whole number above 0"):
            run_loso(store, folds_at_once=0)


class TestTwoAtOnce:
    def test_a_second_process_is_told_and_the_first_not_disturbed(self, store, tmp_path):
        """A process that holds the locks of a run and does not end by itself."""
        alone = run_loso(store, tmp_path / "alone")
        run = planned(store, tmp_path / "run")
        program = (
            "import sys; from painlab.training.runs import LosoRun; run = LosoRun(sys.argv[1])\n"
            "with run.reserved(run.groups): print('held', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(run.root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as other:  # fmt: skip
            assert other.stdout.readline() == "held\n"
            with pytest.raises(DataError, match="another process is training the folds") as caught:
                run_loso(store, run.root)
            assert str(run.root) in one_line(caught)
            other.kill()  # the system frees what it held
        same(run_loso(store, run.root), alone)

    def test_a_finished_run_needs_no_lock(self, store, tmp_path):
        first = run_loso(store, tmp_path)
        for left in tmp_path.glob("lock-*"):
            left.unlink()
        same(run_loso(store, tmp_path), first)
        assert not list(tmp_path.glob("lock-*"))

    def test_a_lock_that_cannot_be_made_is_one_line(self, store, tmp_path):
        run = planned(store, tmp_path)
        (tmp_path / "lock-000-003").mkdir()
        run.groups = [run.folds]
        with pytest.raises(DataError, match="lock-000-003: cannot be written") as caught:
            train_groups(run, device="cpu")
        one_line(caught)
