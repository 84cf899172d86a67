#!/usr/bin/env python3
"""Adds a whole built-in list to a bank with one template, beside ONNX Runtime at all 77 positions: same weights, same cores."""

import argparse
import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "encode")]

from common.program import THREAD_LIMITS  # noqa: E402
from common.reporting import grid, machine, progress  # noqa: E402

SHAPE, POSITIONS, BATCH = "b32", 77, 32


def prompts(name: str) -> list[str]:
    """The different texts of a list, of the template that is clipdex's own; the same order in every run."""
    import zstandard
    from inputs import REPOSITORY

    table = zstandard.ZstdDecompressor().stream_reader((REPOSITORY / f"labels/{name}.tsv.zst").open("rb"))
    rows = csv.DictReader(io.TextIOWrapper(table, encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    return list(dict.fromkeys(f"a photo of a {row['name']}." for row in rows))


def peer(directory: Path, sample: int, name: str, threads: int) -> dict[str, Any]:
    """Texts a second of ONNX Runtime over a sample of the texts: at full length each takes as long as any other."""
    import numpy
    import onnxruntime
    from inputs import TOKENIZER
    from tokenizers import Tokenizer

    texts = random.Random(3).sample(prompts(name), sample)
    ids = [text.ids for text in Tokenizer.from_file(str(TOKENIZER)).encode_batch(texts)]
    padded = numpy.array([text + [text[-1]] * (POSITIONS - len(text)) for text in ids], numpy.int64)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(directory / "text.onnx", options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": padded[:BATCH]})
    started = time.perf_counter()
    for first in range(0, sample, BATCH):
        session.run(None, {"x": padded[first : first + BATCH]})
    seconds = time.perf_counter() - started
    return {"texts_a_second": sample / seconds, "version": onnxruntime.__version__}


def run(command: list[str | Path], cores: list[int], **environment: str) -> str:
    limits = {variable: str(len(cores)) for variable in THREAD_LIMITS}
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **limits, **environment},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    return done.stdout


def add(options: argparse.Namespace, model: Path) -> float:
    """Seconds of `clipdex label add`, from its start to its end, into a library that is made for it."""
    library = options.work / "adding-library"
    shutil.rmtree(library, ignore_errors=True)
    command = [options.clipdex.resolve(), "label", "add", "labels", f"builtin:{options.list}", "--quiet"]
    command += ["--template", "a photo of a {}.", "--senses", "off", "--precision", "f32"]
    command += ["--model", model, "--library", library]
    started = time.perf_counter()
    said = run(command, options.cores, CLIPDEX_CACHE=str(options.work / "clipdex-cache"))
    seconds = time.perf_counter() - started
    assert " added, 0 updated" in said, said
    return seconds


def arguments() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipdex-peers"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--clipdex", type=Path, required=True, help="the program clipdex")
    parser.add_argument("--work", type=Path, default=cache, help="where the model is made, as benches/peers/encode does")
    parser.add_argument("--list", default="imagenet-21k", help="built-in label list")
    parser.add_argument("--cores", type=int, nargs="+", default=sorted(os.sched_getaffinity(0)))
    parser.add_argument("--sample", type=int, default=512, help="texts that the peer embeds in a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.work = options.work.resolve()
    if options.peer:
        print(json.dumps(peer(options.peer, options.sample, options.list, len(options.cores))))
        return
    model = options.work / SHAPE
    subprocess.run([sys.executable, HERE.parent / "encode" / "shapes.py", SHAPE, model], check=True)
    texts = len(prompts(options.list))
    again = [sys.executable, __file__, "--clipdex", options.clipdex, "--peer", model, "--list", options.list]
    again += ["--sample", str(options.sample), "--cores", *map(str, options.cores)]
    rounds: list[dict[str, float]] = []
    version = ""
    for number in range(options.rounds):
        progress(f"round {number + 1} of {options.rounds}")
        before = json.loads(run(again, options.cores))
        seconds = add(options, model)
        after = json.loads(run(again, options.cores))
        version = before["version"]
        rate = (before["texts_a_second"] + after["texts_a_second"]) / 2
        rounds.append({"clipdex_seconds": seconds, "clipdex": texts / seconds, "onnxruntime": rate})
    progress("")
    clipdex, onnx = (median(times[engine] for times in rounds) for engine in ("clipdex", "onnxruntime"))
    ratio = median(times["clipdex"] / times["onnxruntime"] for times in rounds)
    host = {**machine(), "cores": options.cores, "onnxruntime": version}
    table = grid(
        [f"{options.list}: {texts:,} different texts, {len(options.cores)} cores, CLIP ViT-B/32 in f32", "texts a second", "times"],
        [
            [f"ONNX Runtime {version}, texts of {POSITIONS} tokens in batches of {BATCH}", f"{onnx:.1f}", "1.00"],
            ["`clipdex label add`, from its start to its end", f"{clipdex:.1f}", f"{ratio:.2f}"],
        ],
    )
    lines = [f"{host['processor']}, {host['date']}; medians of {len(rounds)} rounds, the ratio that of each round.", "", *table]
    (HERE / "results-adding.md").write_text("\n".join(lines).rstrip() + "\n")
    (HERE / "results-adding.json").write_text(json.dumps({"machine": host, "texts": texts, "rounds": rounds}) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
