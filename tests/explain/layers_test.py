import keras
import pytest
from keras import layers

from keras_sketch.errors import UnknownNameError
from keras_sketch.explain.layers import feature_layer_name, find_layer, output_operation
from keras_sketch.models.pooling import pool


def head(features):
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(features))


def test_it_is_the_last_before_pooling_and_not_the_last_convolution():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="early", padding="same")(inputs)
    y = layers.Conv2D(2, 3, name="narrow", padding="same")(x)
    joined = layers.Concatenate(name="joined")([x, y])
    assert feature_layer_name(keras.Model(inputs, head(joined))) == "joined"


def test_one_by_one_outputs_are_passed_over():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="features")(inputs)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(3, 1, name="head")(layers.Dropout(0.1)(x))
    assert feature_layer_name(keras.Model(inputs, layers.Flatten()(x))) == "features"


def test_squeeze_and_excitation_is_not_taken_for_the_pooling():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    gate = layers.Conv2D(4, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply(name="gated")([x, gate])
    assert feature_layer_name(keras.Model(inputs, head(x))) == "gated"


def test_of_attention_it_is_what_is_weighed(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="features")(inputs)
    model = keras.Model(inputs, layers.Dense(3)(pool(x, "attention")))
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)):
        assert feature_layer_name(each) == "features"
    assert find_layer(model, "attention_score")[0] == "attention_score"


@pytest.mark.parametrize("pooling", ["avg", "attention"])
def test_of_two_towers_it_is_the_second_one_s(pooling):
    inputs = keras.Input((8, 8, 3))
    first = layers.MaxPooling2D(name="end_of_first")(layers.Conv2D(4, 3)(layers.Conv2D(4, 3)(inputs)))
    second = layers.Conv2D(4, 3, name="end_of_second")(inputs)
    joined = layers.Concatenate()([pool(first, pooling, "first"), pool(second, pooling, "second")])
    assert feature_layer_name(keras.Model(inputs, layers.Dense(3)(joined))) == "end_of_second"


def test_images_of_any_size_and_operations_without_layers():
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3)(inputs)
    operation = keras.ops.relu(x)
    name = feature_layer_name(keras.Model(inputs, head(operation)))
    assert name == operation._keras_history.operation.name


def test_a_nested_network_is_taken_whole_or_entered():
    inner = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inner)
    inputs = keras.Input((8, 8, 3))
    whole = keras.Model(inner, x, name="whole")
    assert feature_layer_name(keras.Model(inputs, head(whole(inputs)))) == "whole"
    pooled = keras.Model(inner, layers.GlobalMaxPooling2D()(x), name="pooled")
    outer = keras.Sequential([inputs, keras.Sequential([pooled], name="outer"), layers.Dense(3)])
    assert feature_layer_name(outer) == "outer/pooled/conv"


def test_of_a_large_network_a_few_layers_are_named():
    inputs = x = keras.Input((32, 32, 3))
    for stage in range(3):
        for block in range(9):
            x = layers.Conv2D(2, 3, padding="same", name=f"stage{stage}_block{block}_conv")(x)
        x = layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    model = keras.Model(inputs, head(x))
    with pytest.raises(UnknownNameError) as error:
        find_layer(model, "block4")
    message = str(error.value)
    assert "There are 30" in message and len(message) < 500
    assert "With 'block4' in its name: stage0_block4_conv, stage1_block4_conv, stage2_block4_conv." in message
    assert "size: stage0_block8_conv (32 x 32), stage1_block8_conv (16 x 16), stage2_block8_conv (8 x 8)," in message
    with pytest.raises(UnknownNameError, match="Did you mean 'stage1_block3_conv'"):
        find_layer(model, "stage1_block3_cnv")


def test_the_output_is_found_inside_nested_networks():
    inner = keras.Input((8, 8, 3))
    top = keras.Model(inner, head(layers.Conv2D(2, 3)(inner)))
    inputs = keras.Input((8, 8, 3))
    assert output_operation(keras.Model(inputs, top(inputs))) is top.layers[-1]
    assert output_operation(keras.Sequential([inputs, top])) is top.layers[-1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MobileNet", "conv_pw_13_relu"),
        ("MobileNetV2", "out_relu"),
        ("EfficientNetB0", "top_activation"),
        ("DenseNet121", "relu"),
        ("ResNet50", "conv5_block3_out"),
    ],
)
@pytest.mark.slow
def test_the_applications(name, expected):
    model = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=5)
    assert feature_layer_name(model) == expected
