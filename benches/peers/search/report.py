"""The table of a run: as JSON with every figure, as Markdown to read."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.reporting import grid, provisional, versions_markdown
from curves import speed_at
from goals import goal_rows
from lineup import REFERENCE
from sets import TITLES

if TYPE_CHECKING:
    from contest import Result
    from sets import SearchSet

RECALLS = (0.95, 0.99)


def speeds(result: Result, kind: str, recall: float) -> list[float]:
    """Queries a second at a recall, of each round; none where the curve does not reach it."""
    rounds = len(result.opened)
    found = [speed_at(result.points(kind, turn), recall) for turn in range(rounds)]
    return [speed for speed in found if speed is not None]


def at_recall(result: Result, ours: Result | None, kind: str, recall: float) -> dict[str, float]:
    """The engine's speed, and how many times as fast clipdex is, as medians over rounds."""
    theirs = speeds(result, kind, recall)
    if not theirs:
        return {}
    figures = {"speed": statistics.median(theirs)}
    if ours and (own := speeds(ours, kind, recall)):
        figures["times"] = statistics.median(fast / slow for fast, slow in zip(own, theirs, strict=True))
    return figures


def engine_results(result: Result, ours: Result | None, kinds: list[str]) -> dict[str, Any]:
    recalls = [0.0] if result.peer.scans else RECALLS
    at = {kind: {str(recall): at_recall(result, ours, kind, recall) for recall in recalls} for kind in kinds}
    return {
        "engine": result.engine,
        "scans": result.peer.scans,
        "build": vars(result.build),
        "open_seconds": statistics.median(result.opened),
        "resident": {key: statistics.median(each[key] for each in result.resident) for key in result.resident[0]},
        "waited": max(statistics.mean(result.waits), 0.0),
        "greatest_recall": {kind: max(spot.recall for spot in result.curves[kind]) for kind in kinds},
        "at": at,
        "curves": {kind: [vars(spot) for spot in result.curves[kind]] for kind in kinds},
    }


def set_results(
    measured: SearchSet, results: list[Result], versions: dict[str, str], notes: list[str]
) -> dict[str, Any]:
    """Everything about one set, in plain values."""
    by_name = {result.engine: result for result in results}
    engines = []
    for result in results:
        ours = by_name.get(f"{REFERENCE} scan" if result.peer.scans else REFERENCE)
        engines.append(engine_results(result, ours, measured.kinds))
    return {
        "set": measured.title,
        "vectors": len(measured.base),
        "queries": {kind: len(measured.queries(kind)) for kind in measured.kinds},
        "kinds": measured.kinds,
        "engines": engines,
        "versions": dict(sorted(versions.items())),
        "notes": list(dict.fromkeys(notes)),
    }


def figure(engine: dict[str, Any], kind: str, recall: float) -> str:
    at = engine["at"][kind][str(recall)]
    return f"{at['speed']:,.0f}" if at else f"– (stops at {engine['greatest_recall'][kind]:.3f})"


def speeds_markdown(results: dict[str, Any], engines: list[dict[str, Any]]) -> list[str]:
    places = [(kind, recall) for kind in results["kinds"] for recall in RECALLS]
    header = [f"{TITLES[kind]}, {recall}" for kind, recall in places]
    rows = []
    for engine in engines:
        cells = [figure(engine, kind, recall) for kind, recall in places]
        memory = f"{engine['resident']['all']:,.0f} ({engine['resident']['files']:,.0f})"
        build = f"{engine['build']['seconds']:.1f}"
        size = f"{engine['build']['bytes'] / 2**20:,.0f}"
        rows.append([engine["engine"], *cells, build, f"{engine['open_seconds'] * 1e3:.1f}", memory, size])
    lines = ["Queries a second at a recall@10:", ""]
    return lines + grid(["engine", *header, "build, s", "open and answer, ms", "resident, MiB", "files, MiB"], rows)


def ratios_markdown(results: dict[str, Any], engines: list[dict[str, Any]]) -> list[str]:
    ours = next((engine for engine in engines if engine["engine"] == REFERENCE), None)
    if ours is None:
        return []
    places = [(kind, recall) for kind in results["kinds"] for recall in RECALLS]
    rows = []
    for engine in engines:
        times = [engine["at"][kind][str(recall)].get("times") for kind, recall in places]
        build = ours["build"]["seconds"] / engine["build"]["seconds"]
        cells = [f"{value:.2f}" if value else "–" for value in times]
        if engine is not ours:
            rows.append([engine["engine"], *cells, f"{build:.2f}"])
    header = [f"{TITLES[kind]}, {recall}" for kind, recall in places]
    lines = ["How many times as fast clipdex is, in the median over rounds; and its build time over the other's:", ""]
    return lines + grid(["than", *header, "build time"], rows)


def scans_markdown(results: dict[str, Any], engines: list[dict[str, Any]]) -> list[str]:
    kinds = results["kinds"]
    rows = []
    for engine in engines:
        cells = [f"{1e3 / engine['at'][kind]['0.0']['speed']:.2f}" for kind in kinds]
        recalls = ", ".join(f"{engine['greatest_recall'][kind]:.4f}" for kind in kinds)
        rows.append([engine["engine"], *cells, recalls])
    lines = ["Exact scans, one query at a time, in milliseconds:", ""]
    return lines + grid(["engine", *[TITLES[kind] for kind in kinds], "recall"], rows)


def set_markdown(results: dict[str, Any], picture: str) -> list[str]:
    walks = [engine for engine in results["engines"] if not engine["scans"]]
    scans = [engine for engine in results["engines"] if engine["scans"]]
    lines = [f"## {results['set']}", "", f"![Queries a second over recall]({picture})", ""]
    if walks:
        lines += speeds_markdown(results, walks) + ratios_markdown(results, walks)
    if scans:
        lines += scans_markdown(results, scans)
    if goals := goal_rows(results):
        lines += ["What clipdex sets out to reach:", "", *grid(["", "wanted", "found"], goals)]
    apart = [
        f"{engine['engine']}: before building, {seconds:.1f} s for {what}."
        for engine in walks
        for what, seconds in engine["build"]["apart"].items()
    ]
    return [*lines, *[f"- {line}" for line in apart + results["notes"]], ""]


def write(out: Path, machine: dict[str, Any], sets: list[dict[str, Any]], pictures: list[str]) -> None:
    """Writes OUT.json and OUT.md."""
    out.with_suffix(".json").write_text(json.dumps({"machine": machine, "sets": sets}, separators=(",", ":")) + "\n")
    engines = [engine for results in sets for engine in results["engines"]]
    threads = max(engine["build"]["threads"] for engine in engines)
    lines = ["# Searches side by side", ""]
    lines += [
        f"{machine['date']}, {machine['processor']} ({', '.join(machine['extensions'])}), searches on one core (number "
        f"{machine['core']}) with one thread, building on {threads}. Medians over {machine['rounds']} rounds in which "
        "the engines took turns.",
        "",
    ]
    lines += provisional(max(max(engine["waited"], engine["build"]["waited"]) for engine in engines))
    for results, picture in zip(sets, pictures, strict=True):
        lines += set_markdown(results, picture)
    versions = {name: text for results in sets for name, text in results["versions"].items()}
    lines += versions_markdown(versions, machine)
    out.with_suffix(".md").write_text("\n".join(lines))
