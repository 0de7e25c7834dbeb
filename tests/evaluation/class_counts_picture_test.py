import matplotlib.colors
import numpy as np
import pytest

from keras_sketch.errors import BadDataError
from keras_sketch.evaluation import class_counts_picture
from keras_sketch.evaluation.class_counts_picture import draw_class_counts
from keras_sketch.evaluation.figures import BLUE, GREEN, ORANGE

RANDOM = np.random.default_rng(0)


def counted(totals):
    """Each split's examples of each class, 90/5/5."""
    validation = RANDOM.binomial(totals, 0.05)
    test = RANDOM.binomial(totals - validation, 0.05)
    return {"train": totals - validation - test, "validation": validation, "test": test}


@pytest.fixture
def drawn(monkeypatch):
    """Draws, and gives the figure in place of the file."""
    figures = []
    monkeypatch.setattr(class_counts_picture, "save_figure", lambda figure, _: figures.append(figure))

    def draw(*arguments, **settings):
        draw_class_counts("classes.png", *arguments, **settings)
        return figures[-1]

    return draw


def names_of(figure):
    return [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]


@pytest.mark.parametrize("classes", [8, 1000])
def test_the_picture_shows_all_splits(tmp_path, picture, count_of, classes):
    counts = counted(RANDOM.integers(200, 400, classes))
    draw_class_counts(tmp_path / "classes.png", counts, [f"class {index}" for index in range(classes)])
    pixels = picture(tmp_path / "classes.png")
    assert pixels.shape[1] > 800
    assert count_of(pixels, BLUE) > 5 * count_of(pixels, ORANGE) > 500
    assert count_of(pixels, GREEN) > 500


def test_bars_are_stacked_the_largest_class_first(drawn):
    counts = {"train": [3, 10, 5], "test": [1, 0, 6]}
    figure = drawn(counts, ["Chad", "Peru", "Fiji"])
    (axes,) = figure.axes
    assert names_of(figure) == ["Fiji", "Peru", "Chad"]
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0, 5), (0, 10), (0, 3), (5, 6), (10, 0), (3, 1)]
    assert [text.get_text() for text in axes.texts] == ["11", "10", "4"]
    assert axes.get_xscale() == "linear"


def test_124_classes_of_far_different_sizes_have_rows_in_columns_and_a_logarithmic_axis(drawn):
    figure = drawn(counted(np.geomspace(1, 12_000, 124).astype(int)), [f"class {index}" for index in range(124)])
    assert len(figure.axes) == 3
    assert names_of(figure)[:2] == ["class 123", "class 122"] and len(names_of(figure)) == 124
    assert {axes.get_xscale() for axes in figure.axes} == {"log"}
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert not figure.axes[0].patches
    linear = drawn(counted(np.full(124, 9)), [f"class {index}" for index in range(124)])
    assert {axes.get_xscale() for axes in linear.axes} == {"linear"}


def test_classes_without_examples_are_counted_and_those_unseen_in_training_coloured(drawn):
    figure = drawn({"train": [5, 0, 0], "test": [0, 4, 0]}, ["Chad", "Peru", "Fiji"])
    assert names_of(figure) == ["Chad", "Peru"]
    colours = [matplotlib.colors.to_hex(label.get_color()).upper() for label in figure.axes[0].get_yticklabels()]
    assert colours == ["#000000", "#D00000"]
    assert figure.get_supxlabel() == "examples (2 classes; 1 more without any; 1 without any in training, in red)"


def test_a_test_split_alone_says_nothing_of_training(drawn):
    figure = drawn({"test": [0, 4, 2]}, ["Chad", "Peru", "Fiji"])
    assert figure.get_supxlabel() == "examples (2 classes; 1 more without any)"


@pytest.mark.parametrize(
    ("counts", "message"), [({"train": [1, 2]}, "not of 3 classes"), ({"train": [0, 0, 0]}, "no examples")]
)
def test_what_cannot_be_drawn_is_refused(tmp_path, counts, message):
    with pytest.raises(BadDataError, match=message):
        draw_class_counts(tmp_path / "classes.png", counts, ["a", "b", "c"])
    assert not list(tmp_path.iterdir())
