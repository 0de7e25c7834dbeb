"""TFDS's own test case, and that a seed gives the same doodles again."""

import numpy as np
import tensorflow_datasets as tfds

from keras_sketch.curation.splits import unit_hash
from keras_sketch.drawing import doodle_classes, draw_doodle, draw_street_route
from tfds_builders.doodles.doodles_dataset_builder import Builder

PER_CLASS = 30


def sizes():
    positions = [unit_hash(draw_doodle(name, index).key_id) for name in doodle_classes() for index in range(PER_CLASS)]
    test = sum(position < 0.1 for position in positions)
    validation = sum(0.1 <= position < 0.2 for position in positions)
    return {"train": len(positions) - test - validation, "validation": validation, "test": test}


class DoodlesTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [Builder.make_config(per_class=PER_CLASS)]
    SPLITS = sizes()


def prepared(data_dir, **fields):
    builder = Builder(data_dir=data_dir, config=Builder.make_config(**fields))
    builder.download_and_prepare()
    sets = builder.as_dataset()
    images = {}
    for dataset in sets.values():
        images |= {example["id"]: example["image"].tobytes() for example in tfds.as_numpy(dataset)}
    return builder, images


def test_seed_decides_the_doodles(tmp_path):
    _, first = prepared(tmp_path / "a", per_class=20, classes=doodle_classes()[:2])
    _, again = prepared(tmp_path / "b", per_class=20, classes=doodle_classes()[:2])
    _, other = prepared(tmp_path / "a", per_class=20, classes=doodle_classes()[:2], seed=1)
    assert first == again
    assert len(set(first.values())) == len(first) == 40
    assert not set(first.values()) & set(other.values())


def test_side_and_classes(tmp_path):
    builder, images = prepared(tmp_path, per_class=20, classes=doodle_classes()[:2], side=40)
    assert {len(image) for image in images.values()} == {1600}
    assert builder.info.features["label"].names == sorted(doodle_classes()[:2])
    assert builder.info.features["image"].shape == (40, 40, 1)


def test_streets_are_black_on_white_and_drawn_alone_the_same(tmp_path):
    config = Builder.make_config("streets")
    assert (config.name, config.side) == ("streets", 128)
    builder = Builder(data_dir=tmp_path, config=Builder.make_config("streets", classes=("cat", "sun"), per_class=15))
    builder.download_and_prepare()
    pictures = {
        example["key_id"].decode(): example["image"]
        for split in builder.as_dataset().values()
        for example in tfds.as_numpy(split)
    }
    assert len(pictures) == 30
    doodle = draw_doodle("sun", 7)
    assert np.array_equal(pictures[doodle.key_id][..., 0], draw_street_route(doodle, doodle.key_id, 128))
    assert np.median(pictures[doodle.key_id]) == 255


def test_default_has_at_least_ten_classes_of_400():
    config = Builder.BUILDER_CONFIGS[0]
    assert config.per_class == 400
    assert len(Builder.available_classes(config, None)) >= 10
