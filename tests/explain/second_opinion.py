"""Chefer's rules once more, from the paper's equations: one clip, one class, loop by loop.

Nothing of `painlab.explain` is used. What goes forward is kept, and relevance is sent back through
it by hand; gradients of the attention weights are PyTorch's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

import painlab as pl


def positive_shares(x: Tensor, weight: Tensor, relevance: Tensor) -> Tensor:
    """Eq. 4, from the table of all contributions; the negative ones where none is positive."""
    table = x[..., None, :] * weight  # tokens × outputs × inputs
    positive, negative = table.clamp(min=0), table.clamp(max=0)
    used = torch.where(positive.sum(-1, keepdim=True) > 0, positive, negative)
    total = used.sum(-1, keepdim=True)
    shares = torch.where(total == 0, torch.zeros_like(used), used / total)
    return (shares * relevance[..., None]).sum(-2)


def shared(u, v, contribution_u, contribution_v, relevance):
    """Eqs. 6 and 9, from the contributions of each factor to each output, outputs first."""
    out = relevance.flatten()
    of_u = sum(c * r for c, r in zip(contribution_u, out, strict=True)).reshape(u.shape)
    of_v = sum(c * r for c, r in zip(contribution_v, out, strict=True)).reshape(v.shape)
    both = of_u.sum().abs() + of_v.sum().abs()
    return tuple(
        r * (r.sum().abs() / both) * (relevance.sum() / r.sum()) if r.sum() != 0 else r
        for r in (of_u, of_v)
    )


def matrix_product(a: Tensor, b: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Relevances of both factors of a @ b."""
    z = a @ b
    of_a, of_b = [], []
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            part = a[i] * b[:, j] / z[i, j]
            on_a, on_b = torch.zeros_like(a), torch.zeros_like(b)
            on_a[i], on_b[:, j] = part, part
            of_a.append(on_a.flatten())
            of_b.append(on_b.flatten())
    return shared(a, b, of_a, of_b, relevance)


def addition(u: Tensor, v: Tensor, relevance: Tensor) -> tuple[Tensor, Tensor]:
    """Relevances of two summands of one sample."""
    share = torch.diag((u / (u + v)).flatten()), torch.diag((v / (u + v)).flatten())
    return shared(u, v, *share, relevance)


class Layer:
    """An attention and a feed-forward network, each added to what goes in, for groups of tokens.

    `x` is (groups, tokens, channels): the patches of an image are one group, the sub-patches of
    each patch another. A sample's sums run over all groups.
    """

    def __init__(self, layer, x: Tensor, context: Tensor | None = None):
        attention = layer.attention
        self.layer, self.x, self.crosses = layer, x, context is not None
        self.normed = layer.norm_attention(x)
        self.context = layer.norm_context(context) if self.crosses else self.normed
        key, value = attention.to_kv.weight.chunk(2)
        self.projections = (attention.to_q.weight, key, value)
        self.q, self.k, self.v = (
            (given @ w.mT).unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            for given, w in zip(
                (self.normed, self.context, self.context), self.projections, strict=True
            )
        )
        self.weights = (self.q @ self.k.mT / self.q.shape[-1] ** 0.5).softmax(-1)
        self.weights.retain_grad()
        self.heads = (self.weights @ self.v).transpose(1, 2).flatten(2)
        self.attended = attention.to_out(self.heads)
        self.middle = x + self.attended
        self.normed_middle = layer.norm_feed_forward(self.middle)
        self.gated = hasattr(layer.feed_forward, "to_hidden")
        first = layer.feed_forward.to_hidden if self.gated else layer.feed_forward[0]
        self.first, self.last = first, (
            layer.feed_forward.to_out if self.gated else layer.feed_forward[2]
        )  # fmt: skip
        hidden = first(self.normed_middle)
        if self.gated:
            value, gate = hidden.chunk(2, dim=-1)
            self.hidden = value * F.gelu(gate)
        else:
            self.hidden = F.gelu(hidden)
        self.fed = self.last(self.hidden)
        self.out = self.middle + self.fed

    @torch.no_grad()
    def back(self, relevance: Tensor) -> tuple[Tensor, Tensor]:
        """Of `x`, and of the context before its norm; keeps the layer's map (groups q t)."""
        skipped, on_fed = addition(self.middle, self.fed, relevance)
        on_hidden = positive_shares(self.hidden, self.last.weight, on_fed)
        if self.gated:  # a product, half for each factor
            on_hidden = torch.cat([on_hidden / 2, on_hidden / 2], dim=-1)
        on_middle = positive_shares(self.normed_middle, self.first.weight, on_hidden)
        skipped, on_attended = addition(self.x, self.attended, skipped + on_middle)
        on_heads = positive_shares(self.heads, self.layer.attention.to_out.weight, on_attended)
        heads = self.layer.attention.heads
        on_heads = on_heads.unflatten(-1, (heads, -1)).transpose(1, 2)
        on_a, on_q, on_k, on_v = (
            torch.zeros_like(t) for t in (self.weights, self.q, self.k, self.v)
        )
        for group in range(len(self.x)):
            for h in range(heads):
                at = group, h
                on_a[at], on_v[at] = matrix_product(self.weights[at], self.v[at], on_heads[at])
                on_q[at], of_k = matrix_product(self.q[at], self.k[at].mT, on_a[at])
                on_k[at] = of_k.mT
        self.map = (self.weights.grad * on_a).clamp(min=0).mean(1)
        of_q, of_k, of_v = (
            positive_shares(given, w, part.transpose(1, 2).flatten(2))
            for given, w, part in zip(
                (self.normed, self.context, self.context), self.projections, (on_q, on_k, on_v),
                strict=True,
            )
        )  # fmt: skip
        if self.crosses:
            return skipped + of_q, of_k + of_v
        return skipped + of_q + of_k + of_v, of_k + of_v


class Image:
    """A TNT's way from an image to its feature, and back."""

    def __init__(self, model: pl.TNT, image: Tensor):
        self.model, self.inner, self.outer, self.updates, self.befores = model, [], [], [], []
        y = (model.stem(image[None]) + model.sub_patch_position)[0]  # patches, sub-patches, e
        z = torch.cat([model.class_token[None], model.to_patch(y[None])[0]]) + model.patch_position
        for block in model.blocks:
            self.inner.append(Layer(block.inner, y))
            y = self.inner[-1].out
            update = torch.cat([torch.zeros_like(z[:1]), block.to_patch(y[None])[0]])
            self.befores.append(z)
            self.updates.append(update)
            self.outer.append(Layer(block.outer, (z + update)[None]))
            z = self.outer[-1].out[0]
        self.last = z
        self.feature = model.norm(z)[0]

    @torch.no_grad()
    def back(self, relevance: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of patches (n) and of their sub-patches (n m), from the relevance of the feature."""
        on_z = torch.zeros_like(self.last)
        on_z[0] = relevance
        on_y, arrived = torch.zeros_like(self.inner[0].x), []
        for b in reversed(range(len(self.outer))):
            on_sum = self.outer[b].back(on_z[None])[0][0]
            on_z, on_update = addition(self.befores[b], self.updates[b], on_sum)
            to_patch = self.model.blocks[b].to_patch
            flat = to_patch.norm_in(self.inner[b].out.flatten(1))
            through = positive_shares(flat, to_patch.project.weight, on_update[1:])
            through = through.reshape(on_y.shape)
            arrived.insert(0, through.sum(-1).clamp(min=0))
            on_y = self.inner[b].back(on_y + through)[0]
        rollout = torch.eye(len(self.last)).to(self.last)
        for layer in self.outer:
            rollout = rollout + layer.map[0] @ rollout
        fine = torch.zeros_like(arrived[0])
        for patch in range(len(fine)):
            rolled = torch.eye(fine.shape[1]).to(fine)
            for layer, row in zip(self.inner, arrived, strict=True):
                rolled = rolled + layer.map[patch] @ rolled  # up to this block
                fine[patch] += row[patch] @ rolled
        return rollout[0, 1:], fine


def explain_image(model: pl.TNT, image: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Maps of patches (n) and sub-patches (n m) of a TNT with classes."""
    seen = Image(model, image)
    logits = model.classifier(seen.feature)
    logits[target].backward()
    one_hot = F.one_hot(torch.tensor(target), len(logits)).to(logits)
    return seen.back(positive_shares(seen.feature, model.classifier.weight, one_hot).detach())


def explain_clip(
    model: pl.PainFramework, clip: Tensor, target: int
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Relevance of the frames (k), and for each frame its maps of patches and sub-patches."""
    temporal = model.temporal
    seen = [Image(model.spatial, frame) for frame in clip]
    features = torch.stack([image.feature for image in seen])
    cross = Layer(temporal.cross, temporal.latents[None], temporal.tokenise(features[None]))
    layers = []
    x = cross.out
    for layer in temporal.layers:
        layers.append(Layer(layer, x))
        x = layers[-1].out
    mean = x[0].mean(0)
    logits = temporal.classifier(temporal.norm(mean))
    logits[target].backward()

    with torch.no_grad():
        one_hot = F.one_hot(torch.tensor(target), len(logits)).to(logits)
        normed = temporal.norm(mean)
        relevance = positive_shares(normed, temporal.classifier.weight, one_hot)
        relevance = (x[0] / x[0].sum(0) * relevance)[None]
        for layer in reversed(layers):
            relevance = layer.back(relevance)[0]
        on_tokens = cross.back(relevance)[1][0]
        rollout = torch.eye(len(mean_of := x[0])).to(mean_of)
        for layer in layers:
            rollout = rollout + layer.map[0] @ rollout
        frames = (rollout @ cross.map[0]).mean(0)
        on_features = on_tokens[:, : features.shape[1]]
        return frames, [image.back(r) for image, r in zip(seen, on_features, strict=True)]
