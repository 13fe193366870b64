#!/usr/bin/env python3
"""Makes the golden files beside this script: what Keras' fit() does to a Dense softmax head on given features.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 safetensors
    python make_golden.py

Features, initial kernel and labels follow from integer formulas that the Rust test repeats exactly, so a golden
file holds results only: the running loss and accuracy after every step, the history, and the weights at the end.
"""
import json, os, pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent


def draw(count, salt):
    """f32 in [0, 1) with 16 significant bits, exact in both languages."""
    i = np.arange(count, dtype=np.uint64) + np.uint64(salt) * np.uint64(1_000_003)
    x = (i * np.uint64(2_654_435_761)) & np.uint64(0xFFFF_FFFF)
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(2_246_822_519)) & np.uint64(0xFFFF_FFFF)
    return ((x >> np.uint64(16)).astype(np.float32)) / np.float32(65536)


def features(rows, length, salt):
    return draw(rows * length, salt).reshape(rows, length)


def labels(rows, classes):
    return np.array([(7 * i + i // 3) % classes for i in range(rows)])


def case(name, length, classes, rows, batch, validation_rows, validation_batch, epochs, learning_rate):
    kernel = (draw(length * classes, 9) - np.float32(0.5)) * np.float32(0.125)
    head = keras.layers.Dense(classes, activation="softmax")
    model = keras.Sequential([keras.Input((length,)), head])
    head.set_weights([kernel.reshape(length, classes), np.zeros(classes, np.float32)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="categorical_crossentropy", metrics=["accuracy"])
    one_hot = np.eye(classes, dtype=np.float32)
    steps = []

    class Steps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append({k: float(v) for k, v in logs.items()})

    csv = HERE / f"{name}.csv"
    history = model.fit(
        features(rows, length, 1), one_hot[labels(rows, classes)], batch_size=batch, shuffle=False, epochs=epochs,
        validation_data=(features(validation_rows, length, 2), one_hot[labels(validation_rows, classes)]),
        validation_batch_size=validation_batch, verbose=0, callbacks=[Steps(), keras.callbacks.CSVLogger(csv)])
    k, b = head.get_weights()
    save_file({"kernel": k, "bias": b}, HERE / f"{name}.safetensors")
    plan = dict(features=length, classes=classes, rows=rows, batch=batch, validation_rows=validation_rows,
                validation_batch=validation_batch, epochs=epochs, learning_rate=learning_rate)
    (HERE / f"{name}.json").write_text(json.dumps({"plan": plan, "steps": steps, "history": history.history}, indent=1) + "\n")
    print(name, history.history)


if __name__ == "__main__":
    print("keras", keras.__version__, "on", keras.backend.backend())
    case("notebook", length=2048, classes=2, rows=72, batch=12, validation_rows=20, validation_batch=20, epochs=3, learning_rate=0.01)
    case("partial", length=48, classes=5, rows=22, batch=8, validation_rows=13, validation_batch=6, epochs=4, learning_rate=0.1)
