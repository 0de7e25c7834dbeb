import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_sketch import build_classifier
from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.receptive_field import receptive_fields


@pytest.fixture(scope="module")
def network():
    """Every kind of padding, stride and dilation, other ones down than across, and two branches."""
    inputs = keras.Input((None, None, 2))
    x = layers.ZeroPadding2D(((0, 1), (2, 1)))(inputs)
    x = layers.Conv2D(2, (5, 3), strides=2, name="valid")(x)
    x = layers.MaxPooling2D(3, 2, "same", name="same")(x)
    left = layers.DepthwiseConv2D(3, padding="same", name="left")(x)
    right = layers.Conv2D(2, (3, 1), dilation_rate=2, padding="same", name="right")(x)
    x = layers.Add(name="sum")([left, right])
    gate = layers.Conv2D(2, 1, name="gate_conv")(layers.GlobalAveragePooling2D(keepdims=True, name="gate")(x))
    x = layers.ReLU(name="gated")(layers.Multiply(name="product")([x, gate]))
    return keras.Model(inputs, layers.AveragePooling2D((2, 1), name="last")(x))


def seen(network, name, height, width, cell):
    """Returns the first and the last row and column on which a cell depends."""
    part = keras.Model(network.inputs[0], network.get_layer(name).output)
    part.set_weights([np.abs(weight) + 0.1 for weight in part.get_weights()])
    pixels = tf.Variable(np.random.default_rng(0).uniform(1, 2, (1, height, width, 2)).astype("float32"))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(part(pixels)[0, cell[0], cell[1]])
    rows, columns = np.nonzero(np.abs(tape.gradient(value, pixels)[0]).sum(-1))
    return (rows.min(), rows.max()), (columns.min(), columns.max())


@pytest.mark.parametrize("name", ["valid", "left", "right", "sum"])
@pytest.mark.parametrize("height, width", [(64, 71), (65, 70)])
def test_a_cell_depends_on_the_pixels_of_its_field_alone(network, name, height, width):
    # The largest of a window is one pixel; an average has the same window and depends on all of it.
    averaging = keras.models.clone_model(
        network,
        clone_function=lambda layer: (
            layers.AveragePooling2D(3, 2, "same", name="same")
            if layer.name == "same"
            else layer.__class__.from_config(layer.get_config())
        ),
    )
    cell = (6, 7)
    measured = seen(averaging, name, height, width, cell)
    for axis, size in enumerate((height, width)):
        field = receptive_fields(network, size, axis)[name]
        start = cell[axis] * field.stride
        assert (field.first + start, field.last + start) == measured[axis]


@pytest.mark.parametrize("size", [16, 31, 32, 33])
def test_it_counts_the_cells(network, size):
    for name in ("valid", "same", "sum", "last"):
        output = keras.Model(network.inputs[0], network.get_layer(name).output)(np.zeros((1, size, size + 3, 2)))
        cells = tuple(receptive_fields(network, side, axis)[name].cells for axis, side in enumerate((size, size + 3)))
        assert cells == output.shape[1:3]


def test_what_looks_at_the_whole_image_has_no_field_and_takes_none_away(network):
    fields = receptive_fields(network, 64)
    assert fields["gate"] is None and fields["gate_conv"] is None
    assert fields["product"] == fields["gated"] == fields["sum"]


def test_conv4_of_resnet50_has_a_cell_in_the_middle_of_every_sixteenth_pixel():
    # Araujo et al. 2019 (distill.pub/2019/computing-receptive-fields) give 291 pixels for the end of its third stage.
    network = build_classifier("resnet50", 2, (32, 32, 3))
    for size in (90, 128, 181):
        field = receptive_fields(network, size)["conv4_block6_out"]
        assert (field.centre, field.stride, field.cells) == (0, 16, -(-size // 16))
        assert field.last - field.first + 1 == 291


def test_a_network_that_enlarges_maps_is_refused():
    inputs = keras.Input((8, 8, 1))
    network = keras.Model(inputs, layers.UpSampling2D(name="larger")(inputs))
    with pytest.raises(InvalidArgumentError, match="larger, which enlarges"):
        receptive_fields(network, 8)
