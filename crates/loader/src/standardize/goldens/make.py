#!/usr/bin/env python3
"""Makes keras.txt: what Keras' own ImageDataGenerator gives. Needs keras==3.15.1 with any backend.

statistics NAME BITS..                          .fit, rescale 1/255, on 60 of the images of `image`, 3 x 2 x 3
standardize PREPROCESSING RESCALE STEPS BITS..  .standardize of the 61st, in which 100 is subtracted from every second
                                                value, with those statistics
levels BITS..                                   array_to_img(scale=True) of the same image
fit LAYOUT HEIGHT WIDTH CHANNELS RESCALE BITS.. .mean and .std after .fit on 7 images of `photos`, whose fourth channel
                                                is opaque

BITS are those of float32 numbers, hexadecimal; or levels.
"""
import os

import numpy as np
from keras.src.applications.imagenet_utils import preprocess_input
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from keras.src.utils.image_utils import array_to_img

SHAPE = (3, 2, 3)
RESCALE = 1 / 255
STEPS = ["", "samplewise_center", "samplewise_std_normalization", "featurewise_center",
         "featurewise_std_normalization", "zca_whitening",
         "samplewise_center,featurewise_std_normalization", "samplewise_std_normalization,zca_whitening"]


def image(number):
    i = np.arange(18, dtype=np.int64) + 18 * number
    return ((i * i * 31 + i * 7919) % 2551).astype(np.float32).reshape(SHAPE) / np.float32(10)


def photos(height, width, channels):
    i = np.arange(7 * height * width * channels, dtype=np.int64)
    x = (i * 7919 % 257 * (i % 31 + 1) % 256).astype(np.float32).reshape(7, height, width, channels)
    x[..., 3:] = 255
    return x


def bits(array):
    return " ".join(f"{value:08x}" for value in np.ascontiguousarray(array, np.float32).ravel().view(np.uint32))


def generator(steps, rescale, preprocessing="none"):
    mode = None if preprocessing == "none" else lambda x: preprocess_input(x, "channels_last", mode=preprocessing)
    return ImageDataGenerator(rescale=rescale, preprocessing_function=mode,
                              **{step: True for step in steps.split(",") if step})


images = np.stack([image(number) for number in range(60)])
whitening, deviation = generator("zca_whitening", RESCALE), generator("featurewise_std_normalization", RESCALE)
whitening.fit(images)
deviation.fit(images)
probe = image(60)
probe.ravel()[::2] -= 100

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras.txt"), "w") as f:
    f.write(f"statistics mean {bits(deviation.mean)}\nstatistics std {bits(deviation.std)}\n")
    f.write(f"statistics zca {bits(whitening.zca_whitening_matrix)}\n")
    cases = [("none", RESCALE, steps) for steps in STEPS]
    cases += [(mode, 0, "") for mode in ("caffe", "tf", "torch")] + [("torch", 0.3, "samplewise_std_normalization")]
    for preprocessing, rescale, steps in cases:
        g = generator(steps, rescale, preprocessing)
        g.mean, g.std, g.zca_whitening_matrix = deviation.mean, deviation.std, whitening.zca_whitening_matrix
        f.write(f"standardize {preprocessing} {rescale} {steps or '-'} {bits(g.standardize(probe.copy()))}\n")
    f.write("levels " + " ".join(str(level) for level in np.asarray(array_to_img(probe)).ravel()) + "\n")
    for height, width in ((1, 1), (5, 3), (33, 40), (64, 130)):
        for channels in (1, 3, 4):
            for layout in ("channels_last", "channels_first"):
                for rescale in (0, RESCALE):
                    g = ImageDataGenerator(featurewise_std_normalization=True, rescale=rescale, data_format=layout)
                    x = photos(height, width, channels)
                    g.fit(np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if layout == "channels_first" else x)
                    f.write(f"fit {layout} {height} {width} {channels} {rescale} {bits(g.mean)} {bits(g.std)}\n")
