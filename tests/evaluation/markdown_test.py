from keras_sketch.evaluation.markdown import code, escape, table


def test_markdown():
    assert escape("a|b_c\n*d*") == r"a\|b\_c \*d\*"
    assert code("a|b") == r"`a\|b`"
    assert code("a`b") == "`` a`b ``"
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"
