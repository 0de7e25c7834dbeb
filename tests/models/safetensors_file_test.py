"""ResNeXt's published files: what loads, and what is said of those that do not."""

import dataclasses
import socket

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_sketch import build_classifier
from keras_sketch.errors import BadDataError, MissingDataError
from keras_sketch.models import BACKBONES
from keras_sketch.models.safetensors_file import load_safetensors

NAME, SHAPE, GROUPS = "resnext50_32x4d", (32, 32, 3), 4


@pytest.fixture(autouse=True, scope="module")
def small():
    """Makes the row a member of the family with one block at each size and four groups."""
    row = BACKBONES[NAME]
    BACKBONES[NAME] = dataclasses.replace(row, arguments=dict(depths=(1, 1, 1, 1), width=4, cardinality=GROUPS))
    yield
    BACKBONES[NAME] = row
    keras.backend.clear_session()


@pytest.fixture(scope="module")
def published():
    """Gives the tensors of that member, with the names and shapes that torchvision gives them."""
    random = np.random.default_rng(0)
    tensors = {"conv1.weight": (64, 3, 7, 7), "bn1": 64, "fc.weight": (1000, 2048), "fc.bias": (1000,)}
    inputs = 64
    for stage in range(4):
        middle, outputs, block = 4 * GROUPS * 2**stage, 256 * 2**stage, f"layer{stage + 1}.0"
        tensors[f"{block}.conv1.weight"], tensors[f"{block}.bn1"] = (middle, inputs, 1, 1), middle
        tensors[f"{block}.conv2.weight"], tensors[f"{block}.bn2"] = (middle, middle // GROUPS, 3, 3), middle
        tensors[f"{block}.conv3.weight"], tensors[f"{block}.bn3"] = (outputs, middle, 1, 1), outputs
        tensors[f"{block}.downsample.0.weight"] = (outputs, inputs, 1, 1)
        tensors[f"{block}.downsample.1"] = outputs
        inputs = outputs
    found = {}
    for name, shape in tensors.items():
        if isinstance(shape, tuple):
            found[name] = random.normal(0, 0.05, shape).astype("float32")
        else:
            parts = ("weight", "bias", "running_mean", "running_var")
            found |= {f"{name}.{part}": random.uniform(0.5, 1.5, shape).astype("float32") for part in parts}
            found[f"{name}.num_batches_tracked"] = np.array(7)
    return found


@pytest.fixture(scope="module")
def network():
    return build_classifier(NAME, 1000, SHAPE, head="pretrained")


def test_each_tensor_has_its_place(published, network, tmp_path):
    save_file(published, tmp_path / "w.safetensors")
    load_safetensors(network, NAME, tmp_path / "w.safetensors")
    places = {
        "layer3.0.conv2.weight": network.get_layer("conv4_block1_2_conv").kernel,
        "layer3.0.downsample.0.weight": network.get_layer("conv4_block1_0_conv").kernel,
        "layer4.0.bn3.running_var": network.get_layer("conv5_block1_3_bn").moving_variance,
        "layer1.0.downsample.1.bias": network.get_layer("conv2_block1_0_bn").beta,
        "fc.weight": network.get_layer("logits").kernel,
    }
    for tensor, variable in places.items():
        expected = published[tensor]
        expected = expected.transpose(2, 3, 1, 0) if expected.ndim == 4 else expected.T
        np.testing.assert_array_equal(variable, expected)


@pytest.mark.parametrize("kind", ["float16", "without a head", "own .keras file"])
def test_a_new_head_needs_none_in_the_file(kind, published, network, tmp_path):
    file = tmp_path / "w.safetensors"
    save_file(published, file)
    load_safetensors(network, NAME, file)
    if kind == "own .keras file":
        file = tmp_path / "w.keras"
        network.save(file)
    elif kind == "float16":
        save_file({name: value.astype("float16") for name, value in published.items()}, file)
    else:
        save_file({name: value for name, value in published.items() if not name.startswith("fc.")}, file)
    loaded = build_classifier(NAME, 3, SHAPE, file)
    assert loaded.output_shape == (None, 3)
    for ours, theirs in zip(loaded.weights[:-2], network.weights[:-2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def changed(published, **changes):
    return {name: value for name, value in {**published, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bn1.bias": None}, r"do not fit it: it has no bn1.bias\.$"),
        ({"layer2.0.conv4.weight": np.ones(3)}, "it has layer2.0.conv4.weight, which the network has not"),
        (
            {"layer2.0.conv2.weight": np.ones((32, 32, 3, 3), "float32")},
            r"it has layer2.0.conv2.weight \(32, 32, 3, 3\) for \(32, 8, 3, 3\)\.",
        ),
        (
            {"bn1.bias": None, "fc.bias": np.ones((2, 500), "float32"), "more": np.ones(1)},
            r"it has no bn1.bias; it has more, which the network has not; it has fc.bias \(2, 500\) for \(1000,\)\.",
        ),
        ({"fc.weight": None, "fc.bias": None}, r'it has no fc.weight, fc.bias, the head that head="pretrained" keeps'),
        ({"bn1.weight": np.full(64, np.nan, "float32")}, "numbers in bn1.weight are not finite"),
        ({"fc.bias": np.full(1000, np.inf, "float32")}, "numbers in fc.bias are not finite"),
        ({"fc.bias": np.ones(1000, "int32")}, "fc.bias I32 for F32"),
        ({f"bn1.{part}": None for part in ("weight", "bias", "running_mean", "running_var")},
         r"it has no bn1.weight, bn1.bias, bn1.running_mean and 1 more\."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(changes, message, published, network, tmp_path):
    save_file(changed(published, **changes), tmp_path / "w.safetensors")
    with pytest.raises(BadDataError, match=message):
        load_safetensors(network, "it", tmp_path / "w.safetensors")


def test_damaged_and_missing_files_are_named(published, network, tmp_path):
    file = tmp_path / "w.safetensors"
    with pytest.raises(MissingDataError, match=r"No weights at .*w.safetensors. Give a .safetensors"):
        load_safetensors(network, NAME, file)
    save_file(published, file)
    content = file.read_bytes()
    for damaged in (b"", b"not safetensors", content[:100], content[:-4], content + b"more", b"\xff" * 99):
        file.write_bytes(damaged)
        with pytest.raises(BadDataError, match=r"Cannot read the weights in .*w.safetensors.*Delete it"):
            load_safetensors(network, NAME, file)
    with pytest.raises(MissingDataError, match=r"Give a .safetensors, .weights.h5"):
        build_classifier(NAME, 3, SHAPE, tmp_path / "nowhere.keras")


def test_published_weights_are_downloaded_from_the_hub(published, monkeypatch, tmp_path):
    asked = []

    def download(file, origin, cache_subdir):
        asked.append((file, origin))
        save_file(published, tmp_path / file)
        return str(tmp_path / file)

    monkeypatch.setattr(keras.utils, "get_file", download)
    model = build_classifier(NAME, 3, SHAPE, "imagenet")
    assert asked == [
        (
            "timm_resnext50_32x4d.tv_in1k.safetensors",
            "https://huggingface.co/timm/resnext50_32x4d.tv_in1k/resolve/main/model.safetensors",
        )
    ]
    np.testing.assert_array_equal(model.get_layer("conv1_bn").beta, published["bn1.bias"])


def test_offline_one_sentence_says_which_file_from_where(monkeypatch, tmp_path):
    def unreachable(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    expected = (
        r"For resnext50.*cannot download model.safetensors from https://\S*/model.safetensors \(.*not known\).*FILE"
    )
    with pytest.raises(MissingDataError, match=expected):
        build_classifier(NAME, 2, SHAPE, weights="imagenet")
