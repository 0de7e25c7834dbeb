import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_sketch.curation.near_duplicates import MAX_DISTANCE, group_near_duplicates, orientations, signature

SAMPLES = os.environ.get("KERAS_SKETCH_SAMPLES")
TURNS = [
    lambda image, quarters=quarters, flip=flip: np.rot90(image[:, ::-1] if flip else image, quarters)
    for flip in (False, True)
    for quarters in range(4)
]


def drawing(seed, side=120):
    """A few random polylines on white, uint8 `[side, side, 1]`."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side), 255, np.uint8)
    for _ in range(4):
        points = rng.integers(side // 10, side * 9 // 10, (5, 1, 2)).astype(np.int32)
        cv2.polylines(image, [points], False, 0, 2, cv2.LINE_AA)
    return image[..., np.newaxis]


def symmetric(radius, side=200):
    image = np.full((side, side), 255, np.uint8)
    cv2.circle(image, (side // 2, side // 2), radius, 0, 2)
    cv2.rectangle(image, (side // 2 - radius // 2,) * 2, (side // 2 + radius // 2,) * 2, 0, 2)
    return image[..., np.newaxis]


def jpeg(image, quality=50):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)[..., np.newaxis]


def scaled(image, factor):
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)[..., np.newaxis]


def distance(first, second):
    """The least over the eight ways to hold the second image, each transformed anew."""
    mine = signature(first).astype(int)
    return min(np.abs(mine - signature(np.ascontiguousarray(turn(second)))).sum() for turn in TURNS)


def grouped(images, **options):
    names = [f"{number:04d}" for number in range(len(images))]
    return group_near_duplicates(np.stack([signature(image) for image in images]), names, **options)


def test_a_signature_has_the_signs_of_64_frequencies_and_ignores_colour():
    image = drawing(1)
    found = signature(image)
    assert (found.shape, found.dtype, np.abs(found).sum()) == ((16, 16), np.int8, 64)
    np.testing.assert_array_equal(signature(np.repeat(image, 3, axis=-1)), found)
    assert not signature(np.full((50, 70, 1), 255, np.uint8)).any()


def test_signatures_turn_as_images_do():
    image = drawing(2, side=128)
    expected = {signature(np.ascontiguousarray(turn(image))).tobytes() for turn in TURNS}
    assert len(expected) == 8
    assert {each.tobytes() for each in orientations(signature(image))} == expected


@pytest.mark.parametrize("picture", ["drawn", "large", "symmetric", "small and symmetric"])
def test_copies_are_near_and_other_drawings_are_not(picture):
    picture = {
        "drawn": drawing(3),
        "large": drawing(4, 300),
        "symmetric": symmetric(60),
        "small and symmetric": symmetric(35),
    }[picture]
    copies = [jpeg(picture, 15), scaled(picture, 0.5), jpeg(scaled(picture, 0.6)), *(turn(picture) for turn in TURNS)]
    others = [drawing(seed) for seed in range(10, 20)]
    groups = grouped([picture, *map(np.ascontiguousarray, copies), *others])
    assert groups == ["0000"] * 12 + [f"{number:04d}" for number in range(12, 22)]


def test_groups_are_the_chains_of_pairs_that_a_plain_comparison_finds():
    images = [drawing(seed) for seed in range(12)]
    images += [jpeg(np.ascontiguousarray(TURNS[seed % 8](images[seed]))) for seed in range(6)]
    limit = 86
    near = {(a, b) for a in range(18) for b in range(a) if distance(images[a], images[b]) <= limit}
    expected = list(range(18))
    for _ in images:
        for a, b in near:
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert 6 < len(near) < 40
    assert grouped(images, max_distance=limit) == [f"{number:04d}" for number in expected]


def test_pairs_are_found_however_far_they_stand_apart():
    rng = np.random.default_rng(0)
    signatures = (rng.random((700, 16, 16)) < 0.25) * rng.choice(np.array([-1, 1], np.int8), (700, 16, 16))
    copies = rng.permutation(700)[:200].reshape(100, 2)
    for original, copy in copies:
        signatures[copy] = orientations(signatures[original])[copy % 8]
    done = []
    names = [f"{number:03d}" for number in range(700)]
    groups = group_near_duplicates(signatures, names, progress=done.append)
    partner = dict([*copies.tolist(), *copies[:, ::-1].tolist()])
    assert groups == [f"{min(number, partner.get(number, number)):03d}" for number in range(700)]
    assert sum(done) == 700


def test_a_group_keeps_its_name_when_other_files_come():
    images = [drawing(seed) for seed in range(4)]
    before = grouped([images[0], images[1], jpeg(images[0])])
    assert before == ["0000", "0001", "0000"]
    assert grouped([images[0], images[1], jpeg(images[0]), images[2], images[3]])[:3] == before
    assert group_near_duplicates(np.empty((0, 16, 16), np.int8), []) == []


@pytest.mark.skipif(not SAMPLES, reason="KERAS_SKETCH_SAMPLES is not set")
def test_drawings_of_one_photo_stay_apart_and_their_copies_do_not():
    files = sorted(Path(SAMPLES, "sketchy").rglob("*.png"))[:400]
    images = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)[..., np.newaxis] for file in files]
    assert len({file.name.split("-")[0] for file in files}) < 100
    copies = [jpeg(np.ascontiguousarray(TURNS[number % 8](image))) for number, image in enumerate(images)]
    groups = grouped([*images, *copies])
    assert groups == [f"{number:04d}" for number in range(400)] * 2
    assert MAX_DISTANCE == 24
