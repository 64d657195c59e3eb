"""The errors that painlab raises on bad input: one clear sentence each."""


class PainLabError(Exception):
    """Bad input or a bad file. The message is one sentence: what, where, and what to do.

    Example:
        >>> import painlab as pl
        >>> try:
        ...     pl.load_model("nowhere.safetensors")
        ... except pl.PainLabError as error:
        ...     print(str(error).partition(";")[0])
        nowhere.safetensors: there is no such weights file
    """


class VideoError(PainLabError):
    """A video that cannot be read or written."""


class AlignmentError(PainLabError):
    """Landmark or detector weights that are missing or not what they claim to be."""


class DataError(PainLabError):
    """A data set whose table, folders or clips are not what they should be."""


class ShapeError(PainLabError):
    """A tensor whose shape or type does not fit what it was given to."""


class WeightsError(PainLabError):
    """A weights file that is missing, damaged, foreign, or made for another configuration."""
