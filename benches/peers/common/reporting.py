"""What the tables of all runs have in common."""

import platform
import sys
import time
from pathlib import Path
from typing import Any

# More than this share of time spent in line for the core, and a figure says nothing about the engine.
DISTURBED = 0.02


def progress(text: str) -> None:
    """A line on a terminal that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """When and where it was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    wanted = ("avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": next(
            (line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine()
        ),
        "extensions": [flag for flag in wanted if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def grid(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def provisional(waited: float) -> list[str]:
    """The mark of a disturbed run; `waited` is the greatest share of its time that an engine stood in line."""
    if waited <= DISTURBED:
        return []
    return [f"**Provisional**: the core was shared, engines stood in line for it up to {waited:.0%} of their time.", ""]


def versions_markdown(versions: dict[str, str], machine: dict[str, Any]) -> list[str]:
    lines = ["## Versions", "", *[f"- {name} {text}" for name, text in sorted(versions.items())]]
    return [*lines, f"- Python {machine['python']}, {machine['system']}", ""]
