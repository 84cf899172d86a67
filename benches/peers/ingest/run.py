#!/usr/bin/env python3
"""Measures how fast clipdex and a program in Python index the same photographs, in turns. README.md says how."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "encode")]

import photos
import shapes
from common.program import THREAD_LIMITS
from common.reporting import grid, machine, progress, versions_markdown
from common.serving import version

PEERS = {"Pillow + ONNX Runtime f32": [], "the same, reduced decoding": ["--draft"]}
REFERENCE = "Pillow + ONNX Runtime f32"


@dataclass
class Contestant:
    """A program that indexes, from its start to its end, on some cores."""

    name: str
    cores: tuple[int, ...]
    command: list[str]
    # Where it leaves its vectors; removed before each turn, so that all of them are made anew.
    made: Path
    seconds: list[float] = field(default_factory=list)
    # Greatest resident memory, mapped files included, in MiB.
    memory: list[float] = field(default_factory=list)

    def take_turn(self) -> None:
        shutil.rmtree(self.made, ignore_errors=True)
        self.made.mkdir(parents=True)
        limits = {variable: str(len(self.cores)) for variable in THREAD_LIMITS}
        started = time.perf_counter()
        process = subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **limits},
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores),
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{self.name} ended with status {process.returncode}: {' '.join(self.command)}")
        self.seconds.append(seconds)
        self.memory.append(usage.ru_maxrss / 1024)


def contestants(options: argparse.Namespace, cores: tuple[int, ...], pictures: Path) -> list[Contestant]:
    model, threads = options.work / "b32", str(len(cores))
    found = []
    for place, (name, more) in enumerate(PEERS.items()):
        made = options.work / f"peer-{place}"
        command = [sys.executable, str(HERE / "pillow_onnxruntime.py"), str(pictures), str(model)]
        found.append(Contestant(name, cores, [*command, str(made / "vectors.npy"), "--threads", threads, *more], made))
    for precision in options.precisions:
        made = options.work / f"library-{precision}"
        command = [str(options.clipdex.resolve()), "--library", str(made), "--model", str(model)]
        command += ["--precision", precision, "index", str(pictures), "--jobs", threads]
        found.append(Contestant(f"clipdex {precision}", cores, command, made))
    return found


def vectors_of(contestant: Contestant, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """What a contestant made of each photograph, by its name."""
    if (contestant.made / "vectors.npy").exists():
        names = sorted(path.name for path in (options.work / "photos").glob("*.jpg"))
        return dict(zip(names, np.load(contestant.made / "vectors.npy"), strict=True))
    command = [str(options.clipdex.resolve()), "--library", str(contestant.made), "export"]
    rows = map(json.loads, subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())
    return {Path(file["path"]).name: np.array(row["vector"]) for row in rows for file in row["files"]}


def measure(options: argparse.Namespace, cores: tuple[int, ...], pictures: Path) -> list[dict[str, Any]]:
    """Each contestant's turns and what came of them."""
    found = contestants(options, cores, pictures)
    for turn in range(-1, options.rounds):
        for contestant in found:
            progress(f"{len(cores)} cores, round {turn + 1} of {options.rounds}, {contestant.name}")
            contestant.take_turn()
    reference = vectors_of(next(one for one in found if one.name == REFERENCE), options)
    rows = []
    for contestant in found:
        made = vectors_of(contestant, options)
        cosines = [float(made[name] @ vector) for name, vector in reference.items()]
        # The first turn fills caches, those of files above all.
        rows.append(
            {
                "name": contestant.name,
                "cores": len(cores),
                "seconds": contestant.seconds[1:],
                "memory": max(contestant.memory),
                "cosine_mean": statistics.mean(cosines),
                "cosine_least": min(cosines),
            }
        )
    return rows


def markdown(about: dict[str, Any], rows: list[dict[str, Any]], versions: dict[str, str]) -> str:
    lines = ["# Indexing side by side", ""]
    lines += [
        f"{about['date']}, {about['processor']} ({', '.join(about['extensions'])}). {about['photos']} JPEGs of 12 megapixels, "
        f"{about['megabytes']:.1f} MB each in the mean; a model of ViT-B/32's shape with random weights. From the program's start to its end, "
        f"medians of {about['rounds']} rounds in which the programs took turns. Files were in the system's cache.",
        "",
    ]
    cells = []
    for row in rows:
        peer = next(other for other in rows if other["name"] == REFERENCE and other["cores"] == row["cores"])
        pairs = zip(row["seconds"], peer["seconds"], strict=True)
        ratio = statistics.median(theirs / ours for ours, theirs in pairs)
        rate = about["photos"] / statistics.median(row["seconds"])
        cosines = [f"{row['cosine_mean']:.5f}", f"{row['cosine_least']:.5f}"]
        cells.append([row["name"], str(row["cores"]), f"{rate:.2f}", f"{ratio:.2f}", f"{row['memory']:.0f}", *cosines])
    header = ["program", "cores", "photographs/s", "times as fast as the first", "MiB at most"]
    lines += grid([*header, "cosine to the first, mean", "least"], cells)
    return "\n".join([*lines, *versions_markdown(versions, about)])


def arguments() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipdex-peers"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--clipdex", type=Path, required=True, help="the program")
    add("--precisions", nargs="+", default=["f32", "auto"], help="of clipdex")
    add("--photos", type=int, default=100)
    add("--work", type=Path, default=cache, help="where the model, photographs and libraries are made and kept, 2 GB")
    add("--out", type=Path, default=HERE / "results", help="the table is OUT.md and OUT.json")
    add("--cores", type=int, nargs="+", default=[1, 0], help="those of the larger run; the other has the first alone")
    add("--rounds", type=int, default=3, help="turns of each program")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.work = options.work.resolve()
    pictures = options.work / "photos"
    photos.make(options.photos, pictures)
    shapes.make(shapes.SHAPES["b32"], options.work / "b32")
    bytes_a_photo = statistics.mean(path.stat().st_size for path in pictures.glob("*.jpg"))
    about = {**machine(), "photos": options.photos, "megabytes": bytes_a_photo / 1e6, "rounds": options.rounds}
    rows = []
    for cores in dict.fromkeys([tuple(options.cores[:1]), tuple(options.cores)]):
        rows += measure(options, cores, pictures)
    progress("")
    versions = {name: version(name) for name in ("pillow", "onnxruntime", "numpy")}
    told = subprocess.run([options.clipdex.resolve(), "--version"], check=True, capture_output=True, text=True)
    versions["clipdex"] = told.stdout.split()[-1]
    results = {"machine": about, "results": rows, "versions": versions}
    options.out.with_suffix(".json").write_text(json.dumps(results, separators=(",", ":")) + "\n")
    options.out.with_suffix(".md").write_text(markdown(about, rows, versions))
    print(options.out.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
