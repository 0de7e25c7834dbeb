import keras
import numpy as np
import pytest

from keras_sketch import build_classifier, gradcam
from keras_sketch.errors import BadDataError, InvalidArgumentError
from keras_sketch.models import train_from
from keras_sketch.models.delf import (
    DescriptorReduction,
    has_untrained_attention,
    local_feature_network,
    without_reduction,
)
from keras_sketch.models.splitting import split_network


def pixels(count, height, width, seed=0):
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, 256, (count, height // 8, width // 8, 3)), np.ones((1, 8, 8, 1))).astype("uint8")


@pytest.fixture(scope="module")
def attentive():
    keras.utils.set_random_seed(0)
    return build_classifier("mobilenet_025", 3, (64, 64, 3), pooling="attention")


@pytest.fixture(scope="module")
def plain():
    keras.utils.set_random_seed(0)
    return build_classifier("mobilenet_025", 3, (32, 32, 3))


class TestNetwork:
    def test_learned_attention_gives_the_scores(self, attentive):
        assert has_untrained_attention(attentive)
        score = attentive.get_layer("attention_score")
        score.kernel.assign(np.random.default_rng(0).normal(size=score.kernel.shape))
        assert not has_untrained_attention(attentive)
        images = pixels(1, 64, 64)
        network = local_feature_network(attentive, scales=(1.0,), max_features=1, threshold=0.0, dimensions=None)
        parts = [score.output, attentive.get_layer("attention_conv").input]
        scores, features = keras.Model(attentive.inputs[0], parts)(images)
        found = network(images)
        np.testing.assert_allclose(found["scores"][0, 0], np.max(scores), rtol=1e-4)
        best = np.reshape(features, (-1, features.shape[-1]))[np.argmax(scores)]
        np.testing.assert_allclose(found["descriptors"][0, 0], best / np.linalg.norm(best), atol=1e-4)

    def test_without_attention_the_features_length_is_the_score(self, plain):
        network = local_feature_network(plain, scales=(1.0,), max_features=4, threshold=0.0, dimensions=None)
        assert network.get_layer("delf_pyramid").layers_read == ("conv_pw_11_relu",)
        images = pixels(2, 32, 32)
        features = keras.Model(plain.inputs[0], plain.get_layer("conv_pw_11_relu").output)(images)
        # The others of the four cells are at the rim.
        lengths = np.linalg.norm(features, axis=-1)[:, 0, 0]
        np.testing.assert_allclose(network(images)["scores"], [[each, 0, 0, 0] for each in lengths], rtol=1e-4)

    def test_a_convolution_with_its_activation_inside_serves_too(self):
        network = local_feature_network(build_classifier("vgg16", 2, (32, 32, 3)), dimensions=None)
        assert network.get_layer("delf_pyramid").layers_read == ("block5_conv3",)

    def test_another_layer_can_be_asked_for(self, plain, attentive):
        for classifier in (plain, attentive):
            network = local_feature_network(classifier, layer="conv_pw_5_relu")
            assert network.get_layer("delf_pyramid").layers_read == ("conv_pw_5_relu",)
        with pytest.raises(InvalidArgumentError, match="gives maps"):
            local_feature_network(plain, layer="conv_99")

    @pytest.mark.parametrize("size", [(64, 64), (96, 72)])
    def test_images_of_any_size_one_by_one_as_together(self, plain, size):
        network = local_feature_network(plain, scales=(0.5, 1.0, 1.4142), max_features=60)
        images = pixels(4, *size)
        together = network(images)
        assert together["descriptors"].shape == (4, 60, 40) and int(min(together["counts"])) > 5
        for place in (0, 3):
            alone = network(images[place : place + 1])
            for name in together:
                np.testing.assert_allclose(alone[name][0], together[name][place], atol=2e-4)

    def test_weights_are_the_classifiers_copied(self, plain):
        network = local_feature_network(plain)
        copied = network.get_layer("delf_pyramid").network.get_layer("conv_pw_11").kernel
        original = plain.get_layer("conv_pw_11").kernel
        np.testing.assert_array_equal(copied, original)
        copied.assign(copied + 1)
        assert np.abs(np.array(copied) - np.array(original)).min() > 0.5

    def test_before_the_pca_are_the_same_keypoints(self, plain):
        network = local_feature_network(plain, max_features=20)
        images = pixels(2, 64, 64)
        reduced, whole = network(images), without_reduction(network)(images)
        for name in ("locations", "scales", "scores", "counts"):
            np.testing.assert_array_equal(reduced[name], whole[name])
        assert whole["descriptors"].shape == (2, 20, 128)

    @pytest.mark.parametrize("wrong", [{"scales": ()}, {"scales": (0.0,)}, {"max_features": 0}, {"threshold": -1.0}])
    def test_values_that_cannot_be_are_refused(self, plain, wrong):
        with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
            local_feature_network(plain, **wrong)


def test_the_reduction_is_a_pca_of_length_one_that_leaves_zeros():
    random = np.random.default_rng(0)
    mean, components = random.normal(size=8), np.linalg.qr(random.normal(size=(8, 3)))[0]
    rows = random.normal(size=(1, 5, 8)).astype("float32")
    rows[:, 3:] = 0
    layer = DescriptorReduction(3)
    untrained = np.array(layer(rows))
    np.testing.assert_allclose(np.linalg.norm(untrained, axis=-1), [[1, 1, 1, 0, 0]], atol=1e-6)
    layer.set_components(mean, components)
    expected = (rows[0, :3] - mean) @ components
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(layer(rows)[0], [*expected, *np.zeros((2, 3))], atol=1e-5)


class TestMatrix:
    """`delf_resnet50_matrix`."""

    @pytest.fixture(scope="class")
    def source(self):
        """A classifier whose attention is not constant."""
        keras.utils.set_random_seed(1)
        model = build_classifier("delf_resnet50", 3, (32, 32, 3))
        kernel = model.get_layer("attention_score").kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
        return model

    @pytest.fixture(scope="class")
    def file(self, source, tmp_path_factory):
        path = tmp_path_factory.mktemp("weights") / "delf.weights.h5"
        local_feature_network(source).save_weights(path)
        return path

    @pytest.fixture(scope="class")
    def model(self, file):
        return build_classifier("delf_resnet50_matrix", 3, (32, 48, 3), weights=file, bottleneck=8)

    def test_it_is_made_of_the_strongest_features(self, source, model):
        images = pixels(2, 32, 48)
        found = local_feature_network(source)(images)
        matrix = keras.Model(model.inputs[0], model.get_layer("delf_matrix").output)(images)
        assert matrix.shape == (2, 6000) and 5 < int(found["counts"][0]) < 150
        np.testing.assert_allclose(np.reshape(matrix, (2, 150, 40)), found["descriptors"][:, :150], atol=1e-4)

    @pytest.mark.parametrize("block", ["head", "all"])
    def test_the_head_alone_trains_on_features_that_are_computed_once(self, model, block):
        train_from(model, block)
        assert {weight.path.split("/")[0] for weight in model.trainable_weights} == {
            *("bottleneck", "bottleneck_norm", "logits")
        }
        parts = split_network(model)
        assert parts.layers == ("delf_matrix",) and 0.99 < parts.share < 1
        images = pixels(2, 32, 48).astype("float32")
        np.testing.assert_allclose(parts.rest(parts.frozen(images)), model(images), atol=1e-5)

    def test_the_share_counts_every_scale(self, model):
        pyramid = model.get_layer("delf_pyramid")
        # All weights take part once a cell of conv4, 2 x 3 at the images' own size, 4 x 6 at twice that.
        [(_, grid)] = [each for each, scale in zip(pyramid.grids(32, 48), pyramid.scales, strict=True) if scale == 1]
        assert [field.cells for field in grid] == [2, 3]
        assert pyramid.multiplications > 9_114_497 * (2 * 3 + 4 * 6)

    @pytest.mark.slow
    def test_heat_maps_are_of_the_images_own_size(self, model):
        assert gradcam(model, pixels(2, 32, 48), normalize=False).shape == (2, 2, 3)

    def test_weights_of_another_network_are_refused_in_a_sentence(self, plain, tmp_path):
        local_feature_network(plain).save_weights(tmp_path / "delf.weights.h5")
        with pytest.raises(BadDataError, match="do not fit delf_resnet50_matrix") as caught:
            build_classifier("delf_resnet50_matrix", 3, (32, 32, 3), weights=tmp_path / "delf.weights.h5")
        assert len(str(caught.value)) < 400
