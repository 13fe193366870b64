#!/usr/bin/env python3
"""Loaders that one would pick instead, for `cargo xtask bench`: each does the same work.

    peers.py NAME       NAME: keras, tfdata, torch, opencv, spdl, dali, or limit

Says on standard output, one JSON document a line, {"ready": VERSIONS} or {"missing": WHY}; then answers every line of
standard input, a job {data, interpolation, decode, augment, size, batch, threads}, by {"images": N, "seconds": S} of one pass,
or by {"error": WHY}. The first pass of a job is preceded by one that is not timed.

The work: every file of DATA/*/* once, read, decoded, resized to size x size, flipped left to right at random,
normalised, in float32 batches, by so many threads or workers. With augment also rotated, shifted, sheared, zoomed,
made brighter or darker. `limit` is no loader: libjpeg-turbo decodes files in memory, and nothing else; where decode is
`scaled`, at the smallest of its scales that leaves size pixels across and down. The others do the same whatever decode
says.
"""
import glob
import importlib
import importlib.metadata
import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

MEAN = (103.939, 116.779, 123.68)  # BGR, as ResNet50's caffe weights take it
NEEDS = {
    "keras": ["tensorflow", "keras", "scipy", "PIL"],
    "tfdata": ["tensorflow"],
    "torch": ["torch", "torchvision", "PIL"],
    "opencv": ["cv2"],
    "spdl": ["spdl.io", "spdl.pipeline"],
    "dali": ["nvidia.dali"],
    "limit": ["simplejpeg"],
}
PACKAGES = {
    "keras": ["keras", "tensorflow", "tensorflow-cpu", "pillow"],
    "tfdata": ["tensorflow", "tensorflow-cpu"],
    "torch": ["torch", "torchvision", "pillow"],
    "opencv": ["opencv-python-headless", "opencv-python"],
    "spdl": ["spdl"],
    "dali": [],  # its name holds the version of CUDA
    "limit": ["simplejpeg"],
}


def files_of(job):
    return sorted(path for path in glob.glob(os.path.join(job["data"], "*", "*")) if os.path.isfile(path))


def batches_of(job, files):
    files = random.sample(files, len(files))
    return [files[k : k + job["batch"]] for k in range(0, len(files), job["batch"])]


def in_order(work, items, threads):
    """What work makes of each item, by so many threads, a few items ahead of whoever asks."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = []
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def keras(job):
    from keras.applications.resnet50 import preprocess_input
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    augment = {}
    if job["augment"]:
        augment = dict(
            rotation_range=20,
            width_shift_range=0.1,
            height_shift_range=0.1,
            shear_range=10,
            zoom_range=0.2,
            channel_shift_range=20,
            brightness_range=(0.8, 1.2),
        )
    generator = ImageDataGenerator(preprocessing_function=preprocess_input, horizontal_flip=True, **augment)
    side = (job["size"], job["size"])
    flow = generator.flow_from_directory(
        job["data"], target_size=side, batch_size=job["batch"], interpolation=job["interpolation"]
    )

    def one():
        images = sum(len(x) for x, _ in in_order(flow.__getitem__, range(len(flow)), job["threads"]))
        flow.on_epoch_end()
        return images

    return one


def tfdata(job):
    import tensorflow as tf

    files = files_of(job)
    side = (job["size"], job["size"])

    def load(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        image = tf.cast(tf.image.resize(image, side, method=job["interpolation"]), tf.float32)
        return tf.image.random_flip_left_right(image)[..., ::-1] - tf.constant(MEAN)

    options = tf.data.Options()
    options.threading.private_threadpool_size = job["threads"]
    data = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files))
    data = data.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(job["batch"]).prefetch(tf.data.AUTOTUNE)
    data = data.with_options(options)
    return lambda: sum(int(batch.shape[0]) for batch in data)


def torch(job):
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    modes = {"nearest": v2.InterpolationMode.NEAREST, "bilinear": v2.InterpolationMode.BILINEAR}
    resize = v2.Resize((job["size"], job["size"]), interpolation=modes[job["interpolation"]], antialias=True)
    # What is faster: Pillow's images to pick from and to warp, tensors to interpolate.
    of_pillow = job["augment"] or job["interpolation"] == "nearest"
    steps = [resize] if of_pillow else [v2.PILToTensor(), resize]
    steps.append(v2.RandomHorizontalFlip())
    if job["augment"]:
        # Contrast stands for Keras' channel shift.
        affine = dict(degrees=20, translate=(0.1, 0.1), scale=(0.8, 1.2), shear=10)
        steps.append(v2.RandomAffine(interpolation=modes["bilinear"], **affine))
        steps.append(v2.ColorJitter(brightness=0.2, contrast=0.08))
    if of_pillow:
        steps.append(v2.PILToTensor())
    steps.append(v2.ToDtype(torch.float32, scale=True))
    steps.append(v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    folder = ImageFolder(job["data"], transform=v2.Compose(steps))
    loader = torch.utils.data.DataLoader(
        folder,
        batch_size=job["batch"],
        shuffle=True,
        num_workers=job["threads"],
        persistent_workers=True,
        prefetch_factor=4,
    )
    return lambda: sum(len(x) for x, _ in loader)


def opencv(job):
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    files = files_of(job)
    mode = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR}[job["interpolation"]]
    side, mean = (job["size"], job["size"]), np.array(MEAN, np.float32)

    def load(paths):
        batch = np.empty((len(paths), *side, 3), np.float32)
        for out, path in zip(batch, paths):
            image = cv2.resize(cv2.imread(path, cv2.IMREAD_COLOR), side, interpolation=mode)
            if random.random() < 0.5:
                image = cv2.flip(image, 1)
            np.subtract(image, mean, out=out)
        return batch

    return lambda: sum(len(batch) for batch in in_order(load, batches_of(job, files), job["threads"]))


def spdl(job):
    import numpy as np
    import spdl.io
    from spdl.pipeline import PipelineBuilder

    files = files_of(job)
    mode = {"nearest": "neighbor", "bilinear": "bilinear"}[job["interpolation"]]
    scale = spdl.io.get_video_filter_desc(
        scale_width=job["size"], scale_height=job["size"], scale_mode=None, scale_algo=mode, pix_fmt="rgb24"
    )
    mean = np.array(MEAN[::-1], np.float32)  # it does not make BGR

    def load(paths):
        buffer = spdl.io.load_image_batch(paths, width=None, height=None, pix_fmt=None, filter_desc=scale)
        batch = np.subtract(spdl.io.to_numpy(buffer), mean, dtype=np.float32)
        for image in batch:
            if random.random() < 0.5:
                image[:] = image[:, ::-1].copy()
        return batch

    def one():
        builder = PipelineBuilder().add_source(iter(batches_of(job, files)))
        pipeline = builder.pipe(load, concurrency=job["threads"]).add_sink(4).build(num_threads=job["threads"])
        with pipeline.auto_stop():
            return sum(len(batch) for batch in pipeline)

    return one


def dali(job):
    from nvidia.dali import fn, pipeline_def, types

    images = len(files_of(job))
    mode = {"nearest": types.INTERP_NN, "bilinear": types.INTERP_LINEAR}[job["interpolation"]]

    @pipeline_def(batch_size=job["batch"], num_threads=job["threads"], device_id=None, prefetch_queue_depth=2)
    def pipeline():
        encoded, labels = fn.readers.file(file_root=job["data"], random_shuffle=True, name="reader")
        image = fn.decoders.image(encoded, device="cpu", output_type=types.BGR)
        image = fn.resize(image, resize_x=job["size"], resize_y=job["size"], interp_type=mode, antialias=True)
        flip = fn.random.coin_flip()
        image = fn.crop_mirror_normalize(
            image, dtype=types.FLOAT, output_layout="HWC", mean=list(MEAN), std=[1.0] * 3, mirror=flip
        )
        return image, labels

    running = pipeline()
    running.build()
    steps = -(-images // job["batch"])  # the last one is filled up from the next pass

    def one():
        for _ in range(steps):
            running.run()
        return steps * job["batch"]

    return one


def limit(job):
    import simplejpeg

    contents = [open(path, "rb").read() for path in files_of(job)]

    least = job["size"] if job["decode"] == "scaled" else 0

    def decode(content):
        return simplejpeg.decode_jpeg(
            content, min_height=least, min_width=least, min_factor=1, fastdct=False, fastupsample=False
        ).shape

    return lambda: sum(1 for _ in in_order(decode, contents, job["threads"]))


def versions(name):
    found = []
    for package in PACKAGES[name]:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    if name == "dali":
        found.append(f"dali {importlib.import_module('nvidia.dali').__version__}")
    return ", ".join(found)


def ready(name):
    try:
        for module in NEEDS[name]:
            importlib.import_module(module)
        if name == "spdl":
            # Its library, which needs FFmpeg's, is loaded late.
            importlib.import_module("spdl.io.utils").get_ffmpeg_versions()
        return {"ready": versions(name)}
    except ModuleNotFoundError as error:
        return {"missing": f"not installed (no {error.name})"}
    except Exception as error:
        return {"missing": f"does not start: {' '.join(str(error).split())[:200]}"}


def answer(job, running):
    if job != running.get("job"):
        running.clear()  # its workers end before others begin
        running["one"] = globals()[sys.argv[1]](job)
        running["one"]()
        running["job"] = job
    start = time.perf_counter()
    images = running["one"]()
    seconds = time.perf_counter() - start
    # Some leave out what fails, and say nothing.
    if images < (expected := len(files_of(job))):
        raise RuntimeError(f"{images} of {expected} images came")
    return {"images": images, "seconds": seconds}


def main():
    # Whatever libraries print goes to standard error.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

    def say(document):
        print(json.dumps(document), file=out, flush=True)

    told = ready(sys.argv[1])
    say(told)
    running = {}
    for line in sys.stdin if "ready" in told else ():
        try:
            say(answer(json.loads(line), running))
        except Exception as error:
            say({"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})


main()
