import pytest

from keras_sketch.errors import InvalidArgumentError, UnknownNameError
from keras_sketch.models.table import check_side


def test_images_too_small_for_a_network_are_refused():
    check_side("resnet50", 32)
    with pytest.raises(InvalidArgumentError, match=r"--image-size.*resnet50 takes 32 x 32 pixels and more.*: 31\."):
        check_side("resnet50", 31)
    with pytest.raises(UnknownNameError, match="resnet50"):
        check_side("resnet5", 32)
