"""Reading the Perceiver of the perceiver-pytorch package: its sizes, its weights by our names."""

import re

from torch import Tensor, nn

from painlab.config import TemporalConfig
from painlab.errors import PainLabError

ATTENTION_NAMES = {"norm": "norm_attention", "norm_context": "norm_context", "fn": "attention"}
FEED_FORWARD_NAMES = {
    "norm": "norm_feed_forward",
    "fn.net.0": "feed_forward.to_hidden",
    "fn.net.2": "feed_forward.to_out",
}


def temporal_config(perceiver: nn.Module, *, frames: int, dim: int | None) -> TemporalConfig:
    """The configuration of a Perceiver of one round.

    Raises:
        PainLabError: where the model is no Perceiver, or one that this package cannot express.
    """
    if type(perceiver).__name__ != "Perceiver" or not hasattr(perceiver, "latents"):
        name = type(perceiver).__name__
        raise PainLabError(f"from_perceiver takes perceiver_pytorch.Perceiver, not {name}.")
    feed_forwards = [m.net[3].p for m in perceiver.modules() if type(m).__name__ == "FeedForward"]
    unsupported = {
        f"depth={len(perceiver.layers)}": len(perceiver.layers) != 1,
        f"input_axis={perceiver.input_axis}": perceiver.input_axis != 1,
        "fourier_encode_data=False": not perceiver.fourier_encode_data,
        "no classifier head": isinstance(perceiver.to_logits, nn.Identity),
        "feed-forward dropout": any(feed_forwards),
        "attention residuals": bool(getattr(perceiver, "has_attn_residual", False)),
        "inverted cross-attention": any(getattr(perceiver, "inverted_cross_attn", ())),
    }
    for what, present in unsupported.items():
        if present:
            raise PainLabError(f"this Perceiver has {what}, which painlab does not express.")
    block = perceiver.layers[0]
    cross = block.cross_attn.fn
    bands = perceiver.num_freq_bands
    channels = cross.to_kv.in_features - (2 * bands + 1)
    if channels == 1 and dim is None:
        raise PainLabError(
            "this Perceiver's tokens are single numbers: say how many a frame has (dim)."
        )
    own = block.self_attns[0][0].fn if len(block.self_attns) else cross
    return TemporalConfig(
        frames=frames,
        dim=dim if channels == 1 else channels,
        tokens="scalars" if channels == 1 else "frames",
        latents=perceiver.latents.shape[0],
        latent_dim=perceiver.latents.shape[1],
        cross_heads=cross.heads,
        heads=own.heads,
        cross_head_dim=cross.to_q.out_features // cross.heads,
        head_dim=own.to_q.out_features // own.heads,
        bands=bands,
        attention_dropout=cross.dropout.p,
        classes=perceiver.to_logits[2].out_features,
        self_attentions=len(block.self_attns),
        max_frequency=float(perceiver.max_freq),
    )


def perceiver_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A one-round Perceiver's state dict under our names."""
    ours = {"latents": state["latents"]}
    for name, value in state.items():
        if name == "latents":
            continue
        part, field = name.rsplit(".", 1)
        if head := re.fullmatch(r"to_logits\.([12])", part):
            ours[f"{'norm' if head[1] == '1' else 'classifier'}.{field}"] = value
        elif cross := re.fullmatch(r"layers\.0\.cross_(attn|ff)\.(.+)", part):
            ours[f"cross.{_rename(cross[2], cross[1] == 'attn')}.{field}"] = value
        elif own := re.fullmatch(r"layers\.0\.self_attns\.(\d+)\.([01])\.(.+)", part):
            ours[f"layers.{own[1]}.{_rename(own[3], own[2] == '0')}.{field}"] = value
        else:
            raise PainLabError(f"this Perceiver has weights named {name}, which painlab lacks.")
    return ours


def _rename(part: str, is_attention: bool) -> str:
    if not is_attention:
        return FEED_FORWARD_NAMES[part]
    first, _, rest = part.partition(".")
    return ATTENTION_NAMES[first] + ("." + rest if rest else "")
