#!/usr/bin/env python3
"""Measures clipdex's encoder and its peers on the same weights, inputs and core, in turns. README.md says how."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import report
from common.program import PeerError
from common.reporting import machine, progress
from contest import REFERENCE, Pace, measure_all
from flops import image_flops
from measures import image_measures, text_measures
from peer import Peer
from shapes import SHAPES

HERE = Path(__file__).resolve().parent
# The reference comes first: what it returns is what the others are checked against.
PEERS = [
    ("torch", "f32"),
    ("torch", "bf16"),
    ("onnxruntime", "f32"),
    ("onnxruntime", "int8"),
    ("openvino", "f32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
    ("faster-clip", "int8"),
]
CLIPDEX_PRECISIONS = ("f32", "bf16", "int8")


def participants(options: argparse.Namespace, directory: Path, notes: list[str]) -> list[Peer]:
    """All engines for the model in `directory`."""
    core, both = (options.core,), (options.core, options.second_core)
    engines = str(HERE / "engines.py")
    peers = [
        Peer([sys.executable, engines, name, p, str(directory)], core, name=name, precision=p) for name, p in PEERS
    ]
    if options.clipdex is None:
        notes.append("clipdex: its program was not given (--clipdex PATH)")
    elif not options.clipdex.exists():
        notes.append(f"clipdex: {options.clipdex.name} was not built")
    else:
        for precision in CLIPDEX_PRECISIONS:
            command = [str(options.clipdex.resolve()), str(directory), "--precision", precision]
            peers.append(Peer(command, core, name="clipdex", precision=precision, measures_peak=True))
            peers.append(Peer(command, both, name="clipdex", precision=precision))
    return peers


def start(peers: list[Peer], scratch: Path, notes: list[str]) -> tuple[list[Peer], dict[str, str]]:
    """Starts the engines: those that can take part, and which versions they are of."""
    ready, versions = [], {}
    for peer in peers:
        progress(f"starting {peer.title}")
        peer.start(scratch)
        try:
            versions.update(peer.ask({"op": "info"})["versions"])
            ready.append(peer)
        except PeerError as error:
            peer.close()
            if peer.title == REFERENCE:
                raise
            notes.append(f"{peer.title}: {error}")
    return ready, versions


def measure_shape(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Everything about one shape. Each tower is measured by fresh programs, so that memory holds one of them."""
    shape, directory = SHAPES[name], options.work / name
    subprocess.run([sys.executable, HERE / "shapes.py", name, directory], check=True)
    notes: list[str] = []
    peers = participants(options, directory, notes)
    pace = Pace(options.rounds, options.turn, options.patience)
    images, texts = image_measures(shape, options.work), text_measures(shape, options.labels)
    results, versions = [], {}
    for measures in (images, texts):
        ready, found = start(peers, options.work / "scratch", notes)
        versions |= found
        for measure in measures:
            able = ready if measure in images else [peer for peer in ready if len(peer.cores) == 1]
            results += measure_all(able, measure, pace, notes)
        for peer in ready:
            peer.close()
    return report.shape_results(shape.title, image_flops(directory), images + texts, results, versions, notes)


def arguments() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clipdex-peers"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), metavar="SHAPE", help="of b32, b16, l14 and s16")
    add("--clipdex", type=Path, help="encode_peer, built from tools/; without it the peers alone are measured")
    add("--work", type=Path, default=cache, help="where models are made and kept, 2 to 5 GB each")
    add("--out", type=Path, default=HERE / "results", help="the table is OUT.md and OUT.json")
    add("--core", type=int, default=1, help="that all are pinned to")
    add("--second-core", type=int, default=0, help="the other one where clipdex runs on two")
    add("--rounds", type=int, default=9, help="turns of each engine")
    add("--turn", type=float, default=0.5, help="seconds that a turn lasts where one repetition is shorter")
    add("--patience", type=float, default=40.0, help="seconds after which a slow engine has no more turns, but for two")
    add("--labels", type=int, default=256, help="how many of the 10,000 are embedded")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    about = {**machine(), "core": options.core, "rounds": options.rounds, "labels": options.labels}
    shapes = []
    try:
        for name in options.shapes:
            shapes.append(measure_shape(name, options))
            report.write(options.out, about, shapes)
    except PeerError as error:
        sys.exit(f"{REFERENCE}, which all are checked against, cannot run: {error}")
    progress("")
    print(options.out.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
