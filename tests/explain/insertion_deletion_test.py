import keras
import numpy as np
import pytest
from keras import layers

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.explain import Faithfulness, control_maps, faithfulness, gradcam
from keras_sketch.explain.paper import paper_colour

SIDE = 16


def drawings(count=6, paper=255, seed=0):
    """Blots of ink all over, but none at the edge."""
    random = np.random.default_rng(seed)
    images = np.full((count, SIDE, SIDE, 1), paper, np.uint8)
    blots = random.random((count, SIDE - 2, SIDE - 2, 1)) < 0.4
    ink = random.integers(0, 200, blots.shape)
    images[:, 1:-1, 1:-1] = np.where(blots, ink if paper else 255 - ink, paper)
    return images


def corner_reader():
    """A network whose class 1 is the ink in the upper left quarter, and nothing else."""
    inputs = keras.Input((SIDE, SIDE, 1))
    ink = layers.Rescaling(-1 / 255, 1, name="ink")(inputs)
    corner = np.zeros((SIDE, SIDE, 1))
    corner[: SIDE // 2, : SIDE // 2] = 1
    seen = layers.Lambda(lambda ink: ink * corner.astype("float32"), name="seen")(ink)
    dense = layers.Dense(2)
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D()(seen)))
    dense.set_weights([np.array([[0.0, 80.0]]), np.array([3.7, 0.0])])
    return model, np.broadcast_to(corner[..., 0], (6, SIDE, SIDE)).astype(np.float32)


def by_hand(model, image, heat, chosen, steps):
    """Both curves, pixel by pixel; for one image with ink of many shades and a heat without ties."""
    paper = np.median(np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]]), axis=0)
    ink = np.abs(image - paper).sum(axis=-1)
    order = sorted(np.ndindex(heat.shape), key=lambda place: -heat[place])
    curves = []
    for remove in (False, True):
        probabilities = []
        for step in range(steps + 1):
            picture = image.astype(np.float32) if remove else np.zeros_like(image, np.float32) + paper
            done = 0
            for place in order:
                if done + ink[place] / 2 < ink.sum() * step / steps:
                    picture[place] = paper if remove else image[place]
                done += ink[place]
            logits = np.asarray(model(picture[None]), np.float64)[0]
            probabilities.append(np.exp(logits[chosen]) / np.exp(logits).sum())
        curves.append(probabilities)
    return curves


def test_it_equals_a_loop_by_hand():
    model, _ = corner_reader()
    images, heat = drawings(3), np.random.default_rng(1).random((3, SIDE, SIDE))
    measured = faithfulness(model, images, heat, [1, 0, 1], steps=7)
    for place, chosen in enumerate([1, 0, 1]):
        drawn, rubbed_out = by_hand(model, images[place], heat[place], chosen, 7)
        np.testing.assert_allclose(measured.insertion[place], drawn, atol=1e-5)
        np.testing.assert_allclose(measured.deletion[place], rubbed_out, atol=1e-5)


def test_a_sigmoid_makes_the_probabilities_where_it_is_asked_for():
    model, _ = corner_reader()
    images, heat = drawings(3), np.random.default_rng(1).random((3, SIDE, SIDE))
    logits = np.asarray(model(images.astype("float32")), float)
    for activation, expected in (
        ("softmax", np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)),
        ("sigmoid", 1 / (1 + np.exp(-logits[:, 1]))),
    ):
        measured = faithfulness(model, images, heat, 1, steps=2, activation=activation)
        np.testing.assert_allclose(measured.insertion[:, -1], expected, atol=1e-5)


def test_where_the_evidence_is_known_the_right_map_wins():
    model, right = corner_reader()
    images = drawings()
    measured = {
        name: faithfulness(model, images, heat, 1).figures()
        for name, heat in {"right": right, "wrong": -right, **control_maps(images)}.items()
    }
    assert measured["right"]["low"] > max(measured["random"]["high"], measured["centre"]["high"])
    assert measured["wrong"]["high"] < min(measured["random"]["low"], measured["centre"]["low"])
    assert measured["right"]["insertion"] > measured["random"]["insertion"] > measured["wrong"]["insertion"]
    assert measured["right"]["deletion"] < measured["random"]["deletion"] < measured["wrong"]["deletion"]
    heat = gradcam(model, images, 1, "layercam", layer="ink")
    assert faithfulness(model, images, heat, 1).figures()["low"] > measured["random"]["high"]


def test_a_map_turned_upside_down_has_the_negative_score():
    model, _ = corner_reader()
    heat = np.random.default_rng(2).random((6, SIDE, SIDE))
    score = faithfulness(model, drawings(), heat, 1).scores
    np.testing.assert_allclose(faithfulness(model, drawings(), -heat, 1).scores, -score, atol=1e-5)
    assert np.abs(score).max() > 0.01


def test_random_maps_have_no_score_on_average():
    model, _ = corner_reader()
    images = np.repeat(drawings(1), 200, axis=0)
    figures = faithfulness(model, images, control_maps(images, seed=3)["random"], 1, steps=10).figures()
    assert figures["low"] < 0 < figures["high"] and figures["high"] - figures["low"] < 0.1


def test_the_order_counts_and_not_the_values_and_empty_paper_does_not_count():
    model, right = corner_reader()
    images, heat = drawings(), np.random.default_rng(1).random((6, SIDE, SIDE))
    measured = faithfulness(model, images, heat, 1)
    np.testing.assert_allclose(faithfulness(model, images, heat**3, 1).insertion, measured.insertion, atol=1e-6)
    heat[images[..., 0] == 255] += 1
    np.testing.assert_allclose(faithfulness(model, images, heat, 1).deletion, measured.deletion, atol=1e-6)


def test_the_predicted_class_is_the_default():
    model, right = corner_reader()
    predicted = model.predict(drawings(), verbose=0).argmax(axis=-1)
    assert set(predicted) == {0, 1}
    measured = faithfulness(model, drawings(), right)
    np.testing.assert_allclose(measured.insertion, faithfulness(model, drawings(), right, predicted).insertion)


def test_what_the_figures_hold():
    curves = Faithfulness(
        insertion=np.array([[0, 1, 1], [0, 0, 1]], np.float32), deletion=np.array([[1, 0, 0], [1, 1, 0]], np.float32)
    )
    np.testing.assert_allclose(curves.scores, [0.5, -0.5])
    figures = curves.figures()
    assert (figures["insertion"], figures["deletion"], figures["score"]) == (0.5, 0.5, 0)
    assert (figures["low"], figures["high"]) == (-0.5, 0.5)
    one = Faithfulness(curves.insertion[:1], curves.deletion[:1]).figures()
    assert (one["score"], one["low"], one["high"]) == (0.5, None, None)


def test_an_empty_sheet_and_no_steps_between():
    model, right = corner_reader()
    sheet = np.full((1, SIDE, SIDE, 1), 200, np.uint8)
    np.testing.assert_allclose(faithfulness(model, sheet, right[:1], 1).scores, 0, atol=1e-6)
    assert faithfulness(model, drawings(), right, 1, steps=1).insertion.shape == (6, 2)
    assert faithfulness(model, drawings()[:0], right[:0], 1).insertion.shape == (0, 21)


def test_control_maps_repeat_and_differ_from_image_to_image():
    maps = control_maps(np.zeros((3, 20, 30, 1)), seed=1)
    for heat in maps.values():
        assert heat.shape == (3, 20, 30) and heat.dtype == np.float32 and heat.min() >= 0 and heat.max() <= 1
    assert np.unravel_index(maps["centre"][0].argmax(), (20, 30)) in {(9, 14), (9, 15), (10, 14), (10, 15)}
    assert np.abs(maps["random"][0] - maps["random"][1]).max() > 0.1
    np.testing.assert_array_equal(maps["random"], control_maps(np.zeros((3, 20, 30, 1)), seed=1)["random"])
    assert np.abs(maps["random"] - control_maps(np.zeros((3, 20, 30, 1)))["random"]).max() > 0.1


@pytest.mark.parametrize("paper", [0, 255])
def test_paper_is_the_colour_at_the_edge(paper):
    images = np.repeat(drawings(paper=paper), 3, axis=-1)
    images[0, 0, :5] = 100
    np.testing.assert_array_equal(paper_colour(images), np.full((6, 1, 1, 3), paper))


def test_what_does_not_fit_is_refused():
    model, right = corner_reader()
    with pytest.raises(InvalidArgumentError, match=r"`heat` must be of shape \[6, 16, 16\], as the images"):
        faithfulness(model, drawings(), right[:, :-1])
    with pytest.raises(InvalidArgumentError, match="`steps` must be at least 1"):
        faithfulness(model, drawings(), right, steps=0)
    with pytest.raises(InvalidArgumentError, match="`class_index` must be"):
        faithfulness(model, drawings(), right, 2)
