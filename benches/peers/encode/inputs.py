"""What every engine is given: pictures as normalised pixels, texts as token ids. All seeded, the same in every run."""

import csv
import io
import random
from pathlib import Path

import numpy as np

from shapes import Shape

REPOSITORY = Path(__file__).resolve().parents[3]
TOKENIZER = REPOSITORY / "tests/fixtures/clip-tokenizer/tokenizer.json"
LABELS = REPOSITORY / "labels/imagenet-21k.tsv.zst"
SIZE = 224
CLIP_MEAN, CLIP_DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def statistics(family: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each colour, [3, 1, 1], that the family's models expect taken out."""
    mean, deviation = (CLIP_MEAN, CLIP_DEVIATION) if family == "clip" else ((0.5,) * 3, (0.5,) * 3)
    return np.float32(mean).reshape(3, 1, 1), np.float32(deviation).reshape(3, 1, 1)


def pictures(count: int, seed: int) -> np.ndarray:
    """[count, 3, 224, 224] of bytes: coarse random fields under fine noise, so that no two look alike to an encoder."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 200, (count, 3, 8, 8)).repeat(SIZE // 8, axis=2).repeat(SIZE // 8, axis=3)
    return (coarse + generator.integers(0, 56, coarse.shape)).astype(np.uint8)


def pixels(shape: Shape, count: int, seed: int = 1) -> np.ndarray:
    """The same pictures as f32, normalised as the model expects."""
    mean, deviation = statistics(shape.family)
    return ((pictures(count, seed).astype(np.float32) / 255 - mean) / deviation).astype(np.float32)


def as_pictures(pixels: np.ndarray, family: str) -> np.ndarray:
    """The bytes that `pixels` were made of, for an engine that takes nothing but image files."""
    mean, deviation = statistics(family)
    return np.rint((pixels * deviation + mean) * 255).astype(np.uint8)


def label_ids(count: int) -> list[list[int]]:
    """Token ids of "a photo of a NAME." for `count` names, drawn from the 10,000 drawn from ImageNet-21k's."""
    import zstandard
    from tokenizers import Tokenizer

    table = zstandard.ZstdDecompressor().stream_reader(LABELS.open("rb"))
    rows = csv.DictReader(io.TextIOWrapper(table, encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    names = random.Random(3).sample([row["name"] for row in rows], 10_000)[:count]
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    return [encoding.ids for encoding in tokenizer.encode_batch([f"a photo of a {name}." for name in names])]


def query_ids() -> list[int]:
    """A query of 8 tokens with begin and end."""
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(TOKENIZER)).encode("a photo of a dog.").ids
    assert len(ids) == 8, ids
    return ids


def random_ids(length: int, seed: int, clip: bool = True) -> list[int]:
    """A text that fills `length` positions."""
    words = random.Random(seed).choices(range(3, 30_000), k=length)
    return [49406, *words[2:], 49407] if clip else words


def calibration_ids(shape: Shape) -> list[np.ndarray]:
    """Texts to calibrate quantization with: labels that are not measured, and full ones; [1, tokens] each."""
    clip = shape.family == "clip"
    rows = [random_ids(shape.positions, seed, clip) for seed in range(100, 108 if clip else 132)]
    if clip:
        rows += label_ids(10_000)[-56:]
    return [np.array([row], np.int64) for row in rows]
