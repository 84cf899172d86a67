"""What clipdex sets out to reach beside its peers, and what a run found."""

from typing import Any

from sets import TITLES

GRAPHS_AND_LISTS = (
    "hnswlib",
    "faiss HNSW",
    "faiss HNSW SQ8",
    "faiss HNSW SQ8 refined",
    "faiss IVF",
    "faiss IVF PQ refined",
    "usearch f32",
    "usearch i8",
    "glass SQ8",
    "SVS",
    "SVS LVQ8",
)
# Against whom, the kind of query, and how many times as fast as the fastest of them.
SPEEDS: list[tuple[str, tuple[str, ...], str, float]] = [
    ("hnswlib", ("hnswlib",), "image", 2.5),
    ("hnswlib", ("hnswlib",), "text", 5.0),
    ("ScaNN", ("ScaNN",), "text", 1.2),
    ("the best without ScaNN", GRAPHS_AND_LISTS, "text", 4.0),
    ("the best of all", (*GRAPHS_AND_LISTS, "ScaNN"), "image", 1.4),
    ("hnsw_rs", ("hnsw_rs",), "image", 10.0),
    ("hnsw_rs", ("hnsw_rs",), "text", 10.0),
]
BUILD_TIMES = 1.2
# Of 100,000 vectors.
OPEN_SECONDS = 0.005
SCAN_SHARE = 0.25
# MiB, of a million vectors.
RESIDENT = 1_144
MANY = 1_000_000


def goal_rows(results: dict[str, Any]) -> list[list[str]]:
    """Goal, bound and figure; only of sets with images and texts, and as far as the engines took part."""
    engines = {engine["engine"]: engine for engine in results["engines"]}
    ours = engines.get("clipdex")
    if ours is None or "text" not in results["kinds"]:
        return []
    rows = [row for goal in SPEEDS for row in speed_rows(engines, *goal)]
    if hnswlib := engines.get("hnswlib"):
        share = ours["build"]["seconds"] / hnswlib["build"]["seconds"]
        rows.append(["build time over hnswlib's", f"at most {BUILD_TIMES}", f"{share:.2f}"])
    if results["vectors"] >= MANY:
        rows.append(["resident memory", f"under {RESIDENT:,} MiB", f"{ours['resident']['all']:,.0f} MiB"])
        return rows
    bound = f"under {OPEN_SECONDS * 1e3:.0f} ms"
    rows.append(["opening and the first answer", bound, f"{ours['open_seconds'] * 1e3:.1f} ms"])
    scans = engines.get("clipdex scan"), engines.get("faiss flat")
    if scans[0] and scans[1]:
        share = scans[1]["at"]["text"]["0.0"]["speed"] / scans[0]["at"]["text"]["0.0"]["speed"]
        rows.append(["exact scan's time over faiss's", f"at most {SCAN_SHARE}", f"{share:.2f}"])
    return rows


def speed_rows(engines: dict[str, Any], whom: str, names: tuple[str, ...], kind: str, wanted: float) -> list[list[str]]:
    present = [engines[name] for name in names if name in engines]
    rows = []
    for recall in ("0.95", "0.99"):
        times = [engine["at"][kind][recall]["times"] for engine in present if "times" in engine["at"][kind][recall]]
        if times:
            title = f"times as fast as {whom}, {TITLES[kind]}, at {recall}"
            rows.append([title, f"at least {wanted}", f"{min(times):.2f}"])
    return rows
