"""What is measured of a shape: each figure is one request, sent again and again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import inputs
from shapes import Shape

IMAGES = 8


@dataclass(frozen=True)
class Measure:
    """A request; `items` is how many images or texts are in it where a rate is wanted, else the figure is its time."""

    key: str
    title: str
    request: dict[str, Any]
    items: int | None = None

    def value(self, seconds: float) -> float:
        """Items a second, or milliseconds."""
        return self.items / seconds if self.items else seconds * 1e3


def image_measures(shape: Shape, work: Path) -> list[Measure]:
    """One batch of pictures, whose pixels lie in a file."""
    pixels = inputs.pixels(shape, IMAGES)
    file = work / f"pixels-{shape.family}.bin"
    pixels.astype("<f4").tofile(file)
    request = {"op": "images", "file": str(file), "shape": list(pixels.shape)}
    return [Measure("images", f"images/s, batch of {IMAGES}", request, IMAGES)]


def text_measures(shape: Shape, labels: int) -> list[Measure]:
    """Queries and labels; SigLIP has one length only, as it attends to the padding too."""

    def texts(*ids: list[int]) -> dict[str, Any]:
        return {"op": "texts", "ids": list(ids)}

    clip = shape.family == "clip"
    full = texts(inputs.random_ids(shape.positions, 5, clip))
    longest = Measure("full", f"one text of {shape.positions} tokens, ms", full)
    if not clip:
        return [longest]
    query = inputs.query_ids()
    padded = query + [query[-1]] * (shape.positions - len(query))
    names = inputs.label_ids(labels)
    padded_names = [name + [name[-1]] * (shape.positions - len(name)) for name in names]
    return [
        Measure("query", "query of 8 tokens, ms", texts(query)),
        Measure("query_padded", f"the same padded to {shape.positions}, ms", texts(padded)),
        longest,
        Measure("labels", "labels/s", texts(*names), len(names)),
        Measure("labels_padded", f"labels/s, padded to {shape.positions}", texts(*padded_names), len(names)),
    ]
