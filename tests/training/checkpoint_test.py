import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.losses import CrossEntropy
from keras_sketch.training.checkpoint import Checkpoints, Place, fitting_state, network_state, restore, restore_network

SHAPE = (32, 32, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, *SHAPE)).astype("float32")


def compiled():
    model = build_classifier("efficientnet_b0", 2, SHAPE)
    model.compile("sgd", CrossEntropy(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.slow
def test_a_restored_efficientnet_has_the_logits_of_the_stored_one(tmp_path):
    stored = compiled()
    normalization = stored.get_layer(index=2)
    normalization.set_weights([np.float32([0.5, 0.4, 0.3]), np.float32([0.05, 0.06, 0.07]), np.array(0)])
    normalization.finalize_state()
    # Random networks give nearly nothing; so the scaling shows.
    head = stored.get_layer("logits")
    head.set_weights([1e3 * weight for weight in head.get_weights()])
    checkpoints = Checkpoints(tmp_path)
    assert not checkpoints.exist
    checkpoints.save({**network_state(stored), **fitting_state(stored)}, Place(1, 2), {}, {})
    assert checkpoints.exist
    place, _, arrays = checkpoints.latest()
    assert place == Place(1, 2)
    expected = stored.predict(PIXELS, verbose=0)
    tolerance = dict(rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    for traced in (False, True):
        other = compiled()
        if traced:
            other.predict(PIXELS, verbose=0)
        restore_network(other, arrays)
        restore({"optimizer": other.optimizer.variables}, arrays)
        np.testing.assert_allclose(other.predict(PIXELS, verbose=0), expected, **tolerance)
        np.testing.assert_allclose(other(PIXELS), expected, **tolerance)
