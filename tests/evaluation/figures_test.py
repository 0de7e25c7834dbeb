from keras_sketch.evaluation.figures import display_name


def test_display_name():
    assert display_name("The Great\nWall of China, all of it", 16) == "The Great Wall…"
    assert display_name("a$b$") == r"a\$b\$"
