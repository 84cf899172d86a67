#!/usr/bin/env python3
"""Compares what clipdex answers with PyTorch's products and softmax of the same vectors, on labelled photographs."""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from reporting import grid, machine, progress  # noqa: E402

HERE = Path(__file__).resolve().parent
LISTS = ("imagenet-1k", "imagenet-21k", "wordnet-nouns")
# Labels of a photograph that are compared.
TOP = 5
# What may differ: shares of photographs, and probabilities.
ACCURACY, PROBABILITY = 0.005, 1e-4

# The likeliest labels of each file, likeliest first, with their probabilities.
Answers = dict[str, list[tuple[str, float]]]


class Clipdex:
    """The program with one library."""

    def __init__(self, program: Path, library: Path) -> None:
        self.program, self.library = program, library

    def lines(self, *arguments: str | Path) -> Iterator[str]:
        command = [self.program, *arguments, "--library", self.library]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            yield from process.stdout
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)

    def json(self, *arguments: str | Path) -> Any:
        return json.loads("".join(self.lines(*arguments)))

    def prepare(self, photos: Path) -> None:
        list(self.lines("index", photos))
        for name in LISTS:
            progress(f"adding {name}")
            list(self.lines("label", "add", name, f"builtin:{name}"))

    def vectors(self) -> tuple[dict[str, Any], dict[str, tuple[list[str], torch.Tensor]]]:
        """The vector of each file by its name, and of each bank its keys with their vectors, as the library has them."""
        photos: dict[str, Any] = {}
        banks: dict[str, tuple[list[str], list[torch.Tensor]]] = {name: ([], []) for name in LISTS}
        for line in self.lines("export"):
            row = json.loads(line)
            if row["space"] == "images":
                photos.update((file["path"], torch.tensor(row["vector"])) for file in row["files"])
            elif (name := row["space"].removeprefix("bank:")) in banks:
                keys, rows = banks[name]
                keys.append(row["key"])
                rows.append(torch.tensor(row["vector"]))
        return photos, {name: (keys, torch.stack(rows)) for name, (keys, rows) in banks.items()}

    def classify(self, name: str, files: list[str]) -> Answers:
        answer = self.json("classify", "--labels", name, "-k", str(TOP), "--temperature", "1", "--json", *files)
        return {image["path"]: pairs(image["predictions"]) for image in answer["images"]}

    def tag(self, name: str) -> Answers:
        options = ("--min-prob", "0", "--top", str(TOP), "--temperature", "1", "--export", "jsonl")
        rows = map(json.loads, self.lines("tag", "--labels", name, *options))
        return {row["path"]: pairs(row["tags"]) for row in rows}


def pairs(labels: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(label["id"], label["probability"]) for label in labels]


def reference(photos: dict[str, torch.Tensor], keys: list[str], rows: torch.Tensor, scale: float) -> Answers:
    """PyTorch's answers: a product in f32 and a softmax in f64, over all labels."""
    cosines = torch.stack(list(photos.values())) @ rows.T
    probabilities, places = torch.softmax(scale * cosines.double(), dim=1).topk(TOP, dim=1)
    answers = zip(places.tolist(), probabilities.tolist(), strict=True)
    named = ([(keys[place], probability) for place, probability in zip(*answer, strict=True)] for answer in answers)
    return dict(zip(photos, named, strict=True))


def accuracy(answers: Answers, first: int) -> float:
    """The share of photographs whose synset, with which the file's name begins, is among the first labels."""
    right = sum(Path(file).name.split("_")[0] in dict(labels[:first]) for file, labels in answers.items())
    return right / len(answers)


def compare(answers: Answers, expected: Answers) -> dict[str, float]:
    """How far answers are from those that are expected."""
    assert answers.keys() == expected.keys(), "photographs without an answer"
    differences = [
        abs(p - q) for file in answers for (_, p), (_, q) in zip(answers[file], expected[file], strict=True)
    ]
    return {
        "top1": accuracy(answers, 1),
        "top5": accuracy(answers, TOP),
        "other_labels": sum([key for key, _ in answers[file]] != [key for key, _ in expected[file]] for file in answers),
        "greatest_difference": max(differences),
    }


def logit_scale(clipdex: Clipdex) -> float:
    model = json.loads("".join(clipdex.lines("models", "info", "starter", "--json")))
    return float(model["logit_scale"])


def report(host: dict[str, Any], results: dict[str, dict[str, dict[str, float]]], photos: int) -> list[str]:
    header = ["", "top-1", "top-5", "photographs with other labels or another order", "greatest difference of a probability"]
    lines = [f"{photos} photographs, the built-in encoder, {host['processor']}, {host['date']}.", ""]
    for name, engines in results.items():
        rows = [
            [
                engine,
                f"{row['top1']:.4f}",
                f"{row['top5']:.4f}",
                str(int(row["other_labels"])),
                f"{row['greatest_difference']:.1e}",
            ]
            for engine, row in engines.items()
        ]
        lines += [f"`{name}`:", "", *grid(header, rows)]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path, help="where the library is made, and found again")
    parser.add_argument("photos", type=Path, help="photographs whose names begin with their synset, as n02124075_cat.jpg")
    parser.add_argument("--clipdex", type=Path, required=True, help="the program clipdex")
    arguments = parser.parse_args()
    clipdex = Clipdex(arguments.clipdex.resolve(), arguments.library)
    clipdex.prepare(arguments.photos)
    progress("exporting")
    photos, banks = clipdex.vectors()
    photos = {file: vector for file, vector in sorted(photos.items()) if re.match(r"n\d{8}_", Path(file).name)}
    scale = logit_scale(clipdex)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name, (keys, rows) in banks.items():
        progress(name)
        expected = reference(photos, keys, rows, scale)
        tagged = {file: tags for file, tags in clipdex.tag(name).items() if file in photos}
        results[name] = {
            "PyTorch": compare(expected, expected),
            "clipdex classify": compare(clipdex.classify(name, list(photos)), expected),
            "clipdex tag": compare(tagged, expected),
        }
    progress("")
    host = {**machine(), "torch": torch.__version__}
    lines = report(host, results, len(photos))
    (HERE / "results-parity.md").write_text("\n".join(lines).rstrip() + "\n")
    (HERE / "results-parity.json").write_text(json.dumps({"machine": host, "photos": len(photos), "lists": results}) + "\n")
    print("\n".join(lines))
    for name, engines in results.items():
        for engine, row in engines.items():
            far = [part for part in ("top1", "top5") if abs(row[part] - engines["PyTorch"][part]) > ACCURACY]
            if far or row["greatest_difference"] > PROBABILITY:
                sys.exit(f"{engine} over {name} is not what PyTorch says")


if __name__ == "__main__":
    main()
