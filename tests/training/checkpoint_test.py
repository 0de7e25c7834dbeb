import warnings

import numpy as np
import pytest

from keras_sketch import build_classifier
from keras_sketch.losses import CrossEntropy
from keras_sketch.training.checkpoint import (
    Checkpoints,
    Place,
    arrays_of,
    fitting_state,
    network_state,
    restore,
    restore_network,
)

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
    checkpoints.save(arrays_of({**network_state(stored), **fitting_state(stored)}), Place(1, 2), {})
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


def arrays(number):
    return {"model/00000": np.full((50, 20), number, "float32"), "best/00000": np.arange(7.0)}


def test_a_damaged_newest_state_is_passed_over_whatever_was_damaged(tmp_path):
    """A bit anywhere, or an end anywhere: what is read is a state that was written."""
    random = np.random.default_rng(0)
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(arrays(step), Place(0, step), {"history": [step]})
    newest = tmp_path / "state-00000-00000002.npz"
    whole = newest.read_bytes()
    passed_over = 0
    for trial in range(200):
        damaged = bytearray(whole)
        if trial % 4:
            damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        else:
            del damaged[random.integers(len(whole)) :]
        newest.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            place, metadata, found = checkpoints.latest()
        assert metadata == {"history": [place.step]}
        for name, array in arrays(place.step).items():
            np.testing.assert_array_equal(found[name], array)
        passed_over += place.step == 1
    assert passed_over > 150


def test_two_states_stay_and_none_of_a_later_place(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 9):
        checkpoints.save(arrays(step), Place(0, step), {})
    (tmp_path / "state-00000-00000009.npz").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="damaged"):
        assert checkpoints.latest()[0] == Place(0, 2)
    checkpoints.save(arrays(3), Place(0, 3), {})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state-00000-00000002.npz", "state-00000-00000003.npz"]
