#!/usr/bin/env python3
"""The peer: what a careful program in Python does, Pillow's threads decoding ahead of ONNX Runtime.

Writes OUT.npy, a unit vector a photograph in the order of their names.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SIDE = 224
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
BATCH = 32


def pixels_of(path: Path, draft: bool) -> np.ndarray:
    """Pixel values [3, 224, 224] as CLIP's preprocessing makes them: shorter side resized, bicubic, and the middle."""
    with Image.open(path) as photo:
        if draft:
            photo.draft("RGB", (2 * SIDE, 2 * SIDE))
        scale = SIDE / min(photo.size)
        width, height = (max(SIDE, int(length * scale)) for length in photo.size)
        small = photo.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    middle = np.asarray(small.crop((left, top, left + SIDE, top + SIDE)), np.float32)
    return ((middle / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)


def decoded(paths: list[Path], threads: int, draft: bool) -> Iterator[np.ndarray]:
    """The photographs' pixels in order. A batch is decoded ahead while the one before is embedded."""
    with ThreadPoolExecutor(threads) as pool:
        ahead: list[list] = []
        for start in range(0, len(paths), BATCH):
            ahead.append([pool.submit(pixels_of, path, draft) for path in paths[start : start + BATCH]])
            if len(ahead) > 1:
                yield np.stack([future.result() for future in ahead.pop(0)])
        for futures in ahead:
            yield np.stack([future.result() for future in futures])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("model", type=Path, help="directory with image.onnx")
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--draft", action="store_true", help="let libjpeg decode at a fraction of the size")
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(options.model / "image.onnx", settings, providers=["CPUExecutionProvider"])
    paths = sorted(options.photos.glob("*.jpg"))
    batches = decoded(paths, options.threads, options.draft)
    np.save(options.out, np.concatenate([session.run(None, {"x": batch})[0] for batch in batches]))


if __name__ == "__main__":
    main()
