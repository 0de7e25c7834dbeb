"""ResNeXt against the published network in PyTorch, through a file with the published names."""

import dataclasses
import gc
import subprocess
import sys

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_sketch import build_classifier
from keras_sketch.models import BACKBONES

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def released():
    yield
    keras.backend.clear_session()
    gc.collect()


@pytest.fixture
def member(monkeypatch):
    """Changes a row of the table to another member of the family."""

    def change(name, **changes):
        row = BACKBONES[name]
        monkeypatch.setitem(BACKBONES, name, dataclasses.replace(row, arguments={**row.arguments, **changes}))
        return BACKBONES[name]

    return change


def in_pytorch(depths, width, cardinality=32):
    """Builds torchvision's ResNeXt, with its names: the parts, and the function that joins them."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Bottleneck(nn.Module):
        def __init__(self, inputs, planes, stride):
            super().__init__()
            middle = int(planes * (width / 64.0)) * cardinality
            self.conv1 = nn.Conv2d(inputs, middle, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(middle)
            self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, groups=cardinality, bias=False)
            self.bn2 = nn.BatchNorm2d(middle)
            self.conv3 = nn.Conv2d(middle, planes * 4, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(planes * 4)
            self.downsample = None
            if stride != 1 or inputs != planes * 4:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inputs, planes * 4, 1, stride, bias=False), nn.BatchNorm2d(planes * 4)
                )

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            y = torch.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            return torch.relu(y + (x if self.downsample is None else self.downsample(x)))

    class ResNeXt(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            channels = 64
            for stage, depth in enumerate(depths):
                blocks = []
                for block in range(depth):
                    blocks.append(Bottleneck(channels, 64 * 2**stage, 2 if stage and not block else 1))
                    channels = 256 * 2**stage
                setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            self.fc = nn.Linear(channels, 1000)

        def forward(self, x):
            x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    torch.manual_seed(0)
    return shaken(ResNeXt().eval())


def shaken(network):
    """Gives every normalization its own scale, offset and statistics; a block adds little, as if trained."""
    torch = pytest.importorskip("torch")
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            low, high = (0.1, 0.3) if name.endswith("bn3") else (0.5, 1.5)
            torch.nn.init.uniform_(module.weight, low, high)
            torch.nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    torch.nn.init.normal_(network.fc.weight, std=0.05)
    return network


def normalized(pixels):
    """Scales pixels as torchvision's `ToTensor` and `Normalize` do: float32 `[N, 3, H, W]`."""
    scaled = (pixels.astype("float32") / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), "float32")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("resnext50_32x4d", dict(depths=(1, 1, 1, 1))),
        pytest.param("ig_resnext101_32x8d", {}, marks=pytest.mark.slow),
        pytest.param("resnext50_32x4d", {}, marks=pytest.mark.slow),
        pytest.param("ig_resnext101_32x16d", {}, marks=pytest.mark.slow),
    ],
)
def test_logits_are_pytorch_s(name, changes, member, tmp_path):
    torch = pytest.importorskip("torch")
    row = member(name, **changes)
    theirs = in_pytorch(**row.arguments)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(normalized(PIXELS))).numpy()
    save_file({tensor: value.numpy() for tensor, value in theirs.state_dict().items()}, tmp_path / "w.safetensors")
    del theirs
    ours = build_classifier(name, 1000, PIXELS.shape[1:], tmp_path / "w.safetensors", head="pretrained")
    (tmp_path / "w.safetensors").unlink()
    found = ours.predict(PIXELS, verbose=0)
    assert expected.std() > 0.3
    if name == "ig_resnext101_32x8d":
        assert sum(np.prod(weight.shape) for weight in ours.trainable_weights) == 88_791_336
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "count"), [("resnext50_32x4d", 25_028_904), ("ig_resnext101_32x16d", 194_026_792)])
def test_trained_parameters_are_the_published_ones(name, count, monkeypatch):
    monkeypatch.setattr(keras.initializers.HeNormal, "__call__", lambda _, shape, dtype: keras.ops.zeros(shape, dtype))
    model = build_classifier(name, 1000, PIXELS.shape[1:], head="pretrained")
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == count


# One strategy a process: with several in one, TensorFlow aborts.
STEP = """
import keras, numpy as np
from keras import layers
from keras_sketch.losses import CrossEntropy
from keras_sketch.models.pooling import pool
from keras_sketch.models.resnext import resnext
from keras_sketch.training.distribution import make_strategy, scope, synchronize_batch_normalization
strategy = make_strategy(2)
pixels = np.random.default_rng(0).random((4, 32, 32, 3), "float32")
inputs = keras.Input((32, 32, 3))
pooled = pool(resnext(inputs, depths=(1, 1), width=4, cardinality=4), "gem")
model = keras.Model(inputs, layers.Dense(3)(pooled))
assert any(getattr(layer, "groups", 1) == 4 for layer in model.layers)
after = []
for each in (None, strategy):
    with scope(each):
        trained = synchronize_batch_normalization(model)
        trained.compile(keras.optimizers.SGD(0.01), CrossEntropy(), jit_compile=False)
        trained.fit(pixels, np.array([0, 1, 2, 0]), batch_size=4, verbose=0)
    after.append(trained.get_weights())
for before, one, two in zip(model.get_weights(), *after):
    assert not np.array_equal(before, one)
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)
exponent = trained.get_layer("pooling").p
assert exponent != 3
print("TRAINED", len(after[0]), "p", exponent)
"""


def test_a_step_on_two_devices_is_the_step_on_one():
    done = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "TRAINED" in done.stdout
    assert 1 <= float(done.stdout.split()[-1]) < 4
