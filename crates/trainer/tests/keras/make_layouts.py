"""Writes where Keras 3 puts every variable of the notebook's model, with a hidden layer, in a `.weights.h5`.

Run with a Python that has Keras 3; writes beside itself.
"""

import pathlib
import tempfile

import h5py
import keras

HERE = pathlib.Path(__file__).parent

for name, backbone in [("resnet50", keras.applications.ResNet50), ("xception", keras.applications.Xception)]:
    keras.utils.clear_session()
    model = keras.Sequential([
        backbone(include_top=False, pooling="avg", weights=None),
        keras.layers.Dense(4, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ])
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.weights.h5"
        model.save_weights(path)
        with h5py.File(path) as file:

            def visit(place, item):
                if isinstance(item, h5py.Dataset):
                    layer = item.parent.attrs["name"]
                    lines.append(f"{place}\t{layer}\t{','.join(map(str, item.shape))}\n")

            file.visititems(visit)
    (HERE / f"{name}.weights.tsv").write_text("".join(lines))
