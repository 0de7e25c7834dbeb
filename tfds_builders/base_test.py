"""The contract of every builder, and what their base class does."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_builders
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError, InvalidArgumentError, UnknownNameError
from tfds_builders.base import GroupSplitBuilder
from tfds_builders.config import GroupSplitConfig
from tfds_builders.writing import Example

PNG = tf.io.encode_png(np.zeros((2, 2, 1), np.uint8)).numpy()


class NumberedThings(GroupSplitBuilder):
    """Forty examples in twenty groups, each group with one of its two examples in each class."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [GroupSplitConfig(name="plain")]
    SPLIT_SCHEMES = {"hash": SplitScheme(train=0.6, validation=0.2, test=0.2)}
    fail_at = None

    def _info(self):
        return self._dataset_info(tfds.features.Image(shape=(2, 2, 1)), ("a", "b"), number=np.float32)

    def _examples(self, source, manifest):
        for number in range(40):
            if number == self.fail_at:
                raise KeyboardInterrupt
            features = {"image": PNG, "label": number % 2, "number": number / 2}
            yield Example(f"id{number}", f"group{number // 2}", features)


def prepared(data_dir, **download):
    builder = NumberedThings(data_dir=data_dir)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(**download))
    return builder


@pytest.mark.parametrize(("name", "builder"), tfds_builders.BUILDERS.items())
def test_contract_of_every_builder(name, builder):
    assert issubclass(builder, GroupSplitBuilder)
    assert builder.name == name
    folder = Path(builder.code_path).parent
    for file in ("README.md", "CITATIONS.bib", "TAGS.txt", "dummy_data", f"{name}_dataset_builder_test.py"):
        assert (folder / file).exists(), file
    for config in builder.BUILDER_CONFIGS:
        assert config.name == config.base
        assert config.split == next(iter(builder.SPLIT_SCHEMES))
        assert config.description
        assert builder.make_config(config.name) is config


def test_groups_are_on_one_side_and_every_example_is_there_once(tmp_path):
    builder = prepared(tmp_path)
    sides, ids = {}, []
    for split, dataset in builder.as_dataset().items():
        for example in tfds.as_numpy(dataset):
            sides.setdefault(example["group"], set()).add(split)
            ids.append(example["id"].decode())
            assert example["number"] == int(example["id"].decode()[2:]) / 2
    assert sorted(ids) == sorted(f"id{number}" for number in range(40))
    assert len(sides) == 20
    assert all(len(side) == 1 for side in sides.values())
    assert set(builder.info.splits) == {"train", "validation", "test"}


def test_options_of_the_download_config(tmp_path):
    assert prepared(tmp_path / "a", num_shards=3).info.splits["train"].num_shards == 3
    limited = prepared(tmp_path / "b", max_examples_per_split=2).info.splits
    assert {split: info.num_examples for split, info in limited.items()} == {"train": 2, "validation": 2, "test": 2}


def test_interrupted_preparation_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(NumberedThings, "fail_at", 30)
    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path)
    assert not list(tmp_path.rglob("bad_examples*")) + list(tmp_path.rglob("unsorted*"))
    monkeypatch.setattr(NumberedThings, "fail_at", None)
    assert prepared(tmp_path).info.splits.total_num_examples == 40


def test_empty_test_split_says_how_many_are_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(NumberedThings, "SPLIT_SCHEMES", {"hash": SplitScheme(train=0.9999, test=0.0001)})
    with pytest.raises(BadDataError, match="The test split of numbered_things is empty: 40 usable.*at least 100000"):
        prepared(tmp_path)


def test_a_dataset_may_have_a_test_split_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(NumberedThings, "SPLIT_SCHEMES", {"hash": SplitScheme(train=0, test=1)})
    info = prepared(tmp_path).info
    assert {split: each.num_examples for split, each in info.splits.items()} == {"test": 40}
    assert info.metadata["leaked"] == {"test": 0}


def test_config_name_is_the_base_name_or_has_a_digest():
    plain = GroupSplitConfig(name="plain")
    assert plain.name == "plain"
    few = GroupSplitConfig(name="plain", classes=("b", "a"))
    assert few.classes == ("a", "b")
    assert few.name.startswith("plain-")
    assert few.name == GroupSplitConfig(name="plain", classes=("a", "b")).name
    again = dataclasses.replace(few, per_class=3)
    assert again.name.startswith("plain-")
    assert again.name != few.name
    assert dataclasses.replace(again, classes=None, per_class=None).name == "plain"
    assert len({dataclasses.replace(plain, source=source).name for source in ("", "1", "2")}) == 3


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match="split scheme of numbered_things 'photo'"):
        NumberedThings(data_dir=tmp_path, config=GroupSplitConfig(name="plain", split="photo")).download_and_prepare()
    with pytest.raises(InvalidArgumentError, match="max_bad"):
        NumberedThings(data_dir=tmp_path, config=GroupSplitConfig(name="plain", max_bad=2)).download_and_prepare()


def test_importing_them_makes_them_known_to_tfds():
    assert {"doodles", "folder", "quickdraw"} <= set(tfds.list_builders(with_community_datasets=False))
