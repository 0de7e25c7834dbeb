import pytest

from keras_sketch.evaluation.training_section import training_section
from keras_sketch.recipes.recipe import Published


def scored(top1, count=1000, gap=None, **more):
    width = 1.96 * (top1 * (1 - top1) / count) ** 0.5
    values = {"top1": top1, "top5": 0.9, "gap": top1 / 2 if gap is None else gap}
    intervals = {key: [value - width, value + width] for key, value in values.items()}
    return {**values, "num_examples": count, "intervals": intervals, **more}


def cells(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_training_and_test_stand_side_by_side():
    text = training_section({**scored(0.25), "train": scored(0.36, 1234)})
    assert cells(text, "top-1")[1::2] == ["36.00 %", "25.00 %", "+11.00"]
    assert cells(text, "GAP")[1::2] == ["18.00 %", "12.50 %", "+5.50"]
    low, _, high = cells(text, "top-1")[6].split()
    # Of intervals that lie evenly about the figures Newcombe's is their hypotenuse, 3.79 points each way.
    assert (float(low), float(high)) == pytest.approx((7.21, 14.79), abs=0.06)
    assert cells(text, "examples")[1::2] == ["1,234", "1,000", ""]
    assert "Top-1 is 11.00 points higher" in text and "(overfitting)" in text


@pytest.mark.parametrize(
    ("train", "said"), [(0.26, "overfitting does not show"), (0.2, "5.00 points lower on images that the network was")]
)
def test_what_chance_explains_is_no_overfitting(train, said):
    text = training_section({**scored(0.25), "train": scored(train)})
    assert said in text and "(overfitting)" not in text


def test_published_figures_stand_beside_ours():
    published = [Published("no figure of training", {"top1": 0.5}), Published("p", {"gap": 0.05, "train.gap": 0.16})]
    text = training_section({**scored(0.25), "train": scored(0.36)}, published)
    assert "| training, published [2] | test, published [2] |" in text
    assert cells(text, "GAP")[-2:] == ["16.00 %", "5.00 %"]
    assert cells(text, "top-1")[-2:] == ["", ""]
    assert len({len(line.split("|")) for line in text.splitlines() if line.startswith("|")}) == 1


def test_gap_is_compared_without_distractors():
    test = scored(0.25, gap=0.1, gap_without_distractors=0.2, num_distractors=5)
    test["intervals"]["gap_without_distractors"] = [0.15, 0.25]
    text = training_section({**test, "train": scored(0.36, gap=0.3)})
    assert cells(text, "GAP")[1::2] == ["30.00 %", "20.00 %", "+10.00"]
    assert "GAP is that without distractors" in text


def test_nothing_is_said_where_training_images_were_not_scored():
    assert training_section(scored(0.25)) == ""
