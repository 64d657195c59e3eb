"""What films with something drawn into them share: colours, letters, and how large they may be."""

WIDEST = 1280  # pixels; larger pictures are made smaller before anything is drawn
LINE = 16  # pixels, of a line of text under the picture
INK, PAPER, GREY = (240, 240, 240), (24, 26, 30), (120, 124, 132)


def scale_of(frame) -> float:
    """What a frame is made smaller by, so that its longer side is at most `WIDEST`."""
    return min(1.0, WIDEST / max(frame.shape[:2]))


def wrap_text(text: str, width: int) -> list[str]:
    """Lines of a text that fit into so many pixels, in letters that OpenCV can draw."""
    import cv2

    lines = [""]
    for word in text.encode("ascii", "replace").decode().split():
        longer = f"{lines[-1]} {word}".strip()
        if cv2.getTextSize(longer, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0] > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def write_text(picture, text: str, at: tuple[int, int], colour, *, size: float = 0.6) -> int:
    """Write, with a dark edge so that it reads on any picture; returns the width in pixels."""
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, text, at, font, size, PAPER, 3, cv2.LINE_AA)
    cv2.putText(picture, text, at, font, size, colour, 1, cv2.LINE_AA)
    return cv2.getTextSize(text, font, size, 1)[0][0]
