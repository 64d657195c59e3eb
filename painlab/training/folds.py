"""All folds as one model: every parameter of the temporal transformer gets a leading fold axis.

Leave-one-subject-out trains one small model a subject, and a small model leaves an accelerator
idle: its matrices are too small, and each step starts hundreds of tiny operations. Stacked, the
same operations are as many for 87 folds as for one. The folds never meet: each matrix product is a
batch of products, one a fold, and norms, attention and the optimiser work on each value alone.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import pack, unpack
from torch import Tensor, nn

from painlab.layers import Attention
from painlab.temporal.transformer import TemporalTransformer
from painlab.training.noise import FoldDropout, FoldNoise
from painlab.typing import Float


class FoldedLinear(nn.Module):
    """One linear map a fold: ``x[f] @ weight[f].T + bias[f]`` as one batch of matrix products."""

    def __init__(self, linears: Sequence[nn.Linear]):
        super().__init__()
        self.weight = _stacked([linear.weight for linear in linears])  # f o i
        self.bias = None
        if linears[0].bias is not None:
            self.bias = _stacked([linear.bias for linear in linears])  # f o

    def forward(self, x: Float[Tensor, "f ... i"]) -> Float[Tensor, "f ... o"]:
        """Apply each fold's map to that fold's rows."""
        rows, shape = pack([x], "f * i")
        weight = self.weight.mT  # f i o
        if self.bias is None:
            out = torch.bmm(rows, weight)
        else:
            out = torch.baddbmm(self.bias[:, None], rows, weight)
        return unpack(out, shape, "f * o")[0]


class FoldedLayerNorm(nn.Module):
    """Layer norm over the last axis, with a scale and a shift of each fold's own."""

    def __init__(self, norms: Sequence[nn.LayerNorm]):
        super().__init__()
        self.eps = norms[0].eps
        self.weight = _stacked([norm.weight for norm in norms])  # f d
        self.bias = _stacked([norm.bias for norm in norms])  # f d

    def forward(self, x: Float[Tensor, "f ... d"]) -> Float[Tensor, "f ... d"]:
        """Normalise each row."""
        axes = (len(x), *[1] * (x.ndim - 2), x.shape[-1])
        normed = F.layer_norm(x, x.shape[-1:], eps=self.eps)
        return torch.addcmul(self.bias.view(axes), normed, self.weight.view(axes))


def stack(
    models: Sequence[TemporalTransformer], *, noise: FoldNoise | None = None
) -> TemporalTransformer:
    """Models of one configuration as a single one, whose parameters have a leading fold axis.

    It takes features (f b k d) and gives logits (f b y); its parameters keep their names.

    Args:
        models: one a fold; they stay as they are.
        noise: what is dropped in each fold while it trains. Without it the dropouts are those of
            the configuration, whose draws are PyTorch's and not those of a fold trained alone.

    Example:
        >>> from painlab import TemporalConfig
        >>> config = TemporalConfig(frames=6, dim=8, latents=2)
        >>> folds = stack([TemporalTransformer(config) for _ in range(3)]).eval()
        >>> folds(torch.zeros(3, 5, 6, 8)).shape
        torch.Size([3, 5, 2])
    """
    with torch.device("meta"):  # none of its own numbers is drawn: all come from the models
        folded = TemporalTransformer(models[0].config).train(models[0].training)
    folded.latents = _stacked([model.latents for model in models])  # f l dl
    kinds = {nn.Linear: FoldedLinear, nn.LayerNorm: FoldedLayerNorm}
    for name, module in models[0].named_modules():
        if type(module) in kinds:
            of_all = [model.get_submodule(name) for model in models]
            folded.set_submodule(name, kinds[type(module)](of_all))
    if noise is not None:
        places = [m for m in folded.modules() if isinstance(m, Attention) and m.dropout]
        for place, attention in enumerate(places):
            attention.dropout = FoldDropout(noise, place=place, probability=attention.dropout)
    return folded


def state_of_fold(folded: TemporalTransformer, fold: int) -> dict[str, Tensor]:
    """The state of one of the stacked models, for a `TemporalTransformer` of its own."""
    return {name: tensor[fold].detach().clone() for name, tensor in folded.state_dict().items()}


@torch.no_grad()
def clip_gradients(model: nn.Module, *, largest: float | int) -> Float[Tensor, "f"]:
    """Scale down each fold's gradients where their norm is above ``largest``; gives the norms.

    What `torch.nn.utils.clip_grad_norm_` does to a model, for each fold by itself: folds that
    were scaled together would learn of each other.
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    squares = [gradient.flatten(1).square().sum(1) for gradient in gradients]  # f each
    norms = torch.stack(squares).sum(0).sqrt()  # f
    scale = (largest / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))
    return norms


def _stacked(parameters: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([parameter.detach() for parameter in parameters]))
