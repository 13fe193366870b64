#!/usr/bin/env python3
"""What Keras itself gives, for `cargo xtask parity`. Needs keras==3.15.1,
tensorflow-cpu==2.21.0, pillow==13.0.0, scipy and pandas.

in_keras.py versions                     the versions of all that has a say in the numbers, as JSON
in_keras.py photos SOURCE FOLDER COUNT   FOLDER/png and FOLDER/jpeg: COUNT photos of each class of SOURCE, and odd ones;
                                         FOLDER/table.csv, which lists those of FOLDER/png
in_keras.py tiny SOURCE FOLDER           eight PNGs of about 24x20 pixels in two classes
in_keras.py batches JOBS                 each job of the file JOBS, [{name, data, config, flow, count, seed, output}]
in_keras.py saved PAIRS                  compares the images in pairs of folders, as JSON

A job's config and flow are the arguments of ImageDataGenerator and flow_from_directory, except that `preprocessing`
names a function and `fit: {samples: K}` fits the generator on the first K images of the flow. With a `table`, a CSV
file, they are those of flow_from_dataframe, except that `list_separator` separates classes in y_col. Its output is a
safetensors file: x0, y0 (or y0_0, y0_1, ..), w0, index0 of the first batch, x1, .. of the next, and scale0, ..: for each sample, how far one
level of 0..255 moves its standardised values. One line of JSON a job tells of the seconds it took, or of its error.
"""
import contextlib
import functools
import io
import json
import os
import shutil
import sys
import time
import warnings

NEEDED = ["keras", "tensorflow-cpu", "pillow", "scipy", "pandas", "numpy"]
# Width and height. Some are target sizes of drawn configurations, so that those photos are not resized at all.
SIZES = [(64, 48), (90, 60), (75, 75), (48, 64), (40, 100), (121, 83), (56, 56), (33, 47)]
MAX_PIXELS = 3_000_000
IMAGES = (".jpg", ".jpeg", ".png")


def versions():
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in NEEDED:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    if "tensorflow-cpu" not in found:
        with contextlib.suppress(PackageNotFoundError):
            found["tensorflow-cpu"] = version("tensorflow")
    print(json.dumps(found))


def pictures(source):
    """Class name -> paths of its photos, in order of name; those of many megapixels would only cost time."""
    from PIL import Image

    found = {}
    for name in sorted(os.listdir(source)):
        folder = os.path.join(source, name)
        if not os.path.isdir(folder) or name.startswith("."):
            continue
        paths = []
        for file in sorted(os.listdir(folder)):
            if file.lower().endswith(IMAGES) and not file.startswith("."):
                path = os.path.join(folder, file)
                with Image.open(path) as image:
                    if image.width * image.height <= MAX_PIXELS:
                        paths.append(path)
        if paths:
            found[name] = paths
    if not found:
        sys.exit(f"{source} has no class folders with photos")
    return found


def photos(source, folder, count):
    from PIL import Image

    count = int(count)
    for format in ("png", "jpeg"):
        root = os.path.join(folder, format)
        spare = []
        for name, paths in pictures(source).items():
            os.makedirs(os.path.join(root, name, "nested"))
            used = paths[:count]
            spare += paths[count:] or paths
            for number, path in enumerate(used):
                # The last one lies deeper, one shouts its extension.
                inner = "nested" if number + 1 == len(used) else ""
                if format == "jpeg":
                    shutil.copyfile(path, os.path.join(root, name, inner, os.path.basename(path)))
                    continue
                suffix = ".PNG" if number == 1 else ".png"
                file = os.path.splitext(os.path.basename(path))[0] + suffix
                image = Image.open(path).convert("RGB")
                image.resize(SIZES[number % len(SIZES)], Image.LANCZOS).save(os.path.join(root, name, inner, file))
            with open(os.path.join(root, name, "notes.txt"), "w") as notes:
                notes.write("no photo\n")
        # Photos of their own, because equal images would make ZCA's matrix singular.
        odd = [Image.open(path).convert("RGB") for path in spare[:10]]
        odd = [image.resize((110 - 4 * n, 70 + 5 * n), Image.LANCZOS) for n, image in enumerate(odd)]
        odd = [odd[n % len(odd)].rotate(n) for n in range(10)]
        os.makedirs(os.path.join(root, "Odd"))
        (odd_png if format == "png" else odd_jpeg)(odd, os.path.join(root, "Odd"))
        # A folder that only `follow_links` finds.
        outside = os.path.join(folder, "elsewhere", format)
        os.makedirs(outside)
        for number in (8, 9):
            odd[number].save(os.path.join(outside, f"linked-{number}.{format}"))
        os.symlink(os.path.abspath(outside), os.path.join(root, "Odd", "links"))
        # Keras looks into hidden folders, and takes them for classes.
        for number, hidden in ((6, ".hidden"), (7, "Odd/.hidden")):
            os.makedirs(os.path.join(root, hidden))
            for turn in (1, 2):
                image = odd[number].rotate(10 * turn)
                image.save(os.path.join(root, hidden, f"{turn}.{format}"))
    table(os.path.join(folder, "png"), os.path.join(folder, "table.csv"))


def table(root, path):
    """Photos in an order of their own, one of them twice, and rows that Keras leaves out."""
    import random

    found = [os.path.relpath(os.path.join(at, file), root) for at, _, files in os.walk(root) for file in files]
    found = sorted(file for file in found if file.endswith((".png", ".PNG", ".bmp", ".ppm", ".tif", ".tiff")))
    dice = random.Random(len(found))
    dice.shuffle(found)
    found[5:5] = ["Odd/missing.png", found[9], "Odd/notes.txt"]
    classes = sorted({file.split(os.sep)[0] for file in found})
    with open(path, "w") as out:
        out.write("weight,file,class,classes,angle,count\n")
        for file in found:
            of = file.split(os.sep)[0]
            several = dice.choice([[of], [of, dice.choice(classes)], dice.sample(classes, 2), []])
            numbers = f"{dice.uniform(-90, 90):.4f},{dice.randrange(-3, 40)}"
            out.write(f"{dice.uniform(0, 3):.3f},{file},{of},{'|'.join(several)},{numbers}\n")


def odd_png(images, folder):
    """Every kind of PNG whose pixels are not plain RGB."""
    import numpy as np
    from PIL import Image

    save = lambda name, image, **options: image.save(os.path.join(folder, name + ".png"), **options)
    alpha = lambda image: Image.linear_gradient("L").resize(image.size)
    with_alpha = images[0].copy()
    with_alpha.putalpha(alpha(with_alpha))
    save("rgba", with_alpha)
    save("grey", images[1].convert("L"))
    grey_with_alpha = images[2].convert("L")
    grey_with_alpha.putalpha(alpha(grey_with_alpha))
    save("grey-alpha", grey_with_alpha)
    save("palette", images[3].quantize(50))
    save("palette-transparent", images[4].quantize(30), transparency=3)
    save("bilevel", images[5].convert("1"))
    wide = np.asarray(images[6].convert("L"), dtype=np.uint16)
    save("grey-16", Image.fromarray(wide * 257 - wide // 3))
    # What is not PNG but lossless as well.
    path = lambda name: os.path.join(folder, name)
    images[8].save(path("plain.bmp"))
    images[9].convert("L").save(path("grey.BMP"))
    images[8].rotate(40).quantize(20).save(path("palette.bmp"))
    images[9].rotate(40).save(path("plain.ppm"))
    images[0].convert("L").save(path("grey.ppm"))
    images[1].rotate(40).save(path("plain.tif"))
    images[2].rotate(40).save(path("packed.tiff"), compression="tiff_lzw")
    with_alpha.rotate(40).save(path("rgba.tiff"), compression="tiff_deflate")
    images[3].rotate(40).convert("L").save(path("grey.tif"), compression="packbits")
    save("grey-16-dark", Image.fromarray(np.asarray(images[7].convert("L"), dtype=np.uint16) + 20))


def odd_jpeg(images, folder):
    save = lambda name, image, **options: image.save(os.path.join(folder, name + ".jpg"), **options)
    save("grey", images[0].convert("L"), quality=80)
    save("cmyk", images[1].convert("CMYK"), quality=90)
    save("progressive", images[2], quality=85, progressive=True)
    save("full-colour", images[3], quality=95, subsampling=0)
    save("half-colour", images[4], quality=75, subsampling=1)
    save("coarse", images[5], quality=25)


def tiny(source, folder):
    import numpy as np
    from PIL import Image

    taken = list(pictures(source).values())
    taken = [Image.open(path).convert("RGB") for path in (taken[0] + taken[-1])[-8:]]
    sizes = [(24, 20), (20, 24), (27, 18), (12, 12), (24, 20), (19, 23), (30, 17), (12, 12)]
    images = [image.resize(size, Image.LANCZOS) for image, size in zip(taken, sizes)]
    images[2].putalpha(Image.linear_gradient("L").resize(images[2].size))
    images[3] = images[3].convert("L")
    images[6] = images[6].quantize(20)
    wide = np.asarray(images[7].convert("L"), dtype=np.uint16)
    images[7] = Image.fromarray(wide * 257 - wide // 3)
    for number, image in enumerate(images):
        name = os.path.join(folder, "ab"[number // 4], f"{number % 4}.png")
        os.makedirs(os.path.dirname(name), exist_ok=True)
        image.save(name, optimize=True)


# The steepest slope over the channels of what a function makes of a pixel.
SLOPES = {None: 1.0, "resnet50": 1.0, "xception": 1 / 127.5, "torch": 1 / (255 * 0.224)}


def preprocessing(name, data_format):
    from keras.src.applications import imagenet_utils

    if name is None:
        return None
    mode = {"resnet50": "caffe", "xception": "tf", "torch": "torch"}[name]
    # Told of the layout, because by itself the function believes keras.json instead of the generator.
    return functools.partial(imagenet_utils.preprocess_input, data_format=data_format, mode=mode)


def batches(jobs):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    warnings.simplefilter("ignore")
    import keras.src.legacy.preprocessing.image  # noqa: F401, not part of any job's time

    with open(jobs) as file:
        jobs = json.load(file)
    for job in jobs:
        start = time.perf_counter()
        told = {"name": job["name"]}
        try:
            # Keras tells how many images it found.
            with contextlib.redirect_stdout(io.StringIO()):
                save(job["output"], run(job))
        except Exception as error:
            told["error"] = f"{type(error).__name__}: {error}"
        told["seconds"] = round(time.perf_counter() - start, 4)
        print(json.dumps(told), flush=True)


def run(job):
    import numpy as np
    from keras.src.legacy.preprocessing.image import ImageDataGenerator
    from keras.src.utils import image_utils

    config = dict(job["config"])
    flow = dict(job["flow"])
    fit = config.pop("fit", None)
    name = config.pop("preprocessing", None)
    data_format = config.get("data_format", "channels_last")
    function = preprocessing(name, data_format)
    generator = ImageDataGenerator(preprocessing_function=function, **config)
    if "table" in job:
        import pandas

        frame = pandas.read_csv(job["table"], keep_default_na=False)
        separator = flow.pop("list_separator", None)
        if separator:
            column = frame[flow["y_col"]]
            frame[flow["y_col"]] = [text.split(separator) if text else [] for text in column]
        iterator = generator.flow_from_dataframe(frame, job["data"], **flow)
    else:
        iterator = generator.flow_from_directory(job["data"], **flow)
    if fit:
        load = lambda path: image_utils.load_img(
            path,
            color_mode=iterator.color_mode,
            target_size=iterator.target_size,
            interpolation=iterator.interpolation,
            keep_aspect_ratio=iterator.keep_aspect_ratio,
        )
        paths = iterator.filepaths[: fit["samples"]]
        images = np.stack([image_utils.img_to_array(load(path), data_format=data_format) for path in paths])
        # numpy sums in order of memory, which for transposed images is not that of a batch with channels first.
        generator.fit(np.ascontiguousarray(images))

    scales, indices = [], []
    standardize = generator.standardize
    transform = iterator._get_batches_of_transformed_samples

    def scale(x):
        scale = SLOPES[name] * (generator.rescale or 1)
        # 16-bit grey has 257 times the range of what is 0..255; borders and splines stay far below 1000.
        if x.max() > 1000:
            scale *= 257
        if generator.samplewise_std_normalization:
            pixels = x.copy() if function is None else function(x.copy())
            scale /= float(np.std(pixels * np.float32(generator.rescale or 1))) + 1e-6
        if generator.featurewise_std_normalization:
            scale /= float(np.min(generator.std)) + 1e-6
        if generator.zca_whitening:
            scale *= float(np.linalg.norm(generator.zca_whitening_matrix, 2))
        return scale

    def standardize_noting_scale(x):
        scales.append(scale(x))
        return standardize(x)

    def transform_noting_index(index):
        indices.append(index)
        return transform(index)

    generator.standardize = standardize_noting_scale
    iterator._get_batches_of_transformed_samples = transform_noting_index
    np.random.seed(job["seed"])
    tensors = {}
    for number in range(job["count"]):
        scales.clear()
        batch = next(iterator)
        x, y, weights = ((*batch, None) if isinstance(batch, tuple) else (batch, None, None))[:3]
        tensors[f"x{number}"] = x
        if isinstance(y, list):
            for output, labels in enumerate(y):
                tensors[f"y{number}_{output}"] = labels.astype(np.float32)
        elif y is not None:
            tensors[f"y{number}"] = y.astype(np.float32)
        if weights is not None:
            tensors[f"w{number}"] = weights.astype(np.float32)
        tensors[f"index{number}"] = np.asarray(indices[number], dtype=np.int64)
        tensors[f"scale{number}"] = np.asarray(scales, dtype=np.float32)
    return tensors


def save(path, tensors):
    """The safetensors format: the header's length, the header as JSON, the bytes."""
    import numpy as np

    names = {"float32": "F32", "int64": "I64"}
    header, offset = {}, 0
    for name, array in tensors.items():
        end = offset + array.nbytes
        header[name] = {"dtype": names[str(array.dtype)], "shape": array.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


def saved(pairs):
    import numpy as np
    from PIL import Image

    with open(pairs) as file:
        pairs = json.load(file)
    found = []
    for theirs, ours in pairs:
        names = os.listdir(theirs)
        # We read ahead, and have saved more than the batches that were asked for.
        one = {"files": len(names), "names_equal": set(names) <= set(os.listdir(ours)), "values": 0}
        one |= {"one_off": 0, "more_off": 0}
        for name in names if one["names_equal"] else []:
            if not name.endswith((".jpeg", ".jpg")):
                a, b = (np.asarray(Image.open(os.path.join(side, name))).astype(int) for side in (theirs, ours))
                off = np.abs(a - b) if a.shape == b.shape else np.full(a.shape, 255)
                one["values"] += off.size
                one["one_off"] += int((off == 1).sum())
                one["more_off"] += int((off > 1).sum())
        found.append(one)
    print(json.dumps(found))


if __name__ == "__main__":
    verbs = {"versions": versions, "photos": photos, "tiny": tiny, "batches": batches, "saved": saved}
    verbs[sys.argv[1]](*sys.argv[2:])
