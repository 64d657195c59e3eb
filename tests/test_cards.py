"""The cards of the weights tell the figures of data/results, of the very weights that are shipped.

``python tests/test_cards.py`` prints the tables as they have to stand in the cards.
"""

import json
from pathlib import Path

import pytest
import torch

import painlab as pl
from painlab.alignment.embedded import EmbeddedLandmarks
from painlab.framework import FACES, PAIN, PAIN_OF_FRAMES, model_digest
from painlab.training.store import FeatureStore

DATA = Path(__file__).parents[1] / "data"
ACTIONS = {
    "browDown": "brows lowered", "eyeSquint": "lids tightened", "cheekSquint": "cheeks raised",
    "noseSneer": "nose wrinkled", "mouthUpperUp": "upper lip raised", "eyeBlink": "eyes closed",
    "jawOpen": "jaw dropped", "mouthStretch": "mouth stretched",
}  # fmt: skip


def result(name: str) -> dict:
    return json.loads((DATA / "results" / f"{name}.json").read_text(encoding="utf-8"))


def table(*rows: tuple) -> str:
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return "\n".join(lines)


def with_interval(value: float, interval, digits: int) -> str:
    low, high = interval
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table_of_landmarks() -> str:
    told = result("landmarks")["figures"]
    photographs, rendered, steady = (told[k] for k in ("photographs", "rendered", "steadiness"))
    names = [name for name in ("embedded", "fitted", "fan") if name in photographs]
    empty = [""] * (len(names) - 1)

    def row(what: str, get, form: str) -> tuple:
        return what, *(format(get(name), form) for name in names)

    return table(
        ("", *names),
        row("14 points on photographs", lambda n: photographs[n]["points_14"], ".2%"),
        row("pupils on photographs, mean", lambda n: photographs[n]["pupils"], ".2%"),
        row("pupils on photographs, largest", lambda n: photographs[n]["pupils_max"], ".2%"),
        row("68 points on renders, yaw to 45°", lambda n: rendered[n]["to_45"], ".2%"),
        row("tremble of landmarks in films", lambda n: steady[n]["talkers"]["landmarks"], ".3%"),
        row("tremble of aligned pictures", lambda n: steady[n]["talkers"]["pictures"], ".3%"),
        row("how much of an eye's opening is seen", lambda n: rendered[n]["opening_slope"], ".2f"),
        ("milliseconds a face", f"{told['speed']['milliseconds']:.1f}", *empty),
    )


def table_of_verification() -> str:
    figures = result("face_verification")["figures"]
    rows = [("AUC (95 % interval over people)", "unseen rendered people", "photographs")]
    for name in figures["rendered"]:
        both = (figures[kind][name] for kind in ("rendered", "photographs"))
        rows.append((name, *(with_interval(f["auc"], f["auc_interval"], 3) for f in both)))
    return table(*rows)


def table_of_actions() -> str:
    told = result("action_probe")["figures"]
    best = told["best_of_the_others"]
    ours, other = told["embeddings"]["trained"], told["embeddings"][best]
    rows = [("R² (95 % interval over people)", "these weights", best)]
    whole = [with_interval(f["r2"], f["r2_interval"], 2) for f in (ours, other)]
    rows.append(("mean of the eight", *whole))
    for name, words in ACTIONS.items():
        both = (f["actions"][name] for f in (ours, other))
        rows.append((words, *(with_interval(f["r2"], f["interval"], 2) for f in both)))
    return table(*rows)


def table_of_stages() -> str:
    told = result("action_probe")["figures"]["embeddings"]
    faces = result("face_verification")["figures"]["rendered"]
    rows = [("after", "AUC, unseen rendered people", "mean R² of the actions")]
    for name in [*(n for n in told if n.startswith("stage")), "trained"]:
        rows.append((name, f"{faces[name]['auc']:.3f}", f"{told[name]['r2']:.2f}"))
    return table(*rows)


def row_of_pain(name: str, told: dict) -> tuple:
    accuracy = with_interval(100 * told["accuracy"], (100 * x for x in told["interval"]), 0)
    return name, told["people"], told["clips"], accuracy


HEAD_OF_PAIN = ("people", "clips", "accuracy, % (95 % interval over people)")


def table_of_pain_tasks() -> str:
    told = result("pain_model")["figures"]["by_task"]
    return table(("task", *HEAD_OF_PAIN), *(row_of_pain(name, told[name]) for name in told))


def table_of_pain_groups() -> str:
    told = result("pain_model")["figures"]["by_group"]
    return table(("who", *HEAD_OF_PAIN), *(row_of_pain(name, told[name]) for name in told))


def table_of_pain_found() -> str:
    told = result("pain_model")["figures"]["found"]
    return table(("aligned by", *HEAD_OF_PAIN), *(row_of_pain(name, told[name]) for name in told))


def row_of_frames(name: str, told: dict) -> tuple:
    accuracy = with_interval(100 * told["accuracy"], (100 * x for x in told["interval"]), 0)
    return name, told["people"], told["frames"], told["of pain"], accuracy


HEAD_OF_FRAMES = ("people", "frames", "of pain", "accuracy, % (95 % interval over people)")


def table_of_frame_levels() -> str:
    told = result("spatial_pain_model")["figures"]
    rows = [row_of_frames(f"level {n}", of) for n, of in told["by_level"].items()]
    return table(
        ("no pain against the apex of", *HEAD_OF_FRAMES),
        row_of_frames("levels 3 and 4", told["strong"]), *rows,
    )  # fmt: skip


def table_of_frame_groups() -> str:
    told = result("spatial_pain_model")["figures"]["by_group"]
    return table(("who", *HEAD_OF_FRAMES), *(row_of_frames(name, told[name]) for name in told))


def table_of_frame_probabilities() -> str:
    told = result("spatial_pain_model")["figures"]["mean_probability"]
    rows = [(name, f"{100 * value:.0f}") for name, value in told.items()]
    return table(("frames", "mean probability of pain, %"), *rows)


TABLES = {
    "pain_synthpain.md": (table_of_pain_tasks, table_of_pain_groups, table_of_pain_found),
    "tnt_ti_synthpain.md": (
        table_of_frame_levels, table_of_frame_groups, table_of_frame_probabilities,
    ),
    "landmarks68_synthface.md": (table_of_landmarks,),
    "tnt_ti_synthface.md": (table_of_stages, table_of_actions, table_of_verification),
}  # fmt: skip


@pytest.mark.parametrize(("card", "make"), [(c, m) for c, makes in TABLES.items() for m in makes])
def test_the_cards_tell_what_was_measured(card, make):
    text = (DATA / card).read_text(encoding="utf-8")
    assert make() in text, f"{card} has to tell:\n{make()}"


def test_what_was_measured_are_the_weights_that_are_shipped():
    about = pl.load_model(FACES).about
    for name in ("face_verification", "action_probe"):
        assert result(name)["config"]["about"] == about
    described = EmbeddedLandmarks(device=torch.device("cpu")).describe()
    assert {k: result("landmarks")["config"][k] for k in described} == described


def test_the_pain_model_is_the_one_that_was_measured():
    about = pl.load_model(PAIN).about
    told = result("pain_model")
    assert json.loads(about["settings"]) == told["config"]
    assert about["commit"] == told["commit"]
    assert about["spatial"] == FACES


def test_what_was_made_with_the_shipped_features_names_them():
    """Another TNT needs another pain model, other stored features, and other results."""
    shipped = model_digest(pl.load_model(FACES))
    assert pl.load_model(PAIN).about["spatial_digest"] == shipped
    assert pl.load_model(PAIN_OF_FRAMES).about["base_digest"] == shipped
    assert FeatureStore(DATA / "features" / "synthpain-small").made_from["model"] == shipped


if __name__ == "__main__":
    for card, makes in TABLES.items():
        print(card, *(make() for make in makes), sep="\n\n", end="\n\n")
