"""The table of a run: as JSON with every figure, as Markdown to read."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.reporting import grid, provisional, versions_markdown

if TYPE_CHECKING:
    from contest import Result
    from measures import Measure


def rival(engine: str, engines: set[str]) -> str:
    """Whom an engine is compared with: clipdex at its precision, else clipdex f32, else torch f32."""
    precision = engine.split()[1].rstrip(",")
    return next((name for name in (f"clipdex {precision}", "clipdex f32") if name in engines), "torch f32")


def times_as_fast(ours: Result, theirs: Result) -> float:
    """The median over rounds, where both met the same state of the machine."""
    pairs = zip(ours.turn_medians(), theirs.turn_medians(), strict=False)  # a slow engine has fewer
    return statistics.median(their_seconds / our_seconds for our_seconds, their_seconds in pairs)


def shape_results(
    title: str,
    image_flops: int,
    measures: list[Measure],
    results: list[Result],
    versions: dict[str, str],
    notes: list[str],
) -> dict[str, Any]:
    """Everything about one shape, in plain values."""
    found = {(result.engine, result.measure.key): result for result in results}
    engines = {engine for engine, _ in found}
    rows = []
    for result in results:
        measure, seconds = result.measure, result.seconds()
        row: dict[str, Any] = {
            "engine": result.engine,
            "measure": measure.key,
            "value": measure.value(seconds),
            "seconds": [[round(second, 7) for second in turn] for turn in result.turns],
            "cosine": result.cosine,
            "waited": result.waited(),
            "compared_with": rival(result.engine, engines),
        }
        if ours := found.get((row["compared_with"], measure.key)):
            row["times_as_fast"] = times_as_fast(ours, result)
        if measure.key == "images":
            row["gflops"] = image_flops * measure.value(seconds) / 1e9
        if result.peaks:
            row["peak_gflops"] = statistics.median(result.peaks)
        rows.append(row)
    return {
        "shape": title,
        "image_flops": image_flops,
        "measures": {measure.key: measure.title for measure in measures},
        "results": rows,
        "versions": dict(sorted(versions.items())),
        "notes": list(dict.fromkeys(notes)),
    }


def cell(row: dict[str, Any] | None, key: str, digits: int) -> str:
    return f"{row[key]:.{digits}f}" if row and row.get(key) is not None else "–"


def shape_markdown(shape: dict[str, Any]) -> list[str]:
    measures, rows = shape["measures"], shape["results"]
    found = {(row["engine"], row["measure"]): row for row in rows}
    peak = max((row.get("peak_gflops", 0.0) for row in rows), default=0.0)
    values, ratios, scaling = [], [], []
    for engine in dict.fromkeys(row["engine"] for row in rows):
        mine = [found.get((engine, key)) for key in measures]
        images, text = found.get((engine, "images")), found.get((engine, "full"))
        other = next(row["compared_with"] for row in mine if row)
        if engine.endswith(" cores"):
            times = 1 / images["times_as_fast"] if images else 0.0
            scaling.append(f"{engine}: {times:.2f} times as many images a second as {other} on one.")
            continue
        share = f"{images['gflops'] / peak:.0%}" if images and peak and engine.endswith(" f32") else "–"
        speeds = [*[cell(row, "value", 2) for row in mine], cell(images, "gflops", 1), share]
        values.append([engine, *speeds, cell(images, "cosine", 5), cell(text, "cosine", 5)])
        if engine != other:
            ratios.append([engine, other, *[cell(row, "times_as_fast", 2) for row in mine]])
    titles = list(measures.values())
    lines = [f"## {shape['shape']}", ""]
    lines += grid(["engine", *titles, "GFLOP/s", "of peak", "cosine, images", "cosine, text"], values)
    lines += ["How many times as fast the second is as the first, in the median over rounds:", ""]
    lines += grid(["first", "second", *titles], ratios)
    lines += [f"- An image takes {shape['image_flops'] / 1e9:.2f} GFLOP."]
    lines += [f"- The core's measured peak is {peak:.1f} GFLOP/s in f32."] if peak else []
    lines += [f"- {line}" for line in scaling + shape["notes"]]
    return [*lines, ""]


def write(out: Path, machine: dict[str, Any], shapes: list[dict[str, Any]]) -> None:
    """Writes OUT.json and OUT.md."""
    out.with_suffix(".json").write_text(
        json.dumps({"machine": machine, "shapes": shapes}, separators=(",", ":")) + "\n"
    )
    versions = {name: text for shape in shapes for name, text in shape["versions"].items()}
    waited = max(row["waited"] for shape in shapes for row in shape["results"])
    lines = ["# Encoders side by side", ""]
    lines += [
        f"{machine['date']}, {machine['processor']} ({', '.join(machine['extensions'])}), one core (number "
        f"{machine['core']}), one thread. Medians over {machine['rounds']} rounds in which the engines took turns; "
        f"rates are better high, times better low. Labels: {machine['labels']} of 10,000, each at its own length. "
        "Weights are random: speed does not depend on them, the cosines (the least to torch f32) of bf16 and int8 do.",
        "",
    ]
    lines += provisional(waited)
    for shape in shapes:
        lines += shape_markdown(shape)
    lines += versions_markdown(versions, machine)
    out.with_suffix(".md").write_text("\n".join(lines))
