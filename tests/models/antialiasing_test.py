import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.models.antialiasing import resized


@pytest.mark.parametrize("size", [(5, 7), (12, 16), (30, 9), (24, 32)])
def test_resizing_is_tensorflows_antialiased_one(size):
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 12, 16, 3)).astype("float32")
    expected = tf.image.resize(pixels, size, antialias=True)
    np.testing.assert_allclose(resized(tf.constant(pixels), *size), expected, atol=1e-2)
