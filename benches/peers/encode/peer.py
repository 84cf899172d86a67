"""A program that speaks the protocol of README.md, pinned to its cores."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SINGLE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


class PeerError(Exception):
    """An answer that says why there is no result, or no answer at all."""


@dataclass
class Answer:
    """Seconds of each repetition, unit vectors of the last one, and how long the program stood in line for its core."""

    seconds: list[float]
    vectors: np.ndarray
    waited: float


@dataclass
class Peer:
    """How to start an engine, and the running program once `ask` was called."""

    name: str
    precision: str
    command: list[str]
    cores: tuple[int, ...]
    measures_peak: bool = False
    process: subprocess.Popen[str] | None = None
    scratch: Path = Path()

    @property
    def title(self) -> str:
        cores = f", {len(self.cores)} cores" if len(self.cores) > 1 else ""
        return f"{self.name} {self.precision}{cores}"

    def start(self, scratch: Path) -> None:
        self.scratch = scratch / self.title.replace(" ", "-").replace(",", "")
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.scratch,
            env={**os.environ, **{variable: str(len(self.cores)) for variable in SINGLE_THREAD}},
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores),
        )

    def close(self) -> None:
        if self.process:
            self.process.communicate()
        self.process = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and returns the answer."""
        assert self.process and self.process.stdin and self.process.stdout
        if len(self.cores) > 1:
            request = {**request, "threads": len(self.cores)}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"the program ended with status {self.process.wait()}; what it printed says why")
        try:
            answer = json.loads(line)
        except json.JSONDecodeError as error:
            raise PeerError(f"its answer is no JSON: {line.strip()[:80]}") from error
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def embed(self, request: dict[str, Any]) -> Answer:
        """Sends a request for vectors, and reads and checks them."""
        before = self.waited()
        answer = self.ask(request)
        waited = self.waited() - before
        vectors = np.fromfile(self.scratch / answer["file"], "<f4").reshape(answer["shape"])
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
            raise PeerError("its vectors are not of unit length")
        if len(answer["seconds"]) != request["repeat"]:
            raise PeerError(f"asked for {request['repeat']} repetitions, it timed {len(answer['seconds'])}")
        return Answer(answer["seconds"], vectors, waited)

    def waited(self) -> float:
        """Seconds that the program's threads were ready to run while their core ran another's."""
        assert self.process
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9
