import typing

import cv2
import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from keras_sketch.errors import InvalidArgumentError, MissingDataError, UnknownNameError
from keras_sketch.explain import METHODS
from keras_sketch.exporting import save_classifier
from keras_sketch.workflows import explain
from keras_sketch.workflows.explain_images import Method


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a classifier of white and black corners, and two pictures."""
    folder = tmp_path_factory.mktemp("home")
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 1))
    x = layers.Conv2D(4, 3, activation="relu", name="first")(layers.Rescaling(1 / 255)(inputs))
    x = layers.Conv2D(5, 3, activation="relu", name="second")(x)
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    preprocessing = {"image_size": 16, "channels": 1, "resize": "pad"}
    metadata = {"class_names": ["cat", "dog", "fish"], "preprocessing": preprocessing}
    save_classifier(model, folder / "model.keras", metadata)
    for number in range(2):
        drawing = np.full((20, 30), 255, np.uint8)
        cv2.line(drawing, (5, 3), (20, 8 + 8 * number), 0, 2)
        cv2.imwrite(str(folder / f"{number}.png"), drawing)
    return folder


@pytest.fixture
def call(home, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    images = [str(home / "0.png"), str(home / "1.png")]
    return lambda **options: explain(str(home / "model.keras"), images, **options)


def test_the_methods_of_the_command_are_those_of_the_library():
    assert typing.get_args(Method) == (*METHODS, "all", "channels")


@pytest.mark.parametrize("method", typing.get_args(Method))
def test_every_method_writes_its_picture(call, method, tmp_path):
    path = call(method=method, class_name="dog", layer="first") if method != "channels" else call(method=method)
    assert path.name == f"{method}.png"
    with Image.open(tmp_path / path) as picture:
        assert picture.format == "PNG" and min(picture.size) > 200


def test_faithfulness_is_printed_for_each_map_and_for_those_that_know_nothing(call, capsys):
    call(method="gradcam++", faithfulness=True)
    header, *rows, path = capsys.readouterr().out.splitlines()
    assert header.split() == ["heat", "drawn", "rubbed", "out", "difference", "95", "%", "interval"]
    assert [row.split()[0] for row in rows] == ["gradcam++", "random", "centre"] and path == "gradcam++.png"
    for row in rows:
        _, drawn, rubbed_out, difference, low, _, high = row.split()
        assert float(drawn) - float(rubbed_out) == pytest.approx(float(difference), abs=0.0011)
        assert float(low) <= float(difference) <= float(high)


def test_what_cannot_be_done_is_refused_before_the_model_is_loaded(tmp_path):
    with pytest.raises(InvalidArgumentError, match="`faithfulness` must be left out with --method channels"):
        explain("nowhere", ["x.png"], method="channels", faithfulness=True)
    with pytest.raises(InvalidArgumentError, match="`class_name` must be left out with --method channels"):
        explain("nowhere", ["x.png"], method="channels", class_name="dog")
    with pytest.raises(MissingDataError, match="The folder of nowhere/x.png does not exist"):
        explain("nowhere", ["x.png"], output="nowhere/x.png")
    with pytest.raises(InvalidArgumentError, match="`output` must be the picture to write, not a folder"):
        explain("nowhere", ["x.png"], output=str(tmp_path))


@pytest.mark.parametrize("method", ["gradcam", "channels"])
def test_unknown_names_are_refused(call, method, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'second'"):
        call(method=method, layer="secnd")
    if method == "gradcam":
        with pytest.raises(UnknownNameError, match="Unknown class 'dgo'. Did you mean 'dog'"):
            call(class_name="dgo")
    assert not list(tmp_path.iterdir())
