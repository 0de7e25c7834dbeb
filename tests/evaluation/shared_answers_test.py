import csv

import numpy as np

from keras_sketch.curation.imagenet import imagenet_classes
from keras_sketch.evaluation.shared_answers import captions, class_table, shared_tests, unanimous, write_class_table

CLASSES = imagenet_classes()


def by_id(run):
    told = run.predictions
    return {
        example: (CLASSES[label].name, CLASSES[answer].name)
        for example, label, answer in zip(told.ids, told.labels, told.predicted, strict=True)
    }


def test_answers_are_brought_into_one_order(evaluated):
    runs = [evaluated("a", skill=0.5), evaluated("b", seed=2), evaluated("other", first=7)]
    test, other = shared_tests(runs)
    assert ([run.name for run in test.runs], test.letter, other.letter) == (["a", "b"], "A", "B")
    for place, run in enumerate(test.runs):
        found = zip(test.classes, test.answers[place], strict=True)
        assert dict(zip(test.ids, found, strict=True)) == by_id(run)
    assert test.right.mean(axis=1).tolist() == [run.scores["top1"] for run in runs[:2]]


def test_classes_side_by_side(evaluated, tmp_path):
    runs = [evaluated("a", skill=0.5), evaluated("b", seed=2, skill=0.2)]
    [test] = shared_tests(runs)
    table = class_table("Classes", test)
    assert {row[0] for row in table.rows} == {"goldfish", "golden retriever", "jigsaw puzzle"}
    shares = []
    for name, count, *right in table.rows:
        pairs = [[pair for pair in by_id(run).values() if pair[0] == name] for run in runs]
        assert int(count) == len(pairs[0])
        assert [int(each) for each in right] == [sum(true == answer for true, answer in each) for each in pairs]
        shares.append(sum(map(int, right)) / int(count))
    assert shares == sorted(shares)
    write_class_table(tmp_path / "classes.csv", table)
    with open(tmp_path / "classes.csv", newline="") as stream:
        assert list(csv.reader(stream)) == [list(table.header), *map(list, table.rows)]


def test_what_all_got_right_or_wrong_class_by_class(evaluated):
    runs = [evaluated("a", skill=0.6), evaluated("b", seed=2, skill=0.6)]
    [test] = shared_tests(runs)
    for right in (True, False):
        places = unanimous(test, right)
        expected = [
            example
            for example in test.ids
            if all((by_id(run)[example][0] == by_id(run)[example][1]) is right for run in runs)
        ]
        assert sorted(test.ids[place] for place in places) == sorted(expected)
        classes = [test.classes[place] for place in places]
        assert len(set(classes[: len(set(classes))])) == len(set(classes)) > 1
    assert unanimous(test, True).dtype == np.int64


def test_captions_say_what_most_took_it_for(evaluated):
    [test] = shared_tests([evaluated("a"), evaluated("b", seed=2), evaluated("c", seed=3)])
    test.answers[:] = [["tench"] * 40, ["goldfish"] * 40, ["tench"] * 40]
    test.classes[:2] = ["goldfish", "tench"]
    test.scores[:, 0] = [0.5, 0.9, 0.3]
    wrong, right = captions(test, [0, 1])
    assert wrong == "goldfish\n→ tench\n40 % (2 of 3)"
    assert right.startswith("tench\n") and "→" not in right
