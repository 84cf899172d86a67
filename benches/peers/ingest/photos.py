"""Photographs to index: JPEGs of 12 megapixels, as a camera writes them, out of those of `samples/`.

`python photos.py COUNT DIRECTORY` makes what is missing there. Each is another part of a sample, enlarged, with grain of
its own, so that it takes as many bytes as a camera's file does and no two are alike.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
SIZE = (4000, 3000)
# Standard deviation of the grain, in grey levels, and JPEG's quality: together 3 to 4 MB a photograph.
GRAIN = 6.0
QUALITY = 90


def part_of(sample: Image.Image, random: np.random.Generator) -> Image.Image:
    """A part of the sample in the shape of a photograph, four fifths of what fits or more, enlarged."""
    scale = min(sample.width / SIZE[0], sample.height / SIZE[1]) * random.uniform(0.8, 1.0)
    width, height = SIZE[0] * scale, SIZE[1] * scale
    left, top = random.uniform(0, sample.width - width), random.uniform(0, sample.height - height)
    return sample.resize(SIZE, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def make(count: int, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    samples = sorted(SAMPLES.glob("*.jpg"))
    for number in range(count):
        path = directory / f"IMG_{number:04}.jpg"
        if path.exists():
            continue
        random = np.random.default_rng(number)
        with Image.open(samples[number % len(samples)]) as sample:
            photo = np.asarray(part_of(sample.convert("RGB"), random), np.float32)
        grain = random.standard_normal(photo.shape[:2], np.float32)[..., None] * GRAIN
        noisy = Image.fromarray(np.clip(photo + grain, 0, 255).astype(np.uint8))
        unfinished = path.with_suffix(".part")
        noisy.save(unfinished, "JPEG", quality=QUALITY, subsampling="4:2:0")
        unfinished.rename(path)


if __name__ == "__main__":
    make(int(sys.argv[1]), Path(sys.argv[2]))
