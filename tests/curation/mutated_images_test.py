"""Mutated images through a builder and through an exported model: each is used or named, and both agree."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import keras
import mutated_images as mutations
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch.curation.decode import check_image
from keras_sketch.data import load_dataset
from keras_sketch.data.resizing import fit_square
from keras_sketch.errors import BadDataError
from keras_sketch.exporting import export_saved_model

ROOT = Path(__file__).parent.parent.parent


def refusal(contents):
    try:
        check_image(contents)
    except BadDataError as error:
        return str(error)
    return ""


def test_a_builder_uses_or_names_every_file(tmp_path):
    files = mutations.write_files(tmp_path / "manual", mutations.mutated_images(210, seed=1))
    *splits, info = load_dataset(
        "folder", image_size=8, data_dir=tmp_path / "data", manual_dir=tmp_path / "manual", max_bad=1.0
    )
    folder = Path(info.provenance["prepared_in"])
    with (folder / "bad_examples.csv").open(newline="", encoding="utf-8") as file:
        named = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert sum(info.num_examples.values()) + len(named) == len(files)
    assert info.bad_examples == len(named)
    for place, file in files.items():
        if file.kind != "no_file":
            assert refusal(file.contents) == named.get(place, ""), place
    assert named["b/pipe.jpg"] == "not a file but a pipe or device"
    assert named["b/large.bmp"] == "the file has 3072 MiB, more than 128"
    assert named["a/round.png"] == "cannot be read: Too many levels of symbolic links"
    for split in splits:
        assert sum(len(labels) for _, labels in split) > 0


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """The exported model's function on files."""
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))
    folder = tmp_path_factory.mktemp("mutated") / "saved_model"
    export_saved_model(model, folder, "ab", lambda image: fit_square(image, 16))
    loaded = tf.saved_model.load(str(folder))
    return lambda files: loaded.signatures["serving_default"](image_bytes=tf.constant(files, tf.string))


def test_an_exported_model_names_each_file_that_a_builder_refuses(serve):
    files = [file.contents for file in mutations.mutated_images(210, seed=2)]
    reasons = [refusal(contents) for contents in files]
    # A model answers for an animation's first frame, which no builder stores.
    kept = [number for number, reason in enumerate(reasons) if "animated" not in reason]
    for some in np.array_split(kept, 4):
        bad = {place: reasons[number] for place, number in enumerate(some) if reasons[number]}
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            serve([files[number] for number in some])
        listed = str(error.value).split("assertion failed: [", 1)[1].split("]\n")[0].split("; ")
        said = dict(entry.split(": ", 1) for entry in listed)
        assert set(said) == {f"image_bytes[{place}]" for place in bad}
        for place, reason in bad.items():
            if "declares" in reason:
                assert said[f"image_bytes[{place}]"] == reason
    good = [files[number] for number in kept if not reasons[number]]
    assert np.isfinite(serve(good)["probabilities"]).all()
    assert len(good) > 60


def test_a_gif_with_many_frames_gives_its_first(serve):
    first, later = (mutations.picture(mutations.stdlib_random.Random(seed)).resize((40, 30)) for seed in (1, 2))
    alone = mutations.encoded(first.quantize(16), "GIF")
    animated = mutations.encoded(first.quantize(16), "GIF", save_all=True, append_images=[later] * 300)
    scores = serve([alone, animated])["probabilities"]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_large_images_beside_small_ones_keep_their_places(serve):
    files = [mutations.plain(mutations.stdlib_random.Random(seed), "PNG") for seed in range(5)]
    files[1:1] = [mutations.blank_png(3_500, 2_500, 1, 0)]
    together = serve(files)["probabilities"]
    for place, contents in enumerate(files):
        np.testing.assert_allclose(serve([contents])["probabilities"][0], together[place], atol=1e-5)


@pytest.mark.slow
def test_ten_thousand_through_a_builder_and_an_exported_model(tmp_path):
    """Ten minutes on two cores."""
    command = [sys.executable, str(ROOT / "benchmarks" / "mutated_images.py"), "--folder", str(tmp_path)]
    if "KERAS_SKETCH_SAMPLES" in os.environ:
        command += ["--manual-dir", os.environ["KERAS_SKETCH_SAMPLES"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
