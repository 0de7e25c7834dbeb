import cv2
import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from keras_sketch.exporting import save_classifier
from keras_sketch.workflows.classification import classify


@pytest.mark.parametrize(
    ("recipe", "activation"),
    [
        ({"recipe": {"loss": "binary_cross_entropy"}}, expit),
        ({"recipe": {"loss": "cosface"}}, lambda logits: softmax(logits, axis=-1)),
        ({"recipe": {"model": "from before losses had names"}}, lambda logits: softmax(logits, axis=-1)),
        ({}, lambda logits: softmax(logits, axis=-1)),
    ],
)
def test_the_recipes_loss_says_what_makes_probabilities(recipe, activation, tmp_path):
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 64)(inputs))
    preprocessing = {"image_size": 8, "channels": 3, "resize": "pad", "pixels": "0..255"}
    metadata = {"class_names": ["7", "8", "9", "10"], "preprocessing": preprocessing, **recipe}
    save_classifier(keras.Model(inputs, keras.layers.Dense(4)(features)), tmp_path / "m.keras", metadata)
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype("uint8"))
    model, pixels, found = classify(str(tmp_path / "m.keras"), [str(tmp_path / "a.png")])
    assert found.dtype == np.float32
    assert np.allclose(found, activation(model.predict(pixels, verbose=0)), atol=1e-6)
