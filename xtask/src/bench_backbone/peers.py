#!/usr/bin/env python3
"""Other ways to the same features, for `cargo xtask bench-backbone`.

    peers.py NAME MODEL BATCH THREADS      NAME: tensorflow, eager or frozen; MODEL: resnet50 or xception

Says on standard output, one JSON document a line, {"ready": VERSIONS} or {"missing": WHY}; then answers every line of
standard input, a number of passes, by {"images_per_second": MEDIAN, "cpu_ms_per_image": N} of forward passes over one
batch of 224x224 images in memory, or by {"error": WHY}. Two passes go before that are not counted.

All compute Keras' architecture, with random weights, in float32: `tensorflow` is Keras' model in a tf.function, `eager`
the same layers in PyTorch in channels-last memory, `frozen` those by torch.jit.optimize_for_inference.
"""
import json
import os
import resource
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
WARM_UP = 2


def tensorflow(model, batch, threads):
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = {"resnet50": keras.applications.ResNet50, "xception": keras.applications.Xception}[model]
    network = network(include_top=False, pooling="avg", weights=None)
    forward = tf.function(lambda x: network(x, training=False))
    images = tf.random.normal((batch, 224, 224, 3))
    return lambda: forward(images).numpy(), f"tensorflow {tf.__version__}, keras {keras.__version__}"


def torch_network(model):
    import torch
    from torch import nn

    def conv(i, o, k, stride=1, padding=0, groups=1, bias=False):
        return nn.Conv2d(i, o, k, stride, padding, groups=groups, bias=bias)

    class Bottleneck(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            outputs = 4 * width
            self.long = nn.Sequential(
                conv(inputs, width, 1, stride, bias=True), nn.BatchNorm2d(width), nn.ReLU(),
                conv(width, width, 3, padding=1, bias=True), nn.BatchNorm2d(width), nn.ReLU(),
                conv(width, outputs, 1, bias=True), nn.BatchNorm2d(outputs))
            short = [conv(inputs, outputs, 1, stride, bias=True), nn.BatchNorm2d(outputs)]
            self.short = nn.Sequential(*short) if inputs != outputs else nn.Identity()

        def forward(self, x):
            return torch.relu(self.long(x) + self.short(x))

    class Separable(nn.Sequential):
        def __init__(self, inputs, outputs):
            super().__init__(conv(inputs, inputs, 3, padding=1, groups=inputs), conv(inputs, outputs, 1),
                             nn.BatchNorm2d(outputs))

    class Down(nn.Module):
        def __init__(self, inputs, middle, outputs, first):
            super().__init__()
            start = [] if first else [nn.ReLU()]
            self.long = nn.Sequential(*start, Separable(inputs, middle), nn.ReLU(), Separable(middle, outputs),
                                      nn.MaxPool2d(3, 2, 1))
            self.short = nn.Sequential(conv(inputs, outputs, 1, 2), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return self.long(x) + self.short(x)

    class Middle(nn.Module):
        def __init__(self):
            super().__init__()
            self.long = nn.Sequential(*[layer for _ in range(3) for layer in (nn.ReLU(), Separable(728, 728))])

        def forward(self, x):
            return self.long(x) + x

    layers = []
    if model == "resnet50":
        layers += [conv(3, 64, 7, 2, 3, bias=True), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        inputs = 64
        for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for block in range(blocks):
                layers.append(Bottleneck(inputs, width, stride if block == 0 else 1))
                inputs = 4 * width
    else:
        layers += [conv(3, 32, 3, 2), nn.BatchNorm2d(32), nn.ReLU(), conv(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU()]
        layers += [Down(64, 128, 128, True), Down(128, 256, 256, False), Down(256, 728, 728, False)]
        layers += [Middle() for _ in range(8)]
        layers += [Down(728, 728, 1024, False), Separable(1024, 1536), nn.ReLU(), Separable(1536, 2048), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


def eager(model, batch, threads):
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    network = torch_network(model).to(memory_format=torch.channels_last)
    images = torch.randn(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    return lambda: network(images), f"torch {torch.__version__}"


def frozen(model, batch, threads):
    import torch

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    images = torch.randn(batch, 3, 224, 224)
    network = torch.jit.optimize_for_inference(torch.jit.trace(torch_network(model), images))
    return lambda: network(images), f"torch {torch.__version__}"


def processor_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(forward, batch, passes):
    for _ in range(WARM_UP):
        forward()
    times, begin = [], processor_time()
    for _ in range(passes):
        start = time.perf_counter()
        forward()
        times.append(time.perf_counter() - start)
    spent = processor_time() - begin
    return {"images_per_second": batch / sorted(times)[passes // 2], "cpu_ms_per_image": 1e3 * spent / batch / passes}


def main():
    name, model, batch, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    answers, sys.stdout = sys.stdout, sys.stderr

    def say(document):
        print(json.dumps(document), file=answers, flush=True)

    try:
        forward, versions = {"tensorflow": tensorflow, "eager": eager, "frozen": frozen}[name](model, batch, threads)
    except Exception as error:
        say({"missing": f"{type(error).__name__}: {error}".splitlines()[0]})
        return
    say({"ready": versions})
    for line in sys.stdin:
        try:
            say(measure(forward, batch, int(line)))
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}".splitlines()[0]})


main()
