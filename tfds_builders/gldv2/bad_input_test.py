"""What is wrong with the lists, the images and the tars is said by file and line."""

import functools
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from keras_sketch.errors import BadDataError, MissingDataError
from tfds_builders import testing
from tfds_builders.gldv2.gldv2_dataset_builder import Builder
from tfds_builders.testing import by_id, listed, sizes

DUMMY = Path(__file__).parent / "dummy_data"
RAW = {"decoders": {"image": tfds.decode.SkipDecoding()}}
prepare = functools.partial(testing.prepare, Builder, name="min1", split="series-60-20-20")


def place(image):
    return f"{image[0]}/{image[1]}/{image[2]}/{image}.jpg"


def lines(manual, name="train.csv"):
    return (manual / name).read_text().splitlines()


def write(manual, rows, name="train.csv"):
    (manual / name).write_text("\n".join(rows) + "\n")


def ids(manual):
    return [line.split(",")[0] for line in lines(manual)[1:]]


@pytest.fixture
def tars(tmp_path):
    """The dummy images in two tars, with their md5 files."""
    folder = tmp_path / "tars"
    folder.mkdir()
    (folder / "train.csv").write_text((DUMMY / "train.csv").read_text())
    for number in range(2):
        with tarfile.open(folder / f"images_{number:03d}.tar", "w") as tar:
            for image in sorted(ids(DUMMY))[number::2]:
                tar.add(DUMMY / "train" / place(image), place(image))
        sign(folder / f"images_{number:03d}.tar")
    return folder


def sign(tar):
    (tar.parent / f"md5.{tar.stem}.txt").write_text(f"{hashlib.md5(tar.read_bytes()).hexdigest()}  {tar.name}\n")


def test_rows_that_cannot_be_used_are_named_with_their_line(manual, tmp_path):
    rows = lines(manual)
    first, second, third = (row.split(",") for row in rows[1:4])
    rows[1] = ",".join(["xyz", *first[1:]])
    rows[2] = ",".join([second[0].upper(), *second[1:]])
    rows[3] = ",".join(third[:2])
    rows += [f"{'0' * 15},http://x/y.jpg,7", f"{'1' * 16},http://x/y.jpg,seven", rows[6], "", rows[7] + ",more"]
    write(manual, rows)
    with pytest.raises(
        BadDataError, match=r"7 of 39 examples are bad.*train\.csv, line 2: the id 'xyz' is not 16 hexa"
    ):
        prepare(manual, tmp_path)
    builder = prepare(manual, tmp_path, max_bad=0.25)
    repeated = rows[6].split(",")[0]
    assert sorted(listed(builder), key=lambda row: int(row[1].split()[1])) == [
        ["train.csv", "line 2", "the id 'xyz' is not 16 hexadecimal digits in lower case"],
        ["train.csv", "line 3", f"the id '{second[0].upper()}' is not 16 hexadecimal digits in lower case"],
        ["train.csv", "line 4", "the row has 2 columns, not 3: id,url,landmark_id"],
        ["train.csv", "line 37", "the id '000000000000000' is not 16 hexadecimal digits in lower case"],
        ["train.csv", "line 38", "the landmark_id 'seven' is not a number"],
        ["train.csv", "line 39", f"the id {repeated} is in line 7 already"],
        ["train.csv", "line 41", "the row has 4 columns, not 3: id,url,landmark_id"],
    ]
    assert sum(sizes(builder).values()) == 32


def test_bad_rows_of_landmarks_that_are_not_wanted_do_not_count(manual, tmp_path):
    write(manual, [*lines(manual), "xyz,http://x/y.jpg,99"])
    builder = prepare(manual, tmp_path, name="min9", max_bad=0)
    assert builder.info.metadata["examples_bad"] == 0
    assert listed(builder) == [["train.csv", "line 37", "the id 'xyz' is not 16 hexadecimal digits in lower case"]]


@pytest.mark.parametrize("header", ["image,url,landmark_id", "id,url", "7e4627eb6f721857,http://x/y.jpg,140690", ""])
def test_a_list_without_the_columns_is_an_error(manual, tmp_path, header):
    write(manual, [header, *lines(manual)[1:]])
    with pytest.raises(BadDataError, match=r"train\.csv, line 1: it must name the columns, id and landmark_id among"):
        prepare(manual, tmp_path)


def test_images_that_are_not_there_or_cannot_be_decoded_are_named(manual, tmp_path):
    gone, cut, text = (f"train/{place(image)}" for image in ids(manual)[:3])
    (manual / gone).unlink()
    (manual / cut).write_bytes((manual / cut).read_bytes()[:300])
    (manual / text).write_text("no picture")
    with pytest.raises(
        BadDataError, match=rf"3 of 35 examples are bad.*{gone}: is not there, but in line 2 of train\.c"
    ):
        prepare(manual, tmp_path)
    assert {row[0]: row[2] for row in listed(prepare(manual, tmp_path, max_bad=0.1))} == {
        gone: "is not there, but in line 2 of train.csv",
        cut: "the JPEG is damaged, truncated or of a rare kind",
        text: "not a PNG, JPEG, GIF or BMP image but text",
    }


def test_a_tar_with_another_md5_stops_it(tars, tmp_path):
    found = hashlib.md5((tars / "images_001.tar").read_bytes()).hexdigest()
    (tars / "md5sum").mkdir()
    (tars / "md5.images_001.txt").rename(tars / "md5sum/md5.images_001.txt")
    (tars / "md5sum/md5.images_001.txt").write_text("0" * 32 + "  images_001.tar\n")
    message = rf"The tar \S+images_001\.tar is damaged: its md5 is {found}, not {'0' * 32}; get it again from https"
    with pytest.raises(BadDataError, match=message):
        prepare(tars, tmp_path, max_bad=1)
    sign(tars / "images_001.tar")
    (tars / "md5sum/md5.images_001.txt").write_text("md5\n")
    with pytest.raises(BadDataError, match=r"md5\.images_001\.txt does not begin with an md5 of 32"):
        prepare(tars, tmp_path, max_bad=1)


@pytest.mark.parametrize("cut", ["header", "contents", "after"])
def test_of_a_tar_that_is_cut_off_the_whole_images_are_used(tars, tmp_path, cut):
    tar = tars / "images_000.tar"
    with tarfile.open(tar) as whole:
        members = whole.getmembers()
    middle = members[len(members) // 2]
    end = middle.offset_data + (middle.size + 511) // 512 * 512
    size = {"header": middle.offset + 300, "contents": middle.offset_data + 88, "after": end}[cut]
    tar.write_bytes(tar.read_bytes()[:size])
    with pytest.raises(BadDataError, match=r"images_000\.tar is damaged: its md5 is"):
        prepare(tars, tmp_path, max_bad=1)
    (tars / "md5.images_000.txt").unlink()
    builder = prepare(tars, tmp_path, max_bad=0.5)
    there = [member.name[6:22] for member in members[: len(members) // 2 + (cut == "after")]]
    assert {image for image in by_id(builder, **RAW)} == {*sorted(ids(DUMMY))[1::2], *there}
    named = {(row[0], row[2]) for row in listed(builder)}
    assert ("images_000.tar", "the tar is damaged or cut off; its whole images are used") in named
    lost = [member.name[6:22] for member in members[len(members) // 2 + (cut == "after") :]]
    expected = {("train.csv", f"the image {image} is in no tar") for image in lost}
    if cut == "contents":
        expected -= {("train.csv", f"the image {lost[0]} is in no tar")}
        expected |= {(f"images_000.tar/{place(lost[0])}", "is cut off in the tar")}
    assert named - {("images_000.tar", "the tar is damaged or cut off; its whole images are used")} == expected
    assert builder.info.metadata["examples_bad"] == len(lost)


@pytest.mark.parametrize("contents", [b"", b"no tar at all", bytes(10240)])
def test_what_is_no_tar(tars, tmp_path, contents):
    (tars / "images_000.tar").write_bytes(contents)
    (tars / "md5.images_000.txt").unlink()
    if not contents:
        with pytest.raises(BadDataError, match=r"The tar \S+images_000\.tar is empty; get it again"):
            prepare(tars, tmp_path, max_bad=1)
        return
    with pytest.raises(BadDataError, match=r"18 of 35 examples are bad.*the image \w{16} is in no tar"):
        prepare(tars, tmp_path)


def test_nothing_of_a_tar_goes_outside_and_links_are_not_followed(tars, tmp_path):
    secret = DUMMY / "test/3/8/b/38b0d2ff1c03df82.jpg"
    images = sorted(ids(DUMMY))[0::2]
    with tarfile.open(tars / "images_000.tar", "w") as tar:
        for image in images[4:]:
            tar.add(DUMMY / "train" / place(image), place(image))
        for number, name in enumerate(("../x.jpg", f"/{place(images[0])}", f"{images[1][0]}/../../{place(images[1])}")):
            member = tarfile.TarInfo(name)
            member.size = number
            tar.addfile(member, io.BytesIO(bytes(number)))
        for image, kind in ((images[2], tarfile.SYMTYPE), (images[3], tarfile.LNKTYPE)):
            member = tarfile.TarInfo(place(image))
            member.type, member.linkname = kind, str(secret)
            tar.addfile(member)
        tar.add(secret, "a/b/c/0123456789abcdef.jpg")
    sign(tars / "images_000.tar")
    builder = prepare(tars, tmp_path, max_bad=0.5)
    outside, link = "the path in the tar points outside; it is not used", "is a link or a device in the tar; it is not"
    reasons = {row[0]: row[2] for row in listed(builder) if row[0] != "train.csv"}
    assert [reason for reason in reasons.values() if reason == outside] == [outside] * 3
    assert reasons["images_000.tar/../x.jpg"] == outside
    assert all(reasons[f"images_000.tar/{place(image)}"].startswith(link) for image in images[2:4])
    assert "a/b/c/abc<13 digits>.jpg" in reasons["images_000.tar/a/b/c/0123456789abcdef.jpg"]
    assert set(by_id(builder, **RAW)) == set(ids(DUMMY)) - set(images[:4])
    assert not (tmp_path / "x.jpg").exists()


def test_an_image_in_two_tars_is_used_once(tars, tmp_path):
    image = sorted(ids(DUMMY))[0]
    with tarfile.open(tars / "images_001.tar", "a") as tar:
        tar.add(DUMMY / "train" / place(image), place(image))
    sign(tars / "images_001.tar")
    builder = prepare(tars, tmp_path, max_bad=0.1)
    assert listed(builder) == [[f"images_001.tar/{place(image)}", "", "repeats the id of an earlier example"]]
    assert sum(sizes(builder).values()) == 35


def test_the_index_sets_landmarks_are_not_taken_for_these(manual, tmp_path):
    write(manual, ["landmark_id,category", "140690,x", "137389,x", "165900,x", "7,x"], "train_label_to_category.csv")
    builder = prepare(manual, tmp_path, max_bad=0.1)
    assert builder.info.features["label"].names == ["137389", "140690", "165900", "7"]
    [[file, where, reason]] = listed(builder)
    assert (file, lines(manual)[int(where.split()[1]) - 1].split(",")[2]) == ("train.csv", "99")
    assert reason == (
        "the landmark 99 is not in train_label_to_category.csv: perhaps it is of the index set, whose landmark ids are "
        "other ones"
    )
    write(manual, ["landmark_id,category", "1,x"], "train_label_to_category.csv")
    with pytest.raises(
        BadDataError, match=r"None of the landmarks in \S+train\.csv is in \S+category\.csv: the two are"
    ):
        prepare(manual, tmp_path)
    (manual / "train.csv").rename(manual / "index_image_to_landmark.csv")
    with pytest.raises(
        MissingDataError, match=r"no train\.csv in .*index_image_to_landmark\.csv there is the index set"
    ):
        prepare(manual, tmp_path)


def test_a_cleaned_list_that_is_not_of_this_set(manual, tmp_path):
    cleaned = lines(manual, "train_clean.csv")
    first, second = cleaned[1].split(","), cleaned[2].split(",")
    moved, unknown = second[1].split()[0], "f" * 16
    rows = [
        cleaned[0],
        f"{first[0]},{first[1]} {moved} {unknown} xyz",
        f"{second[0]},{' '.join(second[1].split()[1:])}",
    ]
    write(manual, [*rows, cleaned[3], "555,0123456789abcdef", "7", "x,y"], "train_clean.csv")
    builder = prepare(manual, tmp_path, name="min3-clean", max_bad=0.3)
    line = 2 + ids(manual).index(moved)
    expected = [
        ["line 2", "the id 'xyz' is not 16 hexadecimal digits in lower case"],
        ["line 2", f"the image {unknown} is not in train.csv"],
        ["line 2", f"{moved} is of landmark {second[0]} in line {line} of train.csv, not of {first[0]}"],
        [
            "line 5",
            "the landmark 555 is not in train.csv: perhaps it is of the index set, whose landmark ids are other ones",
        ],
        ["line 6", "the row has 1 column, not 2: landmark_id,images"],
        ["line 7", "the landmark_id 'x' is not a number"],
    ]
    assert sorted(row[1:] for row in listed(builder)) == sorted(expected)
    write(manual, [cleaned[0], "555,0123456789abcdef"], "train_clean.csv")
    with pytest.raises(BadDataError, match=r"None of the landmarks in \S+train_clean\.csv is in \S+train\.csv"):
        prepare(manual, tmp_path, name="min3-clean")
    (manual / "train_clean.csv").unlink()
    with pytest.raises(MissingDataError, match=r"There is no train_clean\.csv in"):
        prepare(manual, tmp_path, name="min3-clean")


def test_distractors_that_are_not_of_this_set(manual, tmp_path):
    name = "recognition_solution_v2.1.csv"
    rows = lines(manual, name)
    write(manual, [*rows, rows[1], f"{ids(manual)[0]},,Public", "xyz,,Public", "0123456789abcdef,5 7,Public"], name)
    builder = prepare(manual, tmp_path, name="min1-distractors", max_bad=0.1)
    assert [row[1:] for row in listed(builder)] == [
        ["line 8", f"the id {rows[1].split(',')[0]} is in an earlier line already"],
        ["line 9", f"the id {ids(manual)[0]} is in train.csv too"],
        ["line 10", "the id 'xyz' is not 16 hexadecimal digits in lower case"],
        [
            "line 11",
            "the landmark 5 is not in train.csv: perhaps it is of the index set, whose landmark ids are other ones",
        ],
    ]
    assert builder.info.metadata["examples_bad"] == 3
    assert sizes(builder)["distractors"] == 5
    (manual / name).unlink()
    with pytest.raises(MissingDataError, match=r"The distractors need recognition_solution_v2\.1\.csv in"):
        prepare(manual, tmp_path, name="min1-distractors")


def test_too_few_classes_say_what_would_do(manual, tmp_path):
    with pytest.raises(
        BadDataError, match=r"Of the 5 classes in train\.csv 1 have at least 10 images.*12, 9, 9. With `m"
    ):
        prepare(manual, tmp_path, name="min10")
    write(manual, [lines(manual)[0], "xyz,http://x,1"])
    with pytest.raises(
        BadDataError, match=r"has usable rows of 0 classes, and at least two are needed: line 2: the id"
    ):
        prepare(manual, tmp_path)


def test_folders_without_the_dataset(manual, tmp_path):
    (manual / "train").rename(manual / "pictures")
    with pytest.raises(
        MissingDataError, match=r"There are no images in .*: neither train/0/0/0/ to train/f/f/f/ nor tar"
    ):
        prepare(manual, tmp_path)
    (manual / "train.csv").unlink()
    with pytest.raises(
        MissingDataError, match=r"There is no train\.csv in \S+ or its folder metadata\. Get train\.csv and"
    ):
        prepare(manual, tmp_path)
    with pytest.raises(MissingDataError, match=r"does not exist"):
        prepare(manual / "nothing", tmp_path)
