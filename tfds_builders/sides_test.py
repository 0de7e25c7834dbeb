from keras_sketch.curation.splits import SplitScheme
from tfds_builders.sides import Sides
from tfds_builders.writing import Example

IDS = [f"sketch {number}" for number in range(200)]


def filled(scheme, folder, limit=None):
    sides = Sides(scheme, folder, limit)
    for number, identity in enumerate(IDS):
        sides.add(Example(identity, f"photo {number // 5}", {}), lambda values: values["group"].encode())
    return sides


def counts(sides):
    return {split: writer.count for split, writer in sides.writers.items()}


def test_siblings_are_counted_where_examples_are_split_one_by_one(tmp_path):
    scheme = SplitScheme(train=0.4, validation=0.3, test=0.3, by="id")
    sides = filled(scheme, tmp_path)
    photos = [{scheme.assign(identity) for identity in IDS[start : start + 5]} for start in range(0, 200, 5)]
    expected = {
        split: sum(
            scheme.assign(identity) == split and "train" in photos[number // 5] for number, identity in enumerate(IDS)
        )
        for split in ("validation", "test")
    }
    assert sides.leaked() == expected
    assert 0 < expected["test"] < counts(sides)["test"]


def test_a_split_by_group_has_no_siblings_elsewhere(tmp_path):
    assert filled(SplitScheme(train=0.6, test=0.4), tmp_path).leaked() == {"test": 0}


def test_what_is_over_the_limit_or_repeated_does_not_count(tmp_path):
    scheme = SplitScheme(train=0.5, test=0.5, by="id")
    sides = filled(scheme, tmp_path, limit=3)
    assert counts(sides) == {"train": 3, "test": 3}
    assert sides.leaked()["test"] <= 3
    (tmp_path / "again").mkdir()
    sides = Sides(scheme, tmp_path / "again")
    tested = next(identity for identity in IDS if scheme.assign(identity) == "test")
    trained = next(identity for identity in IDS if scheme.assign(identity) == "train")
    for identity in (trained, tested, tested):
        sides.add(Example(identity, "photo", {}), lambda values: b"")
    assert sides.leaked() == {"test": 1}


def test_an_example_can_say_its_split_which_has_nothing_to_do_with_leaks(tmp_path):
    sides = filled(SplitScheme(train=0.5, test=0.5, by="id"), tmp_path)
    before = sides.leaked()
    for number in range(7):
        sides.add(Example(f"other {number}", "photo 0", {}, split="distractors"), lambda values: b"")
    assert counts(sides)["distractors"] == 7
    assert sum(counts(sides).values()) == len(IDS) + 7
    assert sides.leaked() == before
