"""DELF (Noh et al. 2017): local features of images, made by the convolutions of a classifier."""

from __future__ import annotations

import keras
from keras import ops

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.models.delf_layers import (
    SCALES,
    THRESHOLD,
    FeaturePyramid,
    FixedLayer,
    KeypointSelection,
    of_length_one,
)
from keras_sketch.models.receptive_field import receptive_fields

MAX_FEATURES, DIMENSIONS, MATRIX_FEATURES = 1000, 40, 150
_STRIDE = 16
_MADE_OF = (keras.layers.Activation, keras.layers.ReLU, keras.layers.Add, keras.layers.Concatenate)


@keras.saving.register_keras_serializable(package="keras_sketch")
class DescriptorReduction(FixedLayer):
    """Principal components of descriptors, each of length 1 again; rows of zeros stay. Its weights never train.

    Input: `[N, M, D]`; output: float32 `[N, M, dimensions]`. Before `set_components` the components are random
    orthonormal ones.
    """

    def __init__(self, dimensions: int = DIMENSIONS, **kwargs):
        super().__init__(**kwargs)
        self.dimensions = dimensions

    def build(self, input_shape):
        """Makes the mean `[D]` and the components `[D, dimensions]`."""
        depth, orthonormal = input_shape[-1], keras.initializers.Orthogonal(seed=0)
        if depth < self.dimensions:
            raise InvalidArgumentError("dimensions", f"at most {depth}, those of the features", self.dimensions)
        self.mean = self.add_weight((depth,), initializer="zeros", trainable=False, name="mean")
        shape = (depth, self.dimensions)
        self.components = self.add_weight(shape, initializer=orthonormal, trainable=False, name="components")

    def call(self, descriptors):
        """Returns the components."""
        components = of_length_one(ops.matmul(descriptors - self.mean, self.components))
        return ops.where(ops.any(descriptors != 0, axis=-1, keepdims=True), components, 0.0)

    def compute_output_shape(self, input_shape):
        """Returns the input's with fewer dimensions."""
        return (*input_shape[:-1], self.dimensions)

    def set_components(self, mean, components) -> None:
        """Sets the mean `[D]` and the components `[D, dimensions]`."""
        self.mean.assign(mean)
        self.components.assign(components)

    def get_config(self):
        """Returns the dimensions."""
        return {**super().get_config(), "dimensions": self.dimensions}


def local_feature_network(
    classifier: keras.Model,
    layer: str | None = None,
    scales: tuple[float, ...] = SCALES,
    max_features: int = MAX_FEATURES,
    threshold: float = THRESHOLD,
    dimensions: int | None = DIMENSIONS,
) -> keras.Model:
    """Makes a network that finds the local features of images of any size, of a classifier's convolutions.

    A classifier with attention (`attention_conv`, `attention_score`) gives that and the features that it weighs; of any
    other the features' length is their score. What the classifier does to pixels is done here too. The
    weights are copied.

    Args:
        classifier: From `build_classifier`, loaded or trained as it may be.
        layer: The layer with the features, whose length is then the score; None: the one that the attention weighs, or
            without attention the last one with a cell every 16 pixels, such as ResNet50's `conv4_block6_out`.
        scales: Of the pyramid.
        max_features: How many features an image may have.
        threshold: See `KeypointSelection`.
        dimensions: Of the descriptors, after a PCA that is still to be set (layer `delf_pca`); None: as they are.

    Returns:
        From uint8 or float32 `[N, H, W, C]` in 0..255 to what `KeypointSelection` gives. Each new size of images is
        traced anew where it runs in a `tf.function`.

    Raises:
        InvalidArgumentError: There is no such layer, or none that serves, or a value that cannot be.
    """
    _check(scales, max_features, threshold)
    if layer is None and _has_attention(classifier):
        outputs = _attended(classifier)
    else:
        outputs = [_features(classifier, layer)]
    convolutions = for_any_size(keras.Model(classifier.inputs[0], outputs, name=f"{classifier.name}_convolutions"))
    inputs = keras.Input((None, None, classifier.inputs[0].shape[-1]), dtype="float32", name="pixels")
    levels = FeaturePyramid(convolutions, scales, name="delf_pyramid")(inputs)
    found = select_features(levels, max_features, threshold, scales)
    if dimensions is not None:
        reduction = DescriptorReduction(dimensions, name="delf_pca")
        found = {**found, "descriptors": reduction(found["descriptors"])}
    return keras.Model(inputs, found, name=f"{classifier.name}_local_features")


def delf_matrix(scaled, classifier: str = "delf_resnet50", count: int = MATRIX_FEATURES, dimensions: int = DIMENSIONS):
    """The strongest local features of an image as a row of numbers; nothing of it trains.

    Which cells are chosen, and the PCA, stay as they are, so their features are computed once for all epochs
    (`models.splitting`). The weights are in the file `delf.weights.h5` that `keras-sketch extract` writes; without, all
    are random.

    Args:
        scaled: float32 `[N, H, W, 3]`, scaled as that network wants it.
        classifier: The network with attention, a name from `list_models()`.
        count: How many features; for an image with fewer, rows of zeros follow.
        dimensions: Of each.

    Returns:
        `[N, count * dimensions]`.
    """
    from keras_sketch.models.classifier import build_classifier

    trained = build_classifier(classifier, 2, scaled.shape[1:])
    convolutions = for_any_size(keras.Model(trained.get_layer("scaling").output, _attended(trained)))
    found = select_features(FeaturePyramid(convolutions, name="delf_pyramid")(scaled), count)
    reduced = DescriptorReduction(dimensions, name="delf_pca")(found["descriptors"])
    return keras.layers.Reshape((count * dimensions,), dtype="float32", name="delf_matrix")(reduced)


def without_reduction(network: keras.Model) -> keras.Model:
    """Returns the part of a network of `local_feature_network` before the PCA, of which it shares the weights."""
    # Keras hands out the parts of a dict in the order of their names.
    names = sorted(("locations", "scales", "scores", "descriptors", "counts"))
    found = dict(zip(names, network.get_layer("delf_keypoints").output, strict=True))
    return keras.Model(network.inputs[0], found, name=f"{network.name}_before_pca")


def select_features(levels: list[dict], max_features: int, threshold: float = THRESHOLD, scales=SCALES) -> dict:
    """Chooses local features in a pyramid's maps; those of the images' own size are an output of the layer `delf_map`.

    Heat maps (`explain`) are taken from that layer.
    """
    middle = min(range(len(scales)), key=lambda place: abs(scales[place] - 1))
    seen = keras.layers.Identity(dtype="float32", name="delf_map")(levels[middle]["features"])
    levels = [*levels[:middle], {**levels[middle], "features": seen}, *levels[middle + 1 :]]
    return KeypointSelection(max_features, scales, threshold, name="delf_keypoints")(levels)


def for_any_size(network: keras.Model) -> keras.Model:
    """Builds a functional network of one input anew, with the same weights, for images of any height and width."""
    config = network.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            layer["config"]["batch_shape"] = (None, None, None, network.inputs[0].shape[-1])
    rebuilt = type(network).from_config(config)
    rebuilt.set_weights(network.get_weights())
    for layer in rebuilt.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            layer.finalize_state()
    return rebuilt


def has_untrained_attention(classifier: keras.Model) -> bool:
    """Says whether a classifier has an attention that scores everything alike, as it does before it is trained."""
    if not _has_attention(classifier):
        return False
    kernel = classifier.get_layer("attention_score").kernel
    return not ops.convert_to_numpy(kernel).any()


def _has_attention(classifier: keras.Model) -> bool:
    return "attention_score" in {each.name for each in classifier.layers}


def _attended(classifier: keras.Model) -> list:
    """Returns the features that the attention weighs, and its scores."""
    return [classifier.get_layer("attention_conv").input, classifier.get_layer("attention_score").output]


def _check(scales: tuple[float, ...], max_features: int, threshold: float) -> None:
    if not scales or not min(scales) > 0:
        raise InvalidArgumentError("scales", "one or more numbers above 0", scales)
    if max_features < 1:
        raise InvalidArgumentError("max_features", "at least 1", max_features)
    if not threshold >= 0:
        raise InvalidArgumentError("threshold", "a share of the median score, at least 0", threshold)


def _features(classifier: keras.Model, layer: str | None):
    """Returns a layer's output; None: that of the last layer with a cell every 16 pixels."""
    if layer is not None:
        found = [each for each in classifier.layers if each.name == layer and len(each.output.shape) == 4]
        if not found:
            raise InvalidArgumentError("layer", f"one of {classifier.name} that gives maps", layer)
        return found[0].output
    fields = receptive_fields(classifier, classifier.inputs[0].shape[1])
    maps = [each for each in classifier.layers if fields[each.name] and fields[each.name].stride == _STRIDE]
    # VGG's activations are inside its convolutions.
    found = [each for each in maps if isinstance(each, _MADE_OF)] or [each for each in maps if _is_activated(each)]
    if not found:
        raise InvalidArgumentError("layer", f"given: {classifier.name} has no maps with a cell every 16 pixels", layer)
    return found[-1].output


def _is_activated(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.Conv2D) and layer.activation is not keras.activations.linear
