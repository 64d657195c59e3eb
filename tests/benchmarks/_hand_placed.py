"""Which of the London set's 189 hand-placed points answer to the 68 landmarks."""

import numpy as np

# landmark: hand-placed point
SAME = {36: 18, 39: 22, 42: 23, 45: 27, 48: 87, 54: 93, 51: 90, 57: 106, 33: 55, 8: 129}
SAME |= {17: 71, 21: 76, 22: 77, 26: 82}
# hand-placed lids of the eye on the left and on the right: corner, upper, corner, lower
LIDS = ((18, (19, 20, 21), 22, (28, 29, 30)), (23, (24, 25, 26), 27, (31, 14, 33)))


def lid_mean(points, left, upper, right, lower):
    """The mean of six points of an eye: its corners, and each lid at a third and at two."""
    rows = []
    for eye in points:
        six = [eye[left], eye[right]]
        for lid in (upper, lower):
            chain = eye[[left, *sorted(lid, key=lambda i: eye[i, 0]), right]]
            places = eye[left, 0] + (eye[right, 0] - eye[left, 0]) * np.array([1, 2]) / 3
            six += list(np.column_stack([places, np.interp(places, *chain.T)]))
        rows.append(np.mean(six, 0))
    return np.array(rows)
