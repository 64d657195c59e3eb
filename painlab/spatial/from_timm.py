"""Reading the TNT of the timm library: its sizes, and its weights under our names."""

import re

from einops import pack
from torch import Tensor, nn

from painlab.config import TNTConfig
from painlab.errors import PainLabError

# timm's name of a block's part → ours; what has no row keeps its name
BLOCK_NAMES = {
    "norm_in": "inner.norm_attention",
    "attn_in": "inner.attention",
    "norm_mlp_in": "inner.norm_feed_forward",
    "mlp_in.fc1": "inner.feed_forward.0",
    "mlp_in.fc2": "inner.feed_forward.2",
    "norm1_proj": "to_patch.norm_in",
    "proj": "to_patch.project",
    "norm2_proj": "to_patch.norm_out",
    "norm_out": "outer.norm_attention",
    "attn_out": "outer.attention",
    "norm_mlp": "outer.norm_feed_forward",
    "mlp.fc1": "outer.feed_forward.0",
    "mlp.fc2": "outer.feed_forward.2",
}
MODEL_NAMES = {
    "pixel_embed.proj": "stem.to_embedding",
    "norm1_proj": "to_patch.norm_in",
    "proj": "to_patch.project",
    "norm2_proj": "to_patch.norm_out",
    "head": "classifier",
}


def tnt_config(model: nn.Module) -> TNTConfig:
    """The configuration of a timm TNT.

    Raises:
        PainLabError: where the model is no TNT, or one that this package cannot express.
    """
    if type(model).__name__ != "TNT" or not hasattr(model, "pixel_embed"):
        raise PainLabError(f"from_timm takes timm.models.tnt.TNT, not {type(model).__name__}.")
    embed, first = model.pixel_embed, model.blocks[0]
    size, patch, stride = embed.img_size, embed.patch_size, embed.proj.stride
    unsupported = {
        "legacy=True": embed.legacy,
        "qkv_bias=True": first.attn_out.qk.bias is not None,
        f"global_pool={model.global_pool!r}": model.global_pool != "token",
        "images or patches that are not square": size[0] != size[1] or patch[0] != patch[1],
        "images that have not three channels": embed.proj.in_channels != 3,
        "dropout": any(isinstance(m, nn.Dropout) and m.p > 0 for m in model.modules()),
        "a feed-forward factor other than 4": first.mlp.fc1.out_features != 4 * model.embed_dim,
    }
    for what, present in unsupported.items():
        if present:
            raise PainLabError(f"this timm TNT has {what}, which painlab's TNT does not express.")
    return TNTConfig(
        image_size=size[0],
        patch_size=patch[0],
        sub_patch_size=stride[0],
        dim=model.embed_dim,
        inner_dim=embed.in_dim,
        depth=len(model.blocks),
        heads=first.attn_out.num_heads,
        inner_heads=first.attn_in.num_heads,
        drop_path=round(float(getattr(model.blocks[-1].drop_path, "drop_prob", 0.0)), 6),
        stem="conv",
        classes=model.num_classes,
    )


def tnt_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A timm TNT's state dict under our names.

    timm keeps queries and keys in one matrix and values in another; we keep keys and values
    together, so that cross-attention can have its queries elsewhere.
    """
    ours = {
        "class_token": state["cls_token"][0, 0],
        "patch_position": state["patch_pos"][0],
        "sub_patch_position": state["pixel_pos"][0].flatten(1).T,  # e r1 r2 -> m e
    }
    for name, value in state.items():
        if name in ("cls_token", "patch_pos", "pixel_pos"):
            continue
        prefix, name, names = "", name, MODEL_NAMES
        if block := re.match(r"blocks\.\d+\.", name):
            prefix, name, names = block[0], name[block.end() :], BLOCK_NAMES
        part, field = name.rsplit(".", 1)
        if part.endswith(".qk"):
            attention = prefix + names[part.removesuffix(".qk")]
            q, k = value.chunk(2)
            v = state[prefix + part.removesuffix("qk") + f"v.{field}"]
            ours[f"{attention}.to_q.{field}"] = q
            ours[f"{attention}.to_kv.{field}"] = pack([k, v], "* d")[0]
        elif part.endswith(".proj") and part.startswith("attn"):
            ours[f"{prefix}{names[part.removesuffix('.proj')]}.to_out.{field}"] = value
        elif not part.endswith(".v"):
            ours[f"{prefix}{names.get(part, part)}.{field}"] = value
    return ours
