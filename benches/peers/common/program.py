"""A program that answers lines of JSON with lines of JSON, pinned to its cores."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


class PeerError(Exception):
    """An answer that says why there is no result, or no answer at all."""


@dataclass
class Program:
    """How to start an engine, and the running program once `start` was called."""

    command: list[str]
    cores: tuple[int, ...]
    process: subprocess.Popen[str] | None = None
    directory: Path = Path()

    def start(self, directory: Path) -> None:
        """Starts it in this directory, which is made where it is missing."""
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=directory,
            env={**os.environ, **{variable: str(len(self.cores)) for variable in THREAD_LIMITS}},
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

    def ask_timed(self, request: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """The answer, and how long the program stood in line for its cores meanwhile."""
        before = self.waited()
        answer = self.ask(request)
        return answer, self.waited() - before

    def waited(self) -> float:
        """Seconds that the program's threads were ready to run while their core ran another's."""
        assert self.process
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9
