#!/usr/bin/env python3
"""Makes steps.json beside this script: loss and accuracy of 50 of Keras' own train_on_batch, for each optimizer,
schedule and option.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1
    python make.py [FEATURES OUT]

Features, targets, weights, initial parameters, batches and dropped values follow from integer formulas that the Rust
test repeats exactly. With FEATURES it does the same for longer feature vectors, for a check by hand.
"""
import json, os, pathlib, sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras
import numpy as np

ROWS, BATCH, STEPS = 64, 16, 50
FEATURES = int(sys.argv[1]) if len(sys.argv) > 1 else 32
# Keeps longer vectors as long as those of 32; exact where FEATURES is 32 times a power of 4.
SCALE = np.float32((32 / FEATURES) ** 0.5)
OUT = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "steps.json"


def draw(count, salt):
    """f32 in [0, 1) with 16 significant bits, exact in both languages."""
    i = np.arange(count, dtype=np.uint64) + np.uint64(salt) * np.uint64(1_000_003)
    x = (i * np.uint64(2_654_435_761)) & np.uint64(0xFFFF_FFFF)
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(2_246_822_519)) & np.uint64(0xFFFF_FFFF)
    return ((x >> np.uint64(16)).astype(np.float32)) / np.float32(65536)


def rows_of(step):
    return [(7 * (step * BATCH + i) + 3 * step) % ROWS for i in range(BATCH)]


def chacha8(seed, step, stream, count):
    """The first `count` words of ChaCha8 with key (seed, step) and this stream."""
    blocks = -(-count // 16)
    word = lambda v: np.full(blocks, v & 0xFFFF_FFFF, np.uint32)
    stream = int.from_bytes(stream, "little")
    counter = np.arange(blocks, dtype=np.uint64)
    state = [word(v) for v in (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)]
    state += [word(v) for v in (seed, seed >> 32, step, step >> 32, 0, 0, 0, 0)]
    state += [counter.astype(np.uint32), (counter >> np.uint64(32)).astype(np.uint32), word(stream), word(stream >> 32)]
    x = list(state)
    turn = lambda v, n: (v << np.uint32(n)) | (v >> np.uint32(32 - n))

    def quarter(a, b, c, d):
        x[a] = x[a] + x[b]; x[d] = turn(x[d] ^ x[a], 16)
        x[c] = x[c] + x[d]; x[b] = turn(x[b] ^ x[c], 12)
        x[a] = x[a] + x[b]; x[d] = turn(x[d] ^ x[a], 8)
        x[c] = x[c] + x[d]; x[b] = turn(x[b] ^ x[c], 7)

    for _ in range(4):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                  (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)
    return np.stack([a + b for a, b in zip(x, state)], axis=1).reshape(-1)[:count]


class Factors(keras.layers.Layer):
    """Dropout whose factors are given."""

    def build(self, shape):
        self.factors = self.add_weight(shape=(BATCH, shape[-1]), trainable=False, name="factors")

    def call(self, x, training=False):
        return x * self.factors if training else x


def schedule(s):
    s = dict(s)
    kind, k = s.pop("kind"), keras.optimizers.schedules
    if kind == "constant":
        return s["learning_rate"]
    initial = s.pop("initial", None)
    if kind == "exponential":
        return k.ExponentialDecay(initial, **s)
    if kind == "piecewise":
        return k.PiecewiseConstantDecay(**s)
    if kind == "polynomial":
        return k.PolynomialDecay(initial, s["decay_steps"], s["end"], s["power"], s.get("cycle", False))
    if kind == "inverse_time":
        return k.InverseTimeDecay(initial, **s)
    if kind == "cosine":
        warmup = s.pop("warmup", None) or {}
        return k.CosineDecay(initial, **s, **{f"warmup_{name}": value for name, value in warmup.items()})
    return k.CosineDecayRestarts(initial, **s)


def optimizer(c):
    (rule, own), options = next(iter(c["rule"].items())), c["options"]
    shared = {"weight_decay": options["weight_decay"]} if "weight_decay" in options else {}
    for name, value in options.get("clip", {}).items():
        shared[{"norm": "clipnorm", "global_norm": "global_clipnorm", "value": "clipvalue"}[name]] = value
    if ema := options.get("ema"):
        shared |= dict(use_ema=True, ema_momentum=ema["momentum"], ema_overwrite_frequency=ema.get("overwrite_every"))
    made = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.AdamW if rule == "adam" and shared.get("weight_decay") else keras.optimizers.Adam}[rule]
    return made(schedule(options["learning_rate"]), **own, **shared)


def targets(row, sparse):
    outputs, classes = row["outputs"], np.array([(7 * i + i // 3) % row["classes"] for i in range(ROWS)])
    if row["labels"]:
        return (draw(ROWS * outputs, 4).reshape(ROWS, outputs) > 0.6).astype(np.float32)
    if row["activation"] == "sigmoid":
        return classes.astype(np.float32)[:, None]
    return classes if sparse else np.eye(outputs, dtype=np.float32)[classes]


def model_of(row, sparse):
    hidden, outputs = row["hidden"], row["outputs"]
    inputs = hidden or FEATURES
    layers = [keras.Input((FEATURES,))]
    if hidden:
        layers.append(keras.layers.Dense(hidden, activation="relu"))
    if row["dropout"]:
        layers.append(Factors())
    layers.append(keras.layers.Dense(outputs, activation=row["activation"]))
    model = keras.Sequential(layers)
    if hidden:
        model.layers[0].set_weights([((draw(FEATURES * hidden, 11) - np.float32(0.5)) * np.float32(0.5)).reshape(FEATURES, hidden), np.zeros(hidden, np.float32)])
    kernel = (draw(inputs * outputs, 9) - np.float32(0.5)) * np.float32(0.125)
    model.layers[-1].set_weights([kernel.reshape(inputs, outputs), np.zeros(outputs, np.float32)])
    m, l, smoothing = keras.metrics, keras.losses, row["label_smoothing"]
    if row["activation"] == "sigmoid":
        loss, accuracy = l.BinaryCrossentropy(label_smoothing=smoothing), m.BinaryAccuracy(name="accuracy")
    elif sparse:
        loss, accuracy = l.SparseCategoricalCrossentropy(), m.SparseCategoricalAccuracy(name="accuracy")
    else:
        loss, accuracy = l.CategoricalCrossentropy(label_smoothing=smoothing), m.CategoricalAccuracy(name="accuracy")
    more = [] if sparse else [m.AUC(name="auc"), m.Precision(name="precision"), m.Recall(name="recall")]
    if row["activation"] == "softmax" and not sparse:
        more.append(m.TopKCategoricalAccuracy(2, name="top_2_accuracy"))
    model.compile(optimizer=optimizer(row["optimizer"]), loss=loss, metrics=[accuracy, *more])
    return model


def run(row, running, sparse=False):
    """The logs of every step, its learning rate, and the loss of all rows at the end; `running`: logs since the first step."""
    model, x, y = model_of(row, sparse), (draw(ROWS * FEATURES, 1) * SCALE).reshape(ROWS, FEATURES), targets(row, sparse)
    weights = draw(ROWS, 5) + np.float32(0.5) if row["sample_weights"] else None
    class_weights = dict(enumerate(row["class_weights"])) if row["class_weights"] else None
    if running:
        # train_on_batch begins with this.
        model.reset_metrics = lambda: None
    logs, rates = [], []
    for step in range(STEPS):
        batch = rows_of(step)
        if row["dropout"]:
            shape = (BATCH, row["hidden"] or FEATURES)
            unit = (chacha8(row["seed"], step, b"dropout\0", shape[0] * shape[1]) >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)
            factors = np.where(unit >= np.float32(row["dropout"]), np.float32(1 / (1 - row["dropout"])), np.float32(0))
            model.layers[-2].factors.assign(factors.reshape(shape))
        rates.append(float(model.optimizer.learning_rate))
        logs.append(model.train_on_batch(
            x[batch], y[batch], sample_weight=None if weights is None else weights[batch], class_weight=class_weights, return_dict=True))
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return logs, rates, float(model.test_on_batch(x, y, return_dict=True)["loss"])


def short(value):
    """The shortest digits of an f32."""
    return float(str(np.float32(value)))


def record(row):
    logs, rates, final = run(row, running=False)
    epoch, _, _ = run(row, running=True)
    decisions = BATCH * (row["outputs"] if row["activation"] == "sigmoid" else 1)
    if row["activation"] == "softmax" and not (row["label_smoothing"] or row["labels"]):
        sparse, _, _ = run(row, running=False, sparse=True)
        worst = max(abs(a["loss"] - b["loss"]) / b["loss"] for a, b in zip(sparse, logs))
        assert worst < 1e-5, (row["name"], worst)
    return row | {
        "losses": [short(l["loss"]) for l in logs],
        "correct": [round(float(l["accuracy"]) * decisions) for l in logs],
        "learning_rates": [short(r) for r in rates],
        "final_loss": short(final),
        "epoch": {name: short(value) for name, value in sorted(epoch[-1].items())},
    }


def row(name, rule="sgd", rate=0.1, tolerance=1e-4, options=None, classes=2, activation="softmax", labels=False,
        outputs=None, hidden=None, dropout=0.0, label_smoothing=0.0, class_weights=None, sample_weights=False, **own):
    rate = rate if isinstance(rate, dict) else {"kind": "constant", "learning_rate": rate}
    outputs = outputs or (1 if activation == "sigmoid" and not labels else classes)
    return dict(name=name, optimizer={"rule": {rule: own}, "options": {"learning_rate": rate, **(options or {})}},
                tolerance=tolerance, classes=classes, activation=activation, labels=labels, outputs=outputs,
                hidden=hidden, dropout=dropout, seed=5, label_smoothing=label_smoothing, class_weights=class_weights,
                sample_weights=sample_weights)


def sgd(name, **more):
    return row("sgd, " + name, tolerance=1e-5, **more)


def adam(name, rate=0.01, **more):
    return row("adam" + name, rule="adam", rate=rate, **more)


TABLE = [
    sgd("constant"),
    sgd("momentum", momentum=0.9),
    sgd("nesterov", momentum=0.9, nesterov=True),
    sgd("weight decay", options={"weight_decay": 0.05}),
    sgd("momentum, weight decay", momentum=0.9, options={"weight_decay": 0.05}),
    sgd("clipnorm", options={"clip": {"norm": 0.05}}),
    sgd("global_clipnorm", options={"clip": {"global_norm": 0.05}}),
    sgd("clipvalue", options={"clip": {"value": 0.01}}),
    sgd("ema", options={"ema": {"momentum": 0.9}}),
    sgd("ema, overwritten", momentum=0.9, options={"ema": {"momentum": 0.8, "overwrite_every": 7}}),
    sgd("5 classes", classes=5),
    sgd("100 classes", classes=100),
    adam(""),
    adam(", amsgrad", amsgrad=True),
    adam(", other betas", beta_1=0.8, beta_2=0.95, epsilon=1e-3),
    adam(", clipnorm", options={"clip": {"norm": 0.05}}),
    adam(", ema", options={"ema": {"momentum": 0.9}}),
    adam("w", options={"weight_decay": 0.004}),
    adam("w, amsgrad", options={"weight_decay": 0.05}, amsgrad=True),
    sgd("exponential", rate=dict(kind="exponential", initial=0.2, decay_steps=10, decay_rate=0.7)),
    sgd("exponential, staircase", rate=dict(kind="exponential", initial=0.2, decay_steps=10, decay_rate=0.7, staircase=True)),
    sgd("piecewise", rate=dict(kind="piecewise", boundaries=[10, 30], values=[0.2, 0.05, 0.01])),
    sgd("polynomial", rate=dict(kind="polynomial", initial=0.2, decay_steps=40, end=0.01, power=2.0)),
    # TensorFlow's graph divides by multiplying with the reciprocal, of which a power of two has an exact one: with 15
    # it goes over to the third cycle at step 45 instead of 46, and trains with another rate than it reports.
    sgd("polynomial, cycle", rate=dict(kind="polynomial", initial=0.2, decay_steps=16, end=0.01, power=0.5, cycle=True)),
    sgd("inverse time", rate=dict(kind="inverse_time", initial=0.2, decay_steps=10, decay_rate=0.5)),
    sgd("inverse time, staircase", rate=dict(kind="inverse_time", initial=0.2, decay_steps=10, decay_rate=0.5, staircase=True)),
    sgd("cosine", rate=dict(kind="cosine", initial=0.2, decay_steps=40, alpha=0.05)),
    sgd("cosine, warm-up", rate=dict(kind="cosine", initial=0.01, decay_steps=35, alpha=0.0, warmup={"target": 0.3, "steps": 10})),
    sgd("cosine restarts", rate=dict(kind="cosine_restarts", initial=0.2, first_decay_steps=8, t_mul=2.0, m_mul=0.8, alpha=0.01)),
    sgd("cosine restarts, equal", rate=dict(kind="cosine_restarts", initial=0.2, first_decay_steps=7, t_mul=1.0, m_mul=0.9, alpha=0.0)),
    adam(", momentum schedule", rate=dict(kind="cosine", initial=0.001, decay_steps=35, alpha=0.0, warmup={"target": 0.02, "steps": 10})),
    sgd("label smoothing", classes=3, label_smoothing=0.1),
    sgd("class weights", classes=3, class_weights=[0.5, 1.5, 2.0]),
    sgd("sample weights", classes=3, sample_weights=True),
    sgd("binary", activation="sigmoid"),
    sgd("binary, label smoothing", activation="sigmoid", label_smoothing=0.2),
    sgd("binary, class weights", activation="sigmoid", class_weights=[0.5, 2.0]),
    sgd("binary, sample weights", activation="sigmoid", sample_weights=True),
    sgd("multi-label", activation="sigmoid", labels=True, outputs=4),
    sgd("multi-label, label smoothing", activation="sigmoid", labels=True, outputs=4, label_smoothing=0.1),
    sgd("multi-label, sample weights", activation="sigmoid", labels=True, outputs=4, sample_weights=True),
    sgd("hidden layer", classes=3, hidden=12),
    sgd("dropout", classes=3, dropout=0.4),
    sgd("hidden layer, dropout, momentum", classes=3, hidden=12, dropout=0.3, momentum=0.9),
    adam(", hidden layer, dropout", classes=3, hidden=12, dropout=0.3),
    adam(", binary", activation="sigmoid"),
    adam(", multi-label", activation="sigmoid", labels=True, outputs=4),
]


if __name__ == "__main__":
    print("keras", keras.__version__, "on", keras.backend.backend())
    rows = []
    for one in TABLE:
        rows.append(record(one))
        print(f"{one['name']:40} {rows[-1]['losses'][0]:.6f} -> {rows[-1]['losses'][-1]:.6f}", flush=True)
    lines = ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows)
    OUT.write_text(f'{{"features":{FEATURES},"scale":{SCALE},"rows":[\n{lines}\n]}}\n')
