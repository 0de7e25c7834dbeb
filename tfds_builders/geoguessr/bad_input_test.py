"""What unknown folders, wrong tables, and damaged views and archives do."""

import functools
import logging
import shutil
import zipfile

import pytest

from keras_sketch.errors import BadDataError, InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders import testing
from tfds_builders.geoguessr.geoguessr_dataset_builder import Builder
from tfds_builders.geoguessr.views import find_views
from tfds_builders.testing import by_id, listed, sizes

TREE = "compressed_dataset"
VIEW = f"{TREE}/Brazil/canvas_1629004001.jpg"
prepare = functools.partial(testing.prepare, Builder, name="all")


def test_all_folders_that_are_no_countries_are_named_with_the_nearest(manual, tmp_path):
    for name in ("Brazl", "UNITED STATS", "9"):
        (manual / TREE / name).mkdir()
    named = (
        r"compressed_dataset has .* country's: '9', 'Brazl' \(did .* 'Brazil'\?\), 'UNITED STATS' \(.*'United States'"
    )
    with pytest.raises(BadDataError, match=named):
        Builder.resolve_config(Builder.make_config("all"), manual)
    (tmp_path / "packed").mkdir()
    with zipfile.ZipFile(tmp_path / "packed/kaggle.zip", "w") as archive:
        archive.writestr(f"{TREE}/Brazl/canvas_1.jpg", b"")
    with pytest.raises(BadDataError, match=r"kaggle\.zip has folders that are no country's: 'Brazl' \(did .* 'Brazil'"):
        find_views(tmp_path / "packed")


def test_more_countries_than_there_are(manual):
    with pytest.raises(InvalidArgumentError, match=r"'all' or at most 'top3', since .*manual has views of 3 .*'top20'"):
        Builder.resolve_config(Builder.make_config(), manual)
    for name in ("top1", "top0", "top", "some"):
        with pytest.raises(UnknownNameError, match=r"config of geoguessr.*Known: all, top20\. `top<k>`"):
            Builder.make_config(name)
    with pytest.raises(UnknownNameError, match="'Japn'. Did you mean 'Japan'"):
        Builder.make_config("all", classes=("Japn", "Brazil"))
    with pytest.raises(InvalidArgumentError, match="`classes` must be at least two different classes.*'US, usa'"):
        Builder.make_config("all", classes=("US", "usa"))
    with pytest.raises(MissingDataError, match=r"no views of France in .*some of Brazil, Japan, United States\."):
        Builder.resolve_config(Builder.make_config(classes=("FR", "BR")), manual)
    with pytest.raises(InvalidArgumentError, match="quality"):
        Builder.make_config(quality=0)
    with pytest.raises(InvalidArgumentError, match="side"):
        Builder.make_config(side=0)


def test_a_folder_without_views_says_what_to_get(manual, tmp_path):
    with pytest.raises(MissingDataError, match=r"needs a manual folder.*kaggle\.com.*--manual-dir DIR"):
        Builder.resolve_config(Builder.make_config(), None)
    with pytest.raises(MissingDataError, match=r"no folders of countries with views in .*Japan.*kaggle\.com"):
        Builder.resolve_config(Builder.make_config(), manual / TREE / "Japan")
    shutil.rmtree(manual / TREE / "Brazil")
    shutil.rmtree(manual / TREE / "Japan")
    with pytest.raises(MissingDataError, match="one country alone, United States; at least two"):
        Builder.resolve_config(Builder.make_config("all"), manual)


def test_a_single_view_and_empty_folders_are_kept_noted_and_warned_of(manual, tmp_path, caplog):
    for name in ("Chile", "Peru"):
        (manual / TREE / name).mkdir()
    shutil.move(manual / VIEW, manual / TREE / "Chile/canvas_1.jpg")
    with caplog.at_level(logging.WARNING):
        builder = prepare(manual, tmp_path, max_bad=0)
    assert builder.info.features["label"].names == ["Brazil", "Chile", "Japan", "United States"]
    assert "1 of the 4 countries have a single place and cannot be both learnt and tested: Chile." in caplog.text
    assert "No views in the folders Peru; they are left out." in caplog.text
    assert listed(builder) == [
        [f"{TREE}/Peru", "", "the folder has no view"],
        [f"{TREE}/Chile", "", "there is one view of Chile alone, so it is not both in training and in the test"],
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_what_lies_deeper_is_noted_and_costs_nothing(manual, tmp_path, packed, caplog):
    (manual / TREE / "Japan/more/most").mkdir(parents=True)
    shutil.copy(manual / VIEW, manual / TREE / "Japan/more/most/canvas_1.jpg")
    source = manual
    if packed:
        source = tmp_path / "packed"
        source.mkdir()
        with zipfile.ZipFile(source / "archive.zip", "w") as archive:
            for path in sorted(manual.rglob("*.jpg")):
                archive.write(path, path.relative_to(manual))
    with caplog.at_level(logging.WARNING):
        builder = prepare(source, tmp_path / "data", max_bad=0)
    container = "archive.zip/" if packed else ""
    reason = "the folder lies in a country's folder; its files are not used"
    assert listed(builder) == [[f"{container}{TREE}/Japan/more", "", reason]]
    assert "1 oddity of the source costs no example; bad_examples.csv in" in caplog.text
    assert sum(sizes(builder).values()) == builder.info.metadata["examples_seen"] == 33


def test_a_folder_that_only_happens_to_be_called_like_a_country_hides_no_zip(manual, tmp_path):
    (tmp_path / "own/py").mkdir(parents=True)
    with pytest.raises(MissingDataError, match="no folders of countries with views in"):
        find_views(tmp_path / "own")
    with zipfile.ZipFile(tmp_path / "own/archive.zip", "w") as archive:
        for path in sorted(manual.rglob("*.jpg")):
            archive.write(path, path.relative_to(manual / TREE))
    assert find_views(tmp_path / "own").names == find_views(manual).names


def test_a_place_that_upsets_the_split_is_warned_of(manual, tmp_path, caplog):
    for number in range(5):
        shutil.copy(manual / VIEW, manual / TREE / f"Japan/copy_{number}.jpg")
    with caplog.at_level(logging.WARNING):
        builder = prepare(manual, tmp_path)
    assert "One place has 6 of the 38 views (16 %) and is on one side as a whole" in caplog.text
    assert builder.info.metadata["largest_place"] == pytest.approx(6 / 38)
    caplog.clear()
    prepare(manual, tmp_path, split="view")
    assert "One place" not in caplog.text


def test_damaged_views_and_impossible_coordinates_are_named(manual, tmp_path):
    (manual / VIEW).write_bytes((manual / VIEW).read_bytes()[:400])
    (manual / TREE / "Japan/notes.jpg").write_text("no picture")
    for name in ("95.5_10.0_v0.jpg", "-5.5_190.0_v3.jpg", "1e-05_-1.5E+02_v4.jpg"):
        shutil.copy(manual / TREE / "Japan/canvas_1629004100.jpg", manual / TREE / "Japan" / name)
    with pytest.raises(BadDataError, match=r"4 of 37.*Brazil/canvas_1629004001\.jpg: the JPEG is damaged"):
        prepare(manual, tmp_path)
    builder = prepare(manual, tmp_path, max_bad=0.2)
    assert [(row[0].rsplit("/")[-1], row[2]) for row in listed(builder)][1:] == [
        ("-5.5_190.0_v3.jpg", "the longitude 190 is not in -180..180"),
        ("95.5_10.0_v0.jpg", "the latitude 95.5 is not in -90..90"),
        ("notes.jpg", "not a PNG, JPEG, GIF or BMP image but text"),
    ]
    assert by_id(builder)["Japan/1e-05_-1.5E+02_v4.jpg"]["longitude"] == -150
    for path in (manual / TREE / "Japan").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(BadDataError, match=r"The country Japan would be empty: compressed_dataset/Japan holds no"):
        prepare(manual, tmp_path, max_bad=1)


def test_a_table_gives_coordinates_and_its_odd_rows_are_noted(manual, tmp_path, caplog):
    shutil.copy(manual / VIEW, manual / TREE / "Japan/canvas_1629004001.jpg")
    rows = [
        "\ufeffNumber,Image,Lat,Lng",
        f"1,{VIEW},-10.5,-50.25",
        r"2,Brazil\canvas_1629004002.jpg,-10.5,-50.2502",
        "3,canvas_1629004003.jpg,-10.5,-50.7",
        "4,canvas_1629004001.jpg,-10.5,-50",
        "5,Brazil/nothing.jpg,1,2",
        "6,canvas_1629004101.jpg,north,5",
        "7,canvas_1629004102.jpg,nan,5",
        "",
        f"8,{VIEW},-11,-50",
        "9",
    ]
    (manual / "where.csv").write_text("\r\n".join(rows))
    with caplog.at_level(logging.WARNING):
        builder = prepare(manual, tmp_path, max_bad=0)
    examples = by_id(builder)
    first, second, third = (examples[f"Brazil/canvas_162900400{number}.jpg"] for number in (1, 2, 3))
    assert (first["latitude"], first["longitude"], second["longitude"]) == (-10.5, -50.25, pytest.approx(-50.2502))
    assert first["group"] == second["group"] != third["group"]
    assert first["group"] == examples["Japan/canvas_1629004001.jpg"]["group"]
    assert first["group"].startswith(b"cell-")
    assert "31 of the 34 views have no coordinates" in caplog.text
    assert builder.info.metadata["located"] == 3
    assert {row[1]: row[2] for row in listed(builder)} == {
        "line 5": "2 views are called canvas_1629004001.jpg: write <Country>/canvas_1629004001.jpg",
        "line 6": "there is no view Brazil/nothing.jpg",
        "line 7": "latitude 'north' and longitude '5' are not both numbers",
        "line 8": "the latitude nan is not in -90..90",
        "line 10": "Brazil/canvas_1629004001.jpg is in an earlier row with other coordinates, which are used",
        "line 11": "the row is shorter than the first line",
    }


def test_tables_that_cannot_be_used(manual, caplog):
    (manual / "other.csv").write_text("a;b\n1;2\n")
    with caplog.at_level(logging.WARNING):
        config = Builder.resolve_config(Builder.make_config("all"), manual)
    assert "other.csv is not used: its first line does not name columns file, latitude and longitude" in caplog.text
    (manual / "one.csv").write_text("file,latitude,longitude\n")
    changed = Builder.resolve_config(Builder.make_config("all"), manual)
    assert changed.name != config.name
    (manual / TREE / "two.csv").write_text("file,latitude,longitude\n")
    with pytest.raises(BadDataError, match=r"Coordinates are in .*one\.csv and in .*two\.csv"):
        Builder.resolve_config(Builder.make_config("all"), manual)


def test_archives_that_cannot_be_used(manual, tmp_path):
    (tmp_path / "packed").mkdir()
    archive = tmp_path / "packed/archive.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(manual.rglob("*.jpg")):
            packed.write(path, path.relative_to(manual))
    contents = bytearray(archive.read_bytes())
    contents[300:340] = bytes(40)
    archive.write_bytes(contents)
    builder = prepare(tmp_path / "packed", tmp_path / "data", max_bad=0.05)
    assert listed(builder) == [[f"archive.zip/{TREE}/Brazil/canvas_1629004000.jpg", "", "is damaged in the archive"]]
    assert sum(sizes(builder).values()) == 32
    shutil.copy(archive, tmp_path / "packed/again.zip")
    with pytest.raises(BadDataError, match=r"views in again\.zip and archive\.zip"):
        find_views(tmp_path / "packed")
    archive.write_bytes(contents[:20_000])
    with pytest.raises(BadDataError, match=r"archive\.zip is damaged or cut off: get it again from https"):
        find_views(tmp_path / "packed")
