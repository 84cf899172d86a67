"""Who takes part, and with which settings: from careless to thorough."""

import argparse
import sys
from pathlib import Path

from peer import Peer, Setting

HERE = Path(__file__).resolve().parent
REFERENCE = "clipdex"
BEAMS: list[Setting] = [
    {"ef": ef} for ef in (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 896, 1_280, 1_792, 2_560)
]
PARTITIONS = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
# Partitions that are looked through, and how many candidates are then compared exactly.
PROBES: list[Setting] = [{"lists": lists} for lists in PARTITIONS]
PROBES_REORDERED: list[Setting] = [
    {"lists": lists, "reorder": reorder} for lists in PARTITIONS for reorder in (30, 60, 120, 250)
]
BEAMS_REORDERED: list[Setting] = [{**beam, "reorder": 40} for beam in BEAMS]
# Names in tables, engines of engines.py, and settings.
PEERS: list[tuple[str, str, list[Setting]]] = [
    ("hnswlib", "hnswlib", BEAMS),
    ("faiss HNSW", "faiss-hnsw", BEAMS),
    ("faiss HNSW SQ8", "faiss-hnsw-sq8", BEAMS),
    ("faiss HNSW SQ8 refined", "faiss-hnsw-sq8-refined", BEAMS_REORDERED),
    ("faiss IVF", "faiss-ivf", PROBES),
    ("faiss IVF PQ refined", "faiss-ivf-pq", PROBES_REORDERED),
    ("usearch f32", "usearch-f32", BEAMS),
    ("usearch i8", "usearch-i8", BEAMS),
    ("glass SQ8", "glass", BEAMS),
    ("SVS", "svs", BEAMS),
    ("SVS LVQ8", "svs-lvq", BEAMS),
    ("ScaNN", "scann", PROBES_REORDERED),
]
SCAN = ("faiss flat", "faiss-flat")


def lineup(options: argparse.Namespace, cores: tuple[int, ...], notes: list[str]) -> list[Peer]:
    """All engines that were asked for, on these cores. What is not there is noted."""
    peers = []
    for name, engine, settings in PEERS:
        python = options.glass_python if engine == "glass" and options.glass_python else sys.executable
        peers.append(Peer(python_command(python, engine), cores, name=name, settings=settings))
    peers.append(Peer(python_command(sys.executable, SCAN[1]), cores, name=SCAN[0], settings=[{}], scans=True))
    for name, program, option in [("hnsw_rs", options.hnsw_rs, "--hnsw-rs"), (REFERENCE, options.clipdex, "--clipdex")]:
        if program is None or not program.exists():
            notes.append(f"{name}: its program was not given ({option} PATH), or not built")
            continue
        command = [str(program.resolve())]
        peers.append(Peer(command, cores, name=name, settings=BEAMS))
        if name == REFERENCE:
            scan = Peer([*command, "--exact"], cores, name=f"{name} scan", settings=[{}], scans=True, index_of=name)
            peers.append(scan)
    return [peer for peer in peers if not options.engines or peer.name in options.engines]


def python_command(python: str | Path, engine: str) -> list[str]:
    return [str(python), str(HERE / "engines.py"), engine]
