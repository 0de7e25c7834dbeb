import numpy as np
import pytest

from keras_sketch.errors import InvalidArgumentError
from keras_sketch.workflows.class_matching import check_all_known, match_classes, tell_matches

WNIDS = ("n01443537", "n02099601", "n03598930")


@pytest.mark.parametrize(
    ("known", "names", "places"),
    [
        (("b", "a", "c"), ("a", "c", "d"), [1, 2, -1]),
        (WNIDS, WNIDS[::-1], [2, 1, 0]),
        (WNIDS, ("jigsaw_puzzle", "Golden-Retriever", "cat"), [2, 1, -1]),
        (("golden retriever", "goldfish"), WNIDS, [1, 0, -1]),
        (("Cat", "cat"), ("cat", "CAT"), [1, -1]),
        (("Chile", "United States"), ("United States of America", "CL", "France", "nowhere"), [1, 0, -1, -1]),
        (("cat", "United States"), ("USA", "cat"), [-1, 0]),
    ],
)
def test_classes_are_matched_by_name_or_by_readable_name(known, names, places):
    assert match_classes(known, names).tolist() == places


def test_matches_by_readable_name_are_told(capsys):
    known, names = ("n03793489", "n02099601"), ("mouse", "n02099601", "cat")
    tell_matches(known, names, match_classes(known, names))
    printed = "1 of 3 classes are matched by a readable name: mouse = n03793489 (mouse, tool or device)\n"
    assert capsys.readouterr().out == printed
    tell_matches(("Chile", "United States"), ("USA",), np.array([1]))
    assert capsys.readouterr().out.endswith("by a readable name: USA = United States\n")
    tell_matches(("a", "b"), ("b", "c"), match_classes(("a", "b"), ("b", "c")))
    assert capsys.readouterr().out == ""
    many = [f"c_{i}" for i in range(12)]
    tell_matches(many, [f"C {i}" for i in range(12)], np.arange(12))
    assert capsys.readouterr().out.endswith("C 9 = c_9, ...\n")


def test_only_classes_with_test_examples_must_be_known():
    check_all_known(np.array([0, -1, 1]), ("a", "b", "c"), np.array([0, 2, 2]), "own")
    message = r"know 1 of the 3 classes of own's test.*\(b\). Try --classes a,c. Received: 'a, b, c'"
    with pytest.raises(InvalidArgumentError, match=message):
        check_all_known(np.array([0, -1, 1]), ("a", "b", "c"), np.array([0, 1, 2]), "own")
    with pytest.raises(InvalidArgumentError, match="none of those tested .*c9, ..."):
        check_all_known(np.full(12, -1), [f"c{i}" for i in range(12)], np.arange(12), "own")
