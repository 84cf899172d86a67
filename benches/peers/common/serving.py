"""What every engine's program does: it answers lines of JSON, and says which versions it is of."""

import importlib.metadata
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, TypeVar

Engine = TypeVar("Engine")


class Unavailable(Exception):
    """Says why an engine cannot take part here."""


def processor_has(*flags: str) -> bool:
    """Whether the processor has any of these extensions, as /proc/cpuinfo names them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    present = next((line for line in lines if line.startswith("flags")), "").split()
    return any(flag in present for flag in flags)


def version(package: str) -> str:
    """Version and licence of an installed package."""
    try:
        about = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    licences = [line.split(" :: ")[-1] for line in about.get_all("Classifier") or [] if line.startswith("License :: ")]
    licence = about.get("License-Expression") or ", ".join(licences) or (about.get("License") or "?").splitlines()[0]
    return f"{about['Version']} ({licence})"


def answers_alone() -> TextIO:
    """Where answers go. What an engine prints goes to standard error, so that it does not come between them."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def serve(
    make_engine: Callable[[], Engine], answers: TextIO, respond: Callable[[Engine, dict[str, Any]], dict[str, Any]]
) -> None:
    """Answers each line of stdin with a line; a failure is an answer too."""
    engine = None
    for line in sys.stdin:
        try:
            engine = engine or make_engine()
            reply = respond(engine, json.loads(line))
        except ImportError as error:
            reply = {"error": f"not installed: {error}"}
        except Exception as error:  # whatever a peer raises, the others go on
            reply = {"error": str(error) or repr(error)}
        print(json.dumps(reply), file=answers, flush=True)
