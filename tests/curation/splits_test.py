import pytest

from keras_sketch.curation.splits import CHOICE_SEED, SplitScheme, unit_hash
from keras_sketch.errors import InvalidArgumentError

# Computed once from the definition. These hold for ever: another value here is another split of every dataset.
GOLDEN = {
    "5201136883597312": 0.2874353835169514,
    "cat/0": 0.832594535658793,
    "cat/1": 0.08069695266769894,
    "ä": 0.34087941700324176,
    "n02691156_10151": 0.9412763725716139,
    "dog/17": 0.5380500038064554,
}
# The same, computed from RFC 7693 in plain integers, under the seed that chooses subsets.
GOLDEN_CHOICE = {
    "n02691156_10151": 0.1230298739368566,
    "n02691156_10151-1": 0.992754085733983,
    "ä": 0.21905013939685636,
}
GROUPS = [f"group {number}" for number in range(20_000)]


@pytest.mark.parametrize(("group", "position"), GOLDEN.items())
def test_hash_of_a_group_never_changes(group, position):
    assert unit_hash(group) == position


@pytest.mark.parametrize(("name", "position"), GOLDEN_CHOICE.items())
def test_hash_under_the_seed_of_subsets_never_changes(name, position):
    assert unit_hash(name, CHOICE_SEED) == position


def test_what_a_subset_holds_says_nothing_about_its_split():
    chosen = sorted(GROUPS, key=lambda name: unit_hash(name, CHOICE_SEED))[:5000]
    share = sum(unit_hash(name) < 0.1 for name in chosen) / 5000
    assert share == pytest.approx(0.1, abs=0.015)


def test_assignment_never_changes():
    scheme = SplitScheme(train=0.8, validation=0.1, test=0.1)
    assert [scheme.assign(group) for group in (*GOLDEN, "x", "c", "z")] == [
        *("train", "train", "test", "train", "train", "train"),
        *("validation", "train", "validation"),
    ]


def test_hash_is_uniform_in_the_half_open_unit_interval():
    positions = [unit_hash(group) for group in GROUPS]
    assert min(positions) >= 0
    assert max(positions) < 1
    tenths = [0] * 10
    for position in positions:
        tenths[int(position * 10)] += 1
    # 2,000 expected each, standard deviation 42.
    assert all(abs(count - 2000) < 200 for count in tenths)


def test_smaller_test_split_is_inside_the_larger_one():
    small = SplitScheme(train=0.8, validation=0.1, test=0.1)
    large = SplitScheme(train=0.8, test=0.2)
    in_small = {group for group in GROUPS if small.assign(group) == "test"}
    in_large = {group for group in GROUPS if large.assign(group) == "test"}
    assert in_small < in_large
    assert in_large - in_small <= {group for group in GROUPS if small.assign(group) == "validation"}


def test_scheme_without_validation_has_two_splits():
    scheme = SplitScheme(train=0.67, test=0.33)
    assert scheme.names == ("train", "test")
    assert {scheme.assign(group) for group in GROUPS} == {"train", "test"}
    assert sum(scheme.assign(group) == "test" for group in GROUPS) / len(GROUPS) == pytest.approx(0.33, abs=0.01)


def test_scheme_of_the_test_alone_has_one_split():
    scheme = SplitScheme(train=0, test=1)
    assert scheme.names == ("test",)
    assert {scheme.assign(group) for group in GROUPS} == {"test"}


def test_groups_on_a_list_are_the_test_and_validation_is_a_share_of_the_others():
    listed = frozenset(GROUPS[::10])
    scheme = SplitScheme(train=0.72, validation=0.18, test=0.1, test_groups=listed)
    sides = {group: scheme.assign(group) for group in GROUPS}
    assert {group for group, side in sides.items() if side == "test"} == listed
    others = [group for group in GROUPS if group not in listed]
    assert {group for group in others if sides[group] == "validation"} == {
        group for group in others if unit_hash(group) < 0.2
    }


def test_a_scheme_is_by_group_or_by_id():
    assert SplitScheme(train=0.8, test=0.2).by == "group"
    with pytest.raises(InvalidArgumentError, match="'group' or 'id'"):
        SplitScheme(train=0.8, test=0.2, by="photo")


@pytest.mark.parametrize("shares", [(0.8, 0.3, 0), (1, 0, 0), (0, 0.5, 0.5), (0.9, 0.2, -0.1), (-0.1, 1, 0.1)])
def test_shares_that_make_no_split_are_refused(shares):
    train, test, validation = shares
    with pytest.raises(InvalidArgumentError, match="add up to 1"):
        SplitScheme(train=train, test=test, validation=validation)
