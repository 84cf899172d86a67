"""What a curve of recall and speed says at a wanted recall."""

import math
from collections.abc import Sequence

# (recall, queries a second)
Point = tuple[float, float]


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both, by ascending recall."""
    best: list[Point] = []
    for recall, speed in sorted(points, reverse=True):
        if not best or speed > best[-1][1]:
            best.append((recall, speed))
    return best[::-1]


def near_frontier(points: Sequence[Point], slack: float, from_recall: float) -> list[int]:
    """Which points are worth measuring again: those within `slack` of the frontier's speed, and no duller ones."""
    chosen = []
    for at, (recall, speed) in enumerate(points):
        beaten = any(other > recall and speed * slack < fast for other, fast in points)
        if not beaten and recall >= from_recall:
            chosen.append(at)
    return chosen or [max(range(len(points)), key=lambda at: points[at])]


def speed_at(points: Sequence[Point], recall: float) -> float | None:
    """Queries a second at this recall, between the two points around it; none where the curve does not reach it.

    Between two points the logarithm of the speed is taken to fall evenly with the logarithm of what is missed.
    """
    curve = frontier(points)
    above = next((at for at, point in enumerate(curve) if point[0] >= recall), None)
    if above is None:
        return None
    if above == 0:
        return curve[0][1]
    (low, fast), (high, slow) = curve[above - 1], curve[above]
    x, start, end = (math.log(max(1 - value, 1e-5)) for value in (recall, low, high))
    share = (x - start) / (end - start) if end != start else 1.0
    return fast * (slow / fast) ** share
