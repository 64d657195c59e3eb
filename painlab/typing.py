"""Array types that carry their shape, for annotations and docstrings.

``Float[Tensor, "b k d"]`` reads: a floating-point tensor with the axes b, k and d of the glossary.
The types come from jaxtyping. Where that package is missing (a training machine with nothing but
torch, einops and safetensors) they fall back to plain ``Tensor`` and stay documentation.
"""

try:
    from jaxtyping import Bool, Float, Int, UInt8
except ImportError:

    class _Documentation:
        """Stands in for a jaxtyping type: ``Float[Tensor, "b d"]`` gives ``Tensor``."""

        def __class_getitem__(cls, item):
            return item[0]

    Bool = Float = Int = UInt8 = _Documentation

__all__ = ["Bool", "Float", "Int", "UInt8"]
