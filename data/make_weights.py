"""Makes the weights that come with painlab, from nothing but the renderer.

    python data/make_weights.py                      # what two cores do in an evening
    python data/make_weights.py --preset full        # with an accelerator: what `make gpu` runs
    python data/make_weights.py landmarks            # only one of the two

Kill it whenever you like: the same command goes on from its last checkpoint and ends with the same
weights. It writes painlab/assets/weights/*.safetensors in half precision, each with its licence,
its settings and where it comes from inside.
"""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from painlab.config import LandmarkNetConfig, TNTConfig
from painlab.devices import choose_device, count_cores
from painlab.training.landmarks import LandmarkTraining, train_landmarks
from painlab.training.presets import rendered_stages
from painlab.training.pretrain import pretrain
from painlab.training.provenance import painlab_commit
from painlab.training.rendered import LEARNED_FROM, draw_pool
from painlab.weights import ASSETS, in_half, write_weights

ROOT = Path(__file__).resolve().parents[1]
LICENCE = "CC0-1.0"
LANDMARKS = {
    "two-cores": LandmarkTraining(),
    "full": LandmarkTraining(people=1600, pictures=60, steps=40_000, batch=128, warm_up=1000),
}


def main() -> None:
    """Make the weights that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=["landmarks", "faces"], default=None)
    parser.add_argument("--preset", choices=sorted(LANDMARKS), default="two-cores")
    parser.add_argument("--work", type=Path, default=ROOT / "_build" / "weights")
    parser.add_argument("--output", type=Path, default=ASSETS / "weights")
    parser.add_argument("--device", help="a GPU where there is one, else the CPU")
    parser.add_argument("--processes", type=int, default=count_cores())
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for what in options.what or ("landmarks", "faces"):
        {"landmarks": make_landmarks, "faces": make_faces}[what](options)


def make_landmarks(options) -> None:
    """The landmark network: portraits into memory, then the training."""
    training, config = LANDMARKS[options.preset], LandmarkNetConfig()
    portraits = draw_pool(
        people=range(training.people), pictures=training.pictures, seed=training.seed,
        size=config.image_size, crop="loose", processes=options.processes, say=say,
    )  # fmt: skip
    net = train_landmarks(
        options.work / options.preset / "landmarks",
        training,
        images=portraits.images,
        landmarks=portraits.landmarks,
        device=choose_device(options.device),
        say=say,
        workers=workers(options),
    )
    keep(net, "landmarks68-synthface", options, asdict(training))


def make_faces(options) -> None:
    """The spatial module: identities and facial actions."""
    stages = rendered_stages(options.preset, processes=options.processes, say=say)
    tnt = pretrain(
        options.work / options.preset / "faces",
        stages,
        config=TNTConfig(),
        device=choose_device(options.device),
        say=say,
        workers=workers(options),
    )
    told = [{**asdict(stage), "faces": faces.describe()} for stage, faces in stages]
    keep(tnt, "tnt-ti-synthface", options, {"stages": told})


def keep(model, name: str, options, settings: dict) -> None:
    """Write the weights in half precision, with what is to be known of them."""
    path = write_weights(
        options.output / f"{name}.safetensors",
        in_half(model.state_dict()),
        config=model.config,
        about={
            "name": name,
            "licence": LICENCE,
            "trained_on": LEARNED_FROM,
            "made_by": f"data/make_weights.py --preset {options.preset}",
            "commit": painlab_commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "settings": json.dumps(settings, sort_keys=True),
        },
    )
    say(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB)")


def workers(options) -> int:
    """Threads that prepare batches ahead: on a CPU the network itself needs the cores."""
    return 0 if choose_device(options.device).type == "cpu" else max(1, options.processes - 2)


def say(text: str) -> None:
    """Told at once, also into a file."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
