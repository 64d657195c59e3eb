"""What each rival costs: parameters, operations and milliseconds of one clip, in one run.

What sees (the eyes: from aligned pictures to features) is counted apart from what answers. None
holds the finding of the face, but for the rival whose eyes that is.
"""

import torch

from painlab.alignment import FaceAligner
from painlab.alignment.embedded import WEIGHTS
from painlab.comparison.conv3d import SmallConv3d
from painlab.comparison.cost import milliseconds, regression_flops, tree_size
from painlab.comparison.distances import landmark_distances
from painlab.comparison.forest import LandmarkForest
from painlab.comparison.lstm import FrameLSTM, lstm_flops
from painlab.comparison.pooled import MeanRegression
from painlab.config import TemporalConfig
from painlab.datasets.tasks import TASKS
from painlab.framework import FACES, count_flops, count_parameters, load_model
from painlab.temporal.transformer import TemporalTransformer

TASK = TASKS["NP-P4"]  # the other tasks' last layers have other widths
ROUNDS_OF_EYES = 3


def costs_of(plan, values) -> dict:
    """By the rivals' names, and the framework's; ``flops`` is None where they are not counted."""
    rows = [i for i, sample in enumerate(values.samples) if sample.level in TASK.levels]
    labels = torch.tensor([TASK.label(values.samples[i]) for i in rows])
    eyes = eyes_of(plan, values)
    told = {"framework": {"eyes": eyes["tnt"], "answer": cost_of_ours(plan, values)}}
    for name, (reads, rival) in plan.rivals.items():
        answer = cost_of_answer(rival, reads, values, rows, labels)
        told[name] = {"eyes": eyes.get(reads), "answer": answer}
    return told


def eyes_of(plan, values) -> dict:
    """What comes before the answer: TNT, ResNet, or the search for landmarks; of one clip."""
    frames = plan.data.frames
    tnt, cnn = load_model(FACES), values.cnn[0].cnn
    size, small = tnt.config.image_size, values.clips.faces.shape[2]
    film = values.data.render(values.samples[0]).cpu().numpy()
    aligner = FaceAligner(landmarks="embedded", size=small, device="cpu")

    def see(network, side: int) -> dict:
        images = torch.zeros(frames, 3, side, side)

        def work():
            with torch.inference_mode():
                return [network(part) for part in images.split(8)]

        return {
            "parameters": count_parameters(network),
            "flops": frames * count_flops(network, images[:1]),
            "milliseconds": milliseconds(work, rounds=ROUNDS_OF_EYES),
        }

    landmarks = load_model(WEIGHTS)
    finding = {
        "parameters": count_parameters(landmarks) + count_of_mtcnn(aligner),
        "flops": None,  # MTCNN looks as often as the picture makes it
        "milliseconds": milliseconds(lambda: aligner(film), rounds=ROUNDS_OF_EYES),
    }
    return {"tnt": see(tnt, size), "cnn": see(cnn, small), "found": finding}


def count_of_mtcnn(aligner: FaceAligner) -> int:
    """Parameters of the face detector's networks."""
    networks = aligner.detector.networks
    each = (networks.pnet, networks.rnet, networks.onet)
    return sum(p.numel() for network in each for p in network.parameters())


def cost_of_ours(plan, values) -> dict:
    """The framework's temporal module, of the size of the runs that it is compared by."""
    features = values["tnt"][:1]  # 1 k d
    config = TemporalConfig.quick(frames=features.shape[1], dim=features.shape[2])
    model = TemporalTransformer(config).eval()
    return told_of_network(model, features, count_flops(model, features))


def told_of_network(model, values, flops: int) -> dict:
    """A network that answers."""

    def work():
        with torch.inference_mode():
            return model(values)

    count = count_parameters(model)
    return {"parameters": count, "flops": flops, "milliseconds": milliseconds(work)}


def cost_of_answer(rival, reads: str, values, rows, labels) -> dict:
    """Of one clip, from the features to the answer; for landmarks, their distances come first."""
    clips = values[reads]
    one, frames, dim = clips[:1], clips.shape[1], clips.shape[-1]
    if isinstance(rival, LandmarkForest):
        return cost_of_forest(rival, getattr(values.clips, reads)[:1], clips[rows], labels)
    if isinstance(rival, MeanRegression):
        answer = rival.learn(clips[rows], labels, classes=TASK.classes, seed=0)
        return {
            "parameters": dim + 1 + 2 * dim,  # weights, then means and spreads
            "flops": regression_flops(frames=frames, dim=dim, classes=TASK.classes),
            "milliseconds": milliseconds(lambda: answer(one)),
        }
    if isinstance(rival, SmallConv3d):
        model = rival.network(classes=TASK.classes).eval()
        pixels = rival.pixels_of(one)
        return told_of_network(model, pixels, count_flops(model, pixels))
    if isinstance(rival, FrameLSTM):
        model = rival.network(dim=dim, classes=TASK.classes).eval()
        flops = lstm_flops(frames=frames, dim=dim, hidden=rival.hidden)
        return told_of_network(model, one, flops + count_flops(model, one))
    model = rival.network(frames=frames, dim=dim, classes=TASK.classes).eval()
    return told_of_network(model, one, count_flops(model, one))


def cost_of_forest(rival: LandmarkForest, landmarks, distances, labels) -> dict:
    """A forest does no products: what is told are the comparisons on the way down its trees."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=rival.trees, random_state=0, n_jobs=1)
    forest.fit(rival.describe(distances), labels.numpy())
    kept, comparisons = tree_size(forest)

    def work():
        return forest.predict_proba(rival.describe(landmark_distances(landmarks)))

    return {
        "parameters": kept,
        "flops": None,
        "comparisons": comparisons,
        "milliseconds": milliseconds(work),
    }
