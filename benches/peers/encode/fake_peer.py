#!/usr/bin/env python3
"""Stands in for encode_peer, with PyTorch, to try the harness without a build: `run.py --clipdex fake_peer.py`."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from common.serving import answers_alone, serve
from engines import Engine, Torch, answer


def peak() -> float:
    """GFLOP/s of a matrix product, which is near enough for a try."""
    matrix = np.ones((1024, 1024), np.float32)
    start = time.perf_counter()
    matrix @ matrix
    return 2 * 1024**3 / (time.perf_counter() - start) / 1e9


def respond(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "peak":
        return {"gflops": peak()}
    if request["op"] == "info":
        return {"versions": {"clipdex": "a fake, to try the harness"}}
    return answer(engine, request)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--precision", choices=("f32", "bf16"), required=True)
    options = parser.parse_args()
    serve(lambda: Torch(options.precision, options.directory), answers_alone(), respond)
