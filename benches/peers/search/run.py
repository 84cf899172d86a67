#!/usr/bin/env python3
"""Measures clipdex's search and its peers on the same vectors, queries and core, in turns. README.md says how."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import plot
import report
from common.reporting import machine, progress
from contest import Pace, measure_all, prepare
from lineup import lineup
from sets import SearchSet

HERE = Path(__file__).resolve().parent


def measure_set(directory: Path, options: argparse.Namespace) -> dict[str, Any] | None:
    """Everything about one set; nothing where indexes are only built."""
    measured, work = SearchSet(directory.resolve()), options.work / directory.name
    notes: list[str] = []
    peers = lineup(options, (options.core,), notes)
    both = (options.core, options.second_core)
    results, versions = prepare(peers, both, measured, work, options.rebuild, notes)
    if options.build_only:
        return None
    results = measure_all(results, measured, work, Pace(options.rounds, options.patience), notes)
    if not results:
        sys.exit("no engine could take part: " + "; ".join(notes))
    return report.set_results(measured, results, versions, notes)


def arguments() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipdex-peers" / "search"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("sets", nargs="+", type=Path, metavar="SET", help="directories that a generator of vectors wrote")
    add("--clipdex", type=Path, help="search_peer, built from tools/")
    add("--hnsw-rs", type=Path, help="hnsw_rs-peer, built from hnsw_rs/ here")
    add("--glass-python", type=Path, help="a Python that has glassppy, if this one does not")
    add("--engines", nargs="+", metavar="NAME", help="only these, as the table calls them")
    add("--rebuild", nargs="+", default=[], metavar="NAME", help="whose indexes of earlier runs are not used")
    add("--build-only", action="store_true", help="build the indexes, and measure nothing else")
    add("--work", type=Path, default=cache, help="where indexes are built and kept")
    add("--out", type=Path, default=HERE / "results", help="the table is OUT.md and OUT.json, with OUT-SET.png")
    add("--core", type=int, default=1, help="that all are pinned to")
    add("--second-core", type=int, default=0, help="the other one where indexes are built")
    add("--rounds", type=int, default=3, help="turns of each engine")
    add("--patience", type=float, default=20.0, help="seconds for all queries after which a curve ends")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.work = options.work.resolve()
    about = {**machine(), "core": options.core, "rounds": options.rounds}
    sets, pictures = [], []
    for directory in options.sets:
        results = measure_set(directory, options)
        if results is None:
            continue
        sets.append(results)
        picture = options.out.with_name(f"{options.out.name}-{directory.name}.png")
        plot.draw(results, picture)
        pictures.append(picture.name)
        report.write(options.out, about, sets, pictures)
    progress("")
    if sets:
        print(options.out.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
