"""Makes the weights that come with painlab, from nothing but the renderer.

    python data/make_weights.py                      # what two cores do in an evening
    python data/make_weights.py --preset full        # with an accelerator: what `make gpu` runs
    python data/make_weights.py landmarks            # only one of the two
    python data/make_weights.py --seconds 540        # a step of at most so long; see below

Kill it whenever you like: the same command goes on from the portraits and the checkpoint that it
kept last, and ends with the same weights. With --seconds it stops by itself when the time is up,
where nothing is lost, with exit status 75: the same command goes on until the status is 0.

It writes painlab/assets/weights/*.safetensors in half precision, each with its licence, its
settings and where it comes from inside. The preset "tiny" is there to see that it works; what it
makes is no good, and stays in --work.
"""

import argparse
import json
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch

from painlab.config import LandmarkNetConfig
from painlab.devices import choose_device, count_cores
from painlab.training.clock import Clock, status_of
from painlab.training.kept import KeptPortraits
from painlab.training.landmarks import LandmarkTraining, train_landmarks
from painlab.training.presets import preset_named, rendered_stages
from painlab.training.pretrain import describe_stages, pretrain
from painlab.training.provenance import painlab_commit
from painlab.training.rendered import LEARNED_FROM, draw_pool
from painlab.weights import ASSETS, in_half, read_weights, write_weights

ROOT = Path(__file__).resolve().parents[1]
LICENCE = "CC0-1.0"
NAMES = {"landmarks": "landmarks68-synthface", "faces": "tnt-ti-synthface"}
LANDMARKS = {
    "tiny": LandmarkTraining(people=2, pictures=6, steps=12, batch=4, warm_up=2),
    "two-cores": LandmarkTraining(),
    # six minutes of 16 cores, counted as in `painlab.training.presets`: 800 × 60 × 24 ms / 10 are
    # 120 s for drawing, 8,000 × 96 × 2.7 ms / 8 are 260 s for preparing; the GPU waits for them
    "full": LandmarkTraining(people=800, pictures=60, steps=8000, batch=96, warm_up=250),
}


def main(arguments: list[str] | None = None) -> int:
    """Make the weights that are asked for; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help="landmarks, faces; both if nothing is named")
    parser.add_argument("--preset", choices=sorted(LANDMARKS), default="two-cores")
    parser.add_argument("--work", type=Path, default=ROOT / "_build" / "weights")
    parser.add_argument("--output", type=Path, help="a folder (default: painlab/assets/weights)")
    parser.add_argument("--device", help="a GPU where there is one, else the CPU")
    parser.add_argument("--processes", type=int, default=count_cores())
    parser.add_argument("--seconds", type=float, help="stop by then, with exit status 75")
    options = parser.parse_args(arguments)
    if options.seconds is not None and options.seconds < 0:
        parser.error(f"--seconds {options.seconds:g}: give a number, 0 or more")
    if unknown := sorted(set(options.what) - set(NAMES)):
        parser.error(f"{unknown[0]!r} is not made here; name landmarks, faces or nothing")
    options.folder, options.clock = options.work / options.preset, Clock(options.seconds)
    if options.output is None and options.preset != "tiny":
        options.output = ASSETS / "weights"
    return status_of(lambda: make(options), program="make_weights", folder=options.folder)


def make(options) -> None:
    """What is asked for, one after the other."""
    options.device = choose_device(options.device)
    options.workers = workers(options)
    for what in options.what or NAMES:
        {"landmarks": make_landmarks, "faces": make_faces}[what](options)


def make_landmarks(options) -> None:
    """The landmark network: portraits into memory, then the training."""
    training, config = LANDMARKS[options.preset], LandmarkNetConfig()
    settings = asdict(training)
    if not made(options, "landmarks", settings):
        portraits = draw_pool(
            people=range(training.people), pictures=training.pictures, seed=training.seed,
            size=config.image_size, crop="loose", processes=options.processes,
            keep=kept_portraits(options, "landmarks"), say=say,
        )  # fmt: skip
        net = train_landmarks(
            options.folder / "landmarks",
            training,
            images=portraits.images,
            landmarks=portraits.landmarks,
            device=options.device,
            every=preset_named(options.preset).every,
            say=lambda text: tell(options, text),
            workers=options.workers,
        )
        write(net, options, "landmarks", settings)
    hand_out(options, "landmarks")


def make_faces(options) -> None:
    """The spatial module: identities and facial actions."""
    preset = preset_named(options.preset)
    stages = rendered_stages(
        options.preset, processes=options.processes, keep=kept_portraits(options, "faces"), say=say
    )
    settings = {"stages": describe_stages(stages)}
    if not made(options, "faces", settings):
        tnt = pretrain(
            options.folder / "faces",
            stages,
            config=preset.config,
            device=options.device,
            every=preset.every,
            say=lambda text: tell(options, text),
            workers=options.workers,
        )
        write(tnt, options, "faces", settings)
    hand_out(options, "faces")


def tell(options, text: str) -> None:
    """What trainings say after each checkpoint, and only then."""
    say(text)
    options.clock.kept()


def kept_portraits(options, what: str) -> KeptPortraits:
    """Where the portraits to learn from are kept until the weights are made."""
    return KeptPortraits(options.folder / what / "portraits", after=options.clock.kept, say=say)


def made(options, what: str, settings: dict) -> bool:
    """Whether a call before this one came to the end."""
    path = finished(options, what)
    if not path.is_file() or read_weights(path).about["settings"] != as_text(settings):
        return False
    say(f"{path}: made before; remove {options.folder / what} to make it anew.")
    return True


def finished(options, what: str) -> Path:
    """Where weights are written first."""
    return options.folder / what / f"{NAMES[what]}.safetensors"


def write(model, options, what: str, settings: dict) -> None:
    """Write the weights in half precision, with what is to be known of them."""
    write_weights(
        finished(options, what),
        in_half(model.state_dict()),
        config=model.config,
        about={
            "name": NAMES[what],
            "licence": LICENCE,
            "trained_on": LEARNED_FROM,
            "made_by": f"data/make_weights.py --preset {options.preset}",
            "commit": painlab_commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "settings": as_text(settings),
        },
    )
    say(f"written: {finished(options, what)}")


def hand_out(options, what: str) -> None:
    """Put finished weights where painlab looks for them, and let go of the portraits."""
    shutil.rmtree(options.folder / what / "portraits", ignore_errors=True)
    if options.output is None:
        return
    path = finished(options, what)
    options.output.mkdir(parents=True, exist_ok=True)
    part = options.output / f"{path.name}.part"
    shutil.copyfile(path, part)
    path = part.replace(options.output / path.name)
    say(f"now in place: {path} ({path.stat().st_size / 1e6:.1f} MB)")


def as_text(settings: dict) -> str:
    """Settings as a weights file has them."""
    return json.dumps(settings, sort_keys=True)


def workers(options) -> int:
    """Threads that prepare batches ahead: on a CPU the network itself needs the cores."""
    if options.device.type == "cpu":
        return 0
    torch.set_num_threads(1)  # of each of them, or they would get into each other's way
    return max(1, options.processes - 2)


def say(text: str) -> None:
    """Told at once, also into a file."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
