"""What the tests of runs in jobs share, by processes and on a real Slurm."""

import pytest
import torch
from planted import planted_store

from painlab.config import TemporalConfig, TrainingConfig
from painlab.training.loso import plan_run

TEMPORAL = TemporalConfig(
    latents=4, latent_dim=8, heads=2, head_dim=4, cross_heads=1, cross_head_dim=4
)
OF_JOBS = TrainingConfig(epochs=4, warm_up_epochs=1, batch=6, learning_rate=3e-3)


@pytest.fixture
def one_thread():
    """As a job has it: with others, sums are rounded otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def plan(tmp_path):
    """Begins runs of four folds in two groups, all of one store."""
    store = planted_store(tmp_path / "store")

    def begin(name="run", config=OF_JOBS):
        return plan_run(
            store, task="NP-P4", out=tmp_path / name, config=config, temporal=TEMPORAL,
            folds_at_once=2, say=lambda text: None,
        )  # fmt: skip

    return begin
