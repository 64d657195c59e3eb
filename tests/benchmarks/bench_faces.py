"""What has a TNT learned about faces: does it know people, and what their faces do?

Verification (`painlab.training.verification`): do two pictures show one person? Of rendered people
whom nothing was trained on, all pairs of portraits under any pose, light and expression; of the
34 people of the London set, each neutral photograph with each smiling one. Those photographs were
taken in one session under one light, in the same clothes, so that plain pixels do well on them too:
they are told beside the network for that reason.

The probe (`painlab.training.probe`): a linear map reads the facial actions that pain uses from
frozen features of SynthPain's frames, on people that it was not fitted on. The margin is the mean
R² less that of the best of the plain embeddings; its interval is over the test people, drawn alike
for both.

Beside the weights: the same network untrained, with `TNT`'s own weights and with those that
pre-training begins from; the mean colour; down-sampled pixels, grey 16 × 16 and colour 14 × 14.
A network sees pictures of its own size. --stage NAME=FILE adds what pre-training had learned by the
end of a stage, from its checkpoint or from a weights file. What has been drawn, and what a network
has made of it, is kept below _build. Nothing is asserted.
"""

import argparse
import json
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import torch
from _faces import (
    SEED_OF_STRANGERS,
    SIZE,
    Pictures,
    clip_frames,
    kept_features,
    photographs,
    short,
    strangers,
)
from _record import record

import painlab as pl
from painlab.config import config_from_dict
from painlab.training.embeddings import mean_colour, small_pixels, untrained
from painlab.training.probe import PAIN_ACTIONS, Reading, pain_actions, probe_actions
from painlab.training.resampling import interval
from painlab.training.verification import Verification, verify

PLAIN = {
    "mean colour": mean_colour,
    "pixels, grey 16 × 16": lambda images: small_pixels(images, size=16, grey=True),
    "pixels, colour 14 × 14": lambda images: small_pixels(images, size=14),
}


def main() -> None:
    """Print the figures; with --record keep them in data/results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default="tnt-ti-synthface", help="a name or a file")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--people", type=int, default=60, help="rendered, to verify")
    parser.add_argument("--pictures", type=int, default=6, help="of each of them")
    parser.add_argument("--train", type=int, default=40, help="people the probe is fitted on")
    parser.add_argument("--test", type=int, default=20, help="people it is tested on")
    parser.add_argument("--frames", type=int, default=8, help="of each clip, spread over it")
    parser.add_argument("--landmarks", default="embedded", help="that align the photographs")
    parser.add_argument(
        "--frame-landmarks", default="truth", help="that align the frames: truth, or as above"
    )
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--device", default="cpu", help="where features are computed")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()

    models, about = load_models(options)
    named = {"weights": Path(options.weights).stem, "digest": digest(models["trained"])}
    named |= {"image_size": models["trained"].config.image_size, "about": about}
    for measure, name in ((verification, "face_verification"), (probe, "action_probe")):
        start = perf_counter()
        figures, config = measure(models, options)
        if options.record:
            told = {**named, **config, "resamples": options.resamples}
            told["scikit-learn"] = version("scikit-learn")
            seconds = perf_counter() - start
            print(record(name, figures, config=told, seconds=seconds, device=options.device))


def load_models(options) -> tuple[dict[str, pl.TNT], dict[str, str]]:
    """The trained TNT, what it looked like at the end of stages, and two untrained ones."""
    trained = pl.load_model(options.weights, device=options.device)
    models = {"trained": trained}
    for given in options.stage:
        name, _, path = given.partition("=")
        models[f"stage {name}"] = load_stage(Path(path)).to(options.device).eval()
    models["untrained"] = untrained(trained)
    models["untrained, as begun"] = untrained(trained, begun=True)
    return models, trained.about


def load_stage(path: Path) -> pl.TNT:
    """The averaged TNT of a pre-training's checkpoint, or a TNT from a weights file."""
    from safetensors import safe_open

    prefix = "averaged.tnt."
    with safe_open(path, "pt") as file:
        told = file.metadata() or {}
        names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
        state = {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    if not state:
        return pl.load_model(path)
    settings = json.loads(told["settings"])
    size = settings["stages"][-1]["stage"]["image_size"]
    tnt = pl.TNT(replace(config_from_dict(settings["config"]), image_size=size))
    tnt.load_state_dict(state)
    return tnt


def digest(model: torch.nn.Module) -> str:
    """Sixteen digits of the weights."""
    return short(*(t.detach().cpu().numpy().tobytes() for t in model.state_dict().values()))


def embeddings(models: dict[str, pl.TNT], *sets: Pictures):
    """Each embedding's name, and its features of each set, one embedding at a time."""
    for name, model in models.items():
        yield name, [kept_features(s, model) for s in sets]
    for name, embed in PLAIN.items():
        yield name, [embed(s.images) for s in sets]


def verification(models: dict[str, pl.TNT], options) -> tuple[dict, dict]:
    """Rendered people, and photographs of real ones, by each embedding."""
    faces = strangers(options.people, options.pictures)
    neutral, smiling = photographs(landmarks=options.landmarks)
    figures: dict[str, dict] = {"rendered": {}, "photographs": {}}
    for name, (ours, first, second) in embeddings(models, faces, neutral, smiling):
        once = {"resamples": options.resamples}
        told = {
            "rendered": verify(ours, faces.person, **once),
            "photographs": verify(first, neutral.person, second, smiling.person, **once),
        }
        for kind, result in told.items():
            figures[kind][name] = asdict(result)
            print(f"{kind:12} {name:24} {in_words(result)}", flush=True)
    config = {"people": options.people, "pictures": options.pictures, "seed": SEED_OF_STRANGERS}
    return figures, {**config, "landmarks": options.landmarks, "drawn_size": SIZE}


def in_words(told: Verification) -> str:
    """One line."""
    low, high = told.auc_interval
    return (
        f"AUC {told.auc:.3f} [{low:.3f}, {high:.3f}], equal error {told.equal_error:.1%}, "
        f"rank one {told.rank_one:.1%} of {told.people}"
    )


def probe(models: dict[str, pl.TNT], options) -> tuple[dict, dict]:
    """The facial actions of people never seen, by each embedding."""
    people = range(options.train + options.test)
    frames = clip_frames(people, options.frames, landmarks=options.frame_landmarks)
    actions = pain_actions(frames.actions)
    fit, held = frames.person < options.train, frames.person >= options.train
    readings: dict[str, Reading] = {}
    figures: dict[str, dict] = {"embeddings": {}}
    for name, (features,) in embeddings(models, frames):
        readings[name] = reading = probe_actions(
            features[fit], actions[fit], frames.person[fit], test_features=features[held],
            test_actions=actions[held], test_person=frames.person[held],
        )  # fmt: skip
        figures["embeddings"][name] = told = of_reading(reading, options.resamples)
        low, high = told["r2_interval"]
        print(
            f"actions      {name:24} R² {told['r2']:.3f} [{low:.3f}, {high:.3f}], "
            f"within people {told['r2_within']:.3f}; penalty {told['penalty']:g}; "
            + ", ".join(f"{a} {v['r2']:.2f}" for a, v in told["actions"].items()),
            flush=True,
        )
    drawn = {k: r.resampled(resamples=options.resamples).mean(1) for k, r in readings.items()}
    plain = [name for name in readings if name != "trained" and not name.startswith("stage")]
    best = max(plain, key=lambda name: figures["embeddings"][name]["r2"])
    figures["best_of_the_others"] = best
    figures["margins"] = {}
    for name in plain:
        margin = figures["embeddings"]["trained"]["r2"] - figures["embeddings"][name]["r2"]
        low, high = interval(drawn["trained"] - drawn[name])
        figures["margins"][name] = {"margin": margin, "interval": [low, high]}
        print(f"margin over  {name:24} {margin:+.3f} [{low:+.3f}, {high:+.3f}]")
    figures["spread"] = dict(zip(PAIN_ACTIONS, actions[held].std(0).tolist(), strict=True))
    config = {"train_people": options.train, "test_people": options.test, "seed": 0}
    config |= {"frames_of_a_clip": options.frames, "train_frames": int(fit.sum())}
    config |= {"test_frames": int(held.sum()), "landmarks": options.frame_landmarks}
    return figures, {**config, "drawn_size": SIZE}


def of_reading(reading: Reading, resamples: int) -> dict:
    """Mean R² and that of each action, with intervals over the test people."""
    drawn, within = reading.resampled(resamples=resamples), reading.within()
    r2 = reading.r2()
    return {
        "r2": float(r2.mean()),
        "r2_interval": interval(drawn.mean(1)),
        "r2_within": float(within.r2().mean()),
        "r2_within_interval": interval(within.resampled(resamples=resamples).mean(1)),
        "penalty": reading.penalty,
        "actions": {
            name: {"r2": float(r2[i]), "interval": interval(drawn[:, i])}
            for i, name in enumerate(PAIN_ACTIONS)
        },
    }


if __name__ == "__main__":
    main()
