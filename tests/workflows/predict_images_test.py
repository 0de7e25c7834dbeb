from types import SimpleNamespace

import numpy as np
import pytest

from keras_sketch.workflows import predict


@pytest.mark.parametrize(
    ("names", "shown"), [(("n01443537", "n02099601"), "golden retriever"), (("cat", "n02099601"), "n02099601")]
)
def test_wordnet_ids_are_printed_as_readable_names(monkeypatch, capsys, names, shown):
    answer = SimpleNamespace(class_names=names), None, np.array([[0.25, 0.75]], np.float32)
    monkeypatch.setattr("keras_sketch.workflows.predict_images.classify", lambda run, images: answer)
    assert predict("run", ("a.png",), k=1) == [[("n02099601", 0.75)]]
    assert capsys.readouterr().out == f"a.png: {shown} 75.0%\n"
