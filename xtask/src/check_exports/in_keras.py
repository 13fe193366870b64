"""Keras reads weights of xfer's: python in_keras.py MODEL.weights.h5 JOB.json, paths one a line on stdin.

The job says backbone, outputs, activation and size. Prints one JSON document: versions, and the probabilities of every
photo in order.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np

job = json.load(open(sys.argv[2]))
application, build = {
    "resnet50": (keras.applications.resnet50, keras.applications.ResNet50),
    "xception": (keras.applications.xception, keras.applications.Xception),
}[job["backbone"]]

model = keras.Sequential([
    build(include_top=False, pooling="avg", weights=None),
    keras.layers.Dense(job["outputs"], activation=job["activation"]),
])
model.layers[0].trainable = False
model.load_weights(sys.argv[1])


def read(path):
    image = keras.utils.load_img(path, target_size=job["image_size"], interpolation=job["interpolation"])
    return keras.utils.img_to_array(image)


images = np.stack([read(path) for path in sys.stdin.read().splitlines()])
probabilities = model.predict(application.preprocess_input(images), batch_size=7, verbose=0)
print(json.dumps({"versions": f"keras {keras.__version__}", "probabilities": probabilities.tolist()}))
