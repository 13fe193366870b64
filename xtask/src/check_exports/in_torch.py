"""PyTorch reads a TorchScript file of xfer's: python in_torch.py MODEL.pt PHOTOS..., paths one a line on stdin.

Prints one JSON document: versions, and the probabilities of every photo in order. Knows nothing of the model but what
the file says of itself.
"""

import json
import sys

import numpy as np
import torch
from PIL import Image

extra = {"xfer.json": ""}
model = torch.jit.load(sys.argv[1], _extra_files=extra)
about = json.loads(extra["xfer.json"])
size = (about["input"]["width"], about["input"]["height"])
resampling = Image.Resampling[about["input"]["interpolation"].upper()]


def read(path):
    image = Image.open(path).convert("RGB")
    # As Keras: an image that has the size is not resampled.
    return np.asarray(image if image.size == size else image.resize(size, resampling))


paths = sys.stdin.read().splitlines()
with torch.inference_mode():
    batches = [paths[start : start + 7] for start in range(0, len(paths), 7)]
    made = [model(torch.from_numpy(np.stack([read(path) for path in batch]))) for batch in batches]
probabilities = torch.cat(made)
print(json.dumps({
    "versions": f"torch {torch.__version__}",
    "classes": about["classes"],
    "probabilities": probabilities.tolist(),
}))
