import os
from pathlib import Path

import pytest

from tfds_builders.gldv2.lists import read_solution, read_train, series_of

SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")
BEGIN = "https://upload.wikimedia.org/wikipedia/commons/f/f1/"


@pytest.mark.parametrize(
    "names, series",
    [
        (("Church_01.jpg", "Church_02.jpg", "church-117.JPG", "Church%20%283%29.jpeg"), "church"),
        (("B%C3%A9ziers,_Pont_Vieux_1.JPG", "Béziers_-_Pont_Vieux.jpg"), "béziers pont vieux"),
        (("DSC00123.JPG", "DSC00124.JPG"), "dsc"),
        (("20140704.jpg", "1.jpg", "_.png", ""), ""),
        (("St._Mary.jpg",), "st mary"),
    ],
)
def test_names_of_a_series_differ_in_numbers_only(names, series):
    assert {series_of(name) for name in names} == {series}


def test_quoted_cells_lines_and_urls_are_read_as_csv(tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes(
        f'id,url,landmark_id\r\n{"a" * 16},"{BEGIN}A,_b.jpg",5\r\n\r\n{"b" * 16},"two\nlines.jpg",6\r\n'.encode()
    )
    assert list(read_train(path)) == [(2, "a" * 16, 5, "A,_b.jpg"), (5, "b" * 16, 6, "two\nlines.jpg")]


def test_an_image_of_no_landmark_has_an_empty_cell(tmp_path):
    path = tmp_path / "recognition_solution_v2.1.csv"
    path.write_text(f"id,landmarks,Usage\n{'a' * 16},,Private\n{'b' * 16},5 66,Public\n{'c' * 16},7\n")
    assert list(read_solution(path)) == [
        (2, "a" * 16, []),
        (3, "b" * 16, ["5", "66"]),
        (4, None, "the row has 2 columns, not 3: id,landmarks,Usage"),
    ]


@pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
def test_the_real_sample_reads_without_a_bad_row():
    rows = list(read_train(Path(SAMPLES) / "gldv2/metadata/train_sample.csv"))
    assert len(rows) == 20
    assert {len(row) for row in rows} == {4}
    assert series_of(next(name for _, image, _, name in rows if image == "39e4baa4e58810ac")) == "the reaper"
