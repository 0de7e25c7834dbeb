from keras_sketch.evaluation.data_section import DataSummary, data_section

NAMES = ["ant", "b|ee", "cat"]


def test_the_smallest_and_the_largest_class_have_names():
    counts = {"train": [4, 10, 5], "test": [2, 2, 2], "validation": []}
    text = data_section(DataSummary("own", {"train": 19, "test": 6, "validation": 3}, class_counts=counts), NAMES)
    assert "| train | 19 | 4 (ant) | 5 | 10 (b\\|ee) |" in text
    assert "| test | 6 | 2 | 2 | 2 |" in text and "| validation | 3 |  |  |  |" in text
    assert "the largest class has 2.5 times the examples of the smallest" in text


def test_balance_in_words():
    def text(counts):
        return data_section(DataSummary("own", {"train": sum(counts)}, class_counts={"train": counts}), NAMES)

    assert "all classes have equally many examples" in text([5, 5, 5])
    assert "1 of 3 classes has no example in training" in text([5, 0, 5])
    assert "2 of 3 classes have no example in training" in text([5, 0, 0])
    assert "In training" not in data_section(DataSummary("own", {"train": 9}), NAMES)


def test_leaks_are_said_also_where_there_are_none():
    splits = {"train": 100, "validation": 10, "test": 20}
    text = data_section(DataSummary("own", splits, leaked={"train": 100, "validation": 0, "test": 13}), NAMES)
    assert "13 of 20 test examples (65.00 %) have a sibling of the same group in training" in text
    assert "No validation example has a sibling of the same group in training." in text
    assert text.count("sibling") == 2
    assert "sibling" not in data_section(DataSummary("own", splits), NAMES)
    text = data_section(DataSummary("own", {"train": 9, "test": 20}, leaked={"test": 1}), NAMES)
    assert "1 of 20 test examples (5.00 %) has a sibling" in text and "so that it is easier" in text


def test_an_evaluation_says_that_its_examples_were_trained_on():
    text = data_section(DataSummary("own", {"test": 20}, leaked={"test": 13}), NAMES)
    assert "13 of 20 test examples (65.00 %) were trained on, or have siblings of the same group that were" in text


def test_what_was_left_out_by_choice():
    text = data_section(DataSummary("own", {"test": 9}, left_out={"ambiguous": 1200, "a_pose": 3}), NAMES)
    assert "Left out by choice: 1,200 ambiguous, 3 a\\_pose." in text
