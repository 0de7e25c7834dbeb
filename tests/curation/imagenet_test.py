from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from keras_sketch.curation.imagenet import branch_of, display_names, find_class, imagenet_classes
from keras_sketch.errors import UnknownNameError


def test_the_classes_are_those_of_tfds_in_its_order():
    labels = Path(tfds.__file__).parent / "datasets/imagenet2012/labels.txt"
    assert [each.wnid for each in imagenet_classes()] == labels.read_text().split()


@pytest.mark.parametrize(
    ("number", "wnid", "name"),
    # The anchors are torchvision's `ResNet50_Weights.IMAGENET1K_V1.meta["categories"]` at these places.
    [
        (0, "n01440764", "tench"),
        (1, "n01443537", "goldfish"),
        (207, "n02099601", "golden retriever"),
        (281, "n02123045", "tabby"),
        (388, "n02510455", "giant panda"),
        (402, "n02676566", "acoustic guitar"),
        (817, "n04285008", "sports car"),
        (948, "n07742313", "Granny Smith"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_a_class_is_at_its_place_under_its_name(number, wnid, name):
    each = imagenet_classes()[number]
    assert (each.wnid, each.name) == (wnid, name)


def test_names_are_unique_and_found_however_they_are_written():
    classes = imagenet_classes()
    assert len({each.name.casefold().replace("-", " ") for each in classes}) == 1000
    for each in classes:
        for text in (each.wnid, each.wnid.upper(), each.name, each.name.upper().replace(" ", "_")):
            assert find_class(text) is each


def test_names_that_lemmas_share_are_told_apart():
    names = {wnid: find_class(wnid).name for wnid in ("n02012849", "n03126707", "n03710637", "n03710721")}
    assert names == {
        "n02012849": "crane (bird)",
        "n03126707": "crane (machine)",
        "n03710637": "maillot",
        "n03710721": "tank suit",
    }
    assert find_class("Cardigan").wnid == "n02963159"
    assert find_class("cardigan welsh corgi").wnid == "n02113186"
    assert find_class("missile").wnid == "n03773504"
    assert find_class("sunglass").wnid == "n04355933"
    assert find_class("sunglasses").wnid == "n04356056"


def test_a_synonym_finds_its_class_and_a_shared_one_asks_which():
    assert find_class("carassius_auratus").wnid == "n01443537"
    with pytest.raises(UnknownNameError, match=r"crane \(bird\), crane \(machine\).*n02012849 or n03126707"):
        find_class("Crane")


@pytest.mark.parametrize(
    ("text", "nearest"), [("goldfsh", "'goldfish'"), ("n02099602", "'n02099601'"), ("golden retreiver", "'golden ret")]
)
def test_an_unknown_class_names_the_nearest(text, nearest):
    with pytest.raises(UnknownNameError, match=f"Unknown ImageNet class .*Did you mean {nearest}"):
        find_class(text)


def test_every_class_has_a_branch():
    branches = [each.branch for each in imagenet_classes()]
    counts = {branch: branches.count(branch) for branch in branches}
    assert len(counts) == 16
    # ImageNet's 118 dog breeds stand together, and so do the animals, which are the labels 0 to 397.
    assert set(branches[:398]) == {"animal"} and counts["animal"] == 398
    assert (counts["vehicle"], counts["musical instrument"], counts["other"]) == (72, 26, 18)
    assert branch_of("n02099601") == "animal"
    assert branch_of("n07873807") == "food"
    with pytest.raises(UnknownNameError):
        branch_of("n00000001")


def test_readable_names_replace_ids_and_nothing_else():
    assert display_names(("n02099601", "n01443537")) == ("golden retriever", "goldfish")
    assert display_names(["n02099601", "owl"]) == ("n02099601", "owl")
    assert display_names(()) == ()
