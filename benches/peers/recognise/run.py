#!/usr/bin/env python3
"""Tags a library of made-up photographs beside numpy's product of the same matrices, on the same cores, in turns."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from reporting import grid, machine, progress  # noqa: E402

HERE = Path(__file__).resolve().parent
# Rows of photographs in one product: the result stays small enough to be used again.
ROWS = 4096


def ask(program: Path, *arguments: str) -> dict[str, Any]:
    """What the program prints: one line of JSON."""
    done = subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def product_seconds(directory: Path, dim: int) -> float:
    """Seconds of the product alone, in blocks into memory that is there."""
    import numpy

    photos, labels = (numpy.fromfile(directory / name, "<f4").reshape(-1, dim) for name in ("photos.f32", "labels.f32"))
    labels = numpy.ascontiguousarray(labels.T)
    out = numpy.empty((ROWS, labels.shape[1]), "f4")
    numpy.matmul(photos[:ROWS], labels, out=out[: len(photos[:ROWS])])
    started = time.perf_counter()
    for first in range(0, len(photos), ROWS):
        rows = photos[first : first + ROWS]
        numpy.matmul(rows, labels, out=out[: len(rows)])
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where the library is made, and found again")
    parser.add_argument("--clipdex", type=Path, required=True, help="the program recognise_peer")
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--list", default="imagenet-21k", help="built-in label list")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--product-only", type=int, metavar="DIM", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.product_only:
        print(json.dumps({"seconds": product_seconds(arguments.directory, arguments.product_only)}))
        return
    directory, program = str(arguments.directory), arguments.clipdex
    progress("preparing")
    made = ask(program, "prepare", directory, "--list", arguments.list, "--photos", str(arguments.photos))
    rounds: list[dict[str, float]] = []
    for number in range(arguments.rounds):
        progress(f"round {number + 1}")
        product = [sys.executable, __file__, directory, "--clipdex", program, "--product-only", str(made["dim"])]
        numpy_done = subprocess.run(product, check=True, stdout=subprocess.PIPE, text=True)
        rounds.append(
            {
                "numpy": json.loads(numpy_done.stdout)["seconds"],
                "clipdex": ask(program, "tag", directory, "--list", arguments.list)["seconds"],
            }
        )
    one = ask(program, "classify", directory, "--list", arguments.list)
    progress("")
    cores = len(os.sched_getaffinity(0))
    numpy_s, clipdex_s = (median(times[engine] for times in rounds) for engine in ("numpy", "clipdex"))
    ratio = median(times["clipdex"] / times["numpy"] for times in rounds)
    size = f"{made['photos']:,} photographs, {made['labels']:,} labels, {made['dim']} dimensions, {cores} cores"
    table = grid(
        [size, "seconds", "of the product"],
        [
            ["numpy: the product alone", f"{numpy_s:.1f}", "1.00"],
            ["clipdex: tagging, committed", f"{clipdex_s:.1f}", f"{ratio:.2f}"],
        ],
    )
    host = machine()
    lines = [
        f"{host['processor']}, {host['date']}; medians of {len(rounds)} rounds, the ratio that of each round.",
        "",
        *table,
        f"One photograph on one core, all labels: {one['median_ms']:.2f} ms (median), opening the bank "
        f"{one['opening_ms']:.1f} ms.",
    ]
    name = f"results-{arguments.list}"
    (HERE / f"{name}.md").write_text("\n".join(lines) + "\n")
    (HERE / f"{name}.json").write_text(json.dumps({"machine": host, "size": made, "rounds": rounds, "classify": one}) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
