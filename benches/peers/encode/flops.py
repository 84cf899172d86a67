"""How many floating-point operations an image takes.

A multiplication and an addition count as two. With d the width, f the width inside the MLP, p the patch's side, n the
number of patches, t the positions of the sequence and e the width of the result, matrix products alone:

    patches     2·n·3p²·d
    each layer  2·t·(4d² + 2df) + 4·t²·d        projections and MLP; queries with keys, weights with values
    CLIP        2·d·e                           with t = n + 1
    SigLIP      4·t·d² + 4·d² + 4·t·d + 4·df    pooling by one query's attention and an MLP, with t = n

Norms, activations and softmax are left out, as is usual: they are under 1% of it.
"""

import json
from pathlib import Path


def image_flops(directory: Path) -> int:
    """Operations of the image tower for one image, from the model's config.json."""
    config = json.loads((directory / "config.json").read_text())
    vision = config["vision_config"]
    d, f, p = vision["hidden_size"], vision["intermediate_size"], vision["patch_size"]
    n = (vision["image_size"] // p) ** 2
    clip = config["model_type"] == "clip"
    t = n + 1 if clip else n
    patches = 2 * n * 3 * p**2 * d
    layers = vision["num_hidden_layers"] * (2 * t * (4 * d**2 + 2 * d * f) + 4 * t**2 * d)
    head = 2 * d * config["projection_dim"] if clip else 4 * t * d**2 + 4 * d**2 + 4 * t * d + 4 * d * f
    return patches + layers + head
