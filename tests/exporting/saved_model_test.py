import io
import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_sketch.curation.decode import check_image
from keras_sketch.errors import InvalidArgumentError, RunFolderError, UnknownNameError
from keras_sketch.exporting.saved_model import export_saved_model

NAMES = ["zebra", "ant", "Käfer", "owl", "fox", "cow", "eel"]
SIDE = 8


def classifier(channels=3, classes=7):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((SIDE, SIDE, channels))
    x = keras.layers.Rescaling(1 / 64)(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(classes)(x))


def stretch(image):
    return tf.saturate_cast(tf.round(tf.image.resize(image, [SIDE, SIDE], antialias=True)), tf.uint8)


def encoded(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def picture(height, width, seed):
    small = np.random.default_rng(seed).integers(0, 256, (4, 3, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height))


def turned(form="JPEG"):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(20, 30, 3), form, exif=exif, quality=95)


FILES = [
    encoded(picture(30, 20, 0), "PNG"),
    encoded(picture(12, 40, 1), "JPEG"),
    encoded(picture(9, 9, 2).convert("L"), "BMP"),
    encoded(picture(9, 9, 2), "GIF"),
    turned(),
]


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    model = classifier()
    folder = tmp_path_factory.mktemp("run") / "saved_model"
    export_saved_model(model, folder, NAMES, stretch, metadata={"seed": 5, "class_names": ["old"]})
    return model, folder, tf.saved_model.load(str(folder))


def expected_answer(model, images, names=NAMES, k=5):
    logits = np.asarray(model(images.astype(np.float32), training=False), np.float64)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    best = np.argsort(-probabilities, axis=1)[:, :k]
    return probabilities, np.array(names)[best], np.take_along_axis(probabilities, best, axis=1)


def read(answer):
    """Probabilities, names and scores of an answer that holds these alone."""
    assert sorted(answer) == ["labels", "probabilities", "scores"]
    assert answer["probabilities"].dtype == answer["scores"].dtype == tf.float32
    names = [[name.decode() for name in row] for row in answer["labels"].numpy()]
    return answer["probabilities"].numpy(), names, answer["scores"].numpy()


def test_files_and_pixels_give_what_the_model_gives(export):
    model, _, loaded = export
    rgb = [np.repeat(image, 3, -1) if image.shape[-1] == 1 else image for image in map(check_image, FILES)]
    images = np.stack([stretch(image).numpy() for image in rgb])
    expected = expected_answer(model, images)
    for answer in (
        loaded.signatures["serving_default"](image_bytes=tf.constant(FILES)),
        loaded.signatures["pixels"](images=tf.constant(images)),
    ):
        probabilities, names, scores = read(answer)
        np.testing.assert_allclose(probabilities, expected[0], atol=1e-6)
        assert names == expected[1].tolist()
        np.testing.assert_allclose(scores, expected[2], atol=1e-6)


@pytest.mark.parametrize(("loss", "activation"), [("binary_cross_entropy", tf.sigmoid), ("arcface", tf.nn.softmax)])
def test_the_recipes_loss_says_what_makes_probabilities(tmp_path, loss, activation):
    model, images = classifier(), np.random.default_rng(0).integers(0, 255, (4, SIDE, SIDE, 3)).astype("uint8")
    export_saved_model(model, tmp_path / "m", NAMES, stretch, metadata={"recipe": {"loss": loss}})
    probabilities, _, scores = read(tf.saved_model.load(str(tmp_path / "m")).signatures["pixels"](tf.constant(images)))
    expected = activation(model.predict(images, verbose=0)).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(scores, -np.sort(-expected, axis=1)[:, :5], atol=1e-6)


def test_a_loss_that_does_not_exist_is_named_and_nothing_written(tmp_path):
    with pytest.raises(UnknownNameError, match="loss 'softmax'"):
        export_saved_model(classifier(), tmp_path / "m", NAMES, stretch, metadata={"recipe": {"loss": "softmax"}})
    assert not (tmp_path / "m").exists()


def test_a_turned_photo_scores_as_the_upright_one(export):
    serve = export[2].signatures["serving_default"]
    upright = encoded(Image.fromarray(check_image(turned())), "PNG")
    scores = serve(image_bytes=tf.constant([turned(), upright]))["probabilities"]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_no_images_give_empty_answers(export):
    loaded = export[2]
    for answer in (
        loaded.signatures["serving_default"](image_bytes=tf.constant([], tf.string)),
        loaded.signatures["pixels"](images=tf.zeros([0, SIDE, SIDE, 3], tf.uint8)),
    ):
        assert {name: value.shape.as_list() for name, value in answer.items()} == {
            "probabilities": [0, 7],
            "labels": [0, 5],
            "scores": [0, 5],
        }


def test_each_bad_file_of_a_request_is_named_by_its_place(export):
    huge = FILES[0][:16] + b"\xff\xff\xff\xff" * 2 + FILES[0][24:]
    expected = (
        "[image_bytes[1]: not a PNG, JPEG, GIF or BMP image; image_bytes[2]: the file is empty; "
        "image_bytes[4]: the PNG declares 4294967295 x 4294967295 pixels, more than 52 million; "
        "image_bytes[5]: the image is damaged, truncated or of a rare kind]"
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        files = [FILES[0], b"text", b"", FILES[1], huge, FILES[1][:300]]
        export[2].signatures["serving_default"](image_bytes=tf.constant(files))
    assert expected in str(error.value)


def test_the_signatures_are_as_documented(export):
    signatures = export[2].signatures
    assert sorted(signatures) == ["pixels", "serving_default"]
    assert signatures["serving_default"].structured_input_signature[1] == {
        "image_bytes": tf.TensorSpec([None], tf.string, name="image_bytes")
    }
    assert signatures["pixels"].structured_input_signature[1] == {
        "images": tf.TensorSpec([None, SIDE, SIDE, 3], tf.uint8, name="images")
    }


def test_labels_and_metadata_lie_beside_the_graph(export):
    extra = export[1] / "assets.extra"
    assert (extra / "labels.txt").read_text(encoding="utf-8").splitlines() == NAMES
    assert json.loads((extra / "keras_sketch.json").read_text(encoding="utf-8")) == {"seed": 5, "class_names": NAMES}
    assert [path.name for path in export[1].parent.iterdir()] == ["saved_model"]


def test_it_runs_without_keras_and_without_this_package(export, tmp_path):
    code = f"""
    import sys
    import tensorflow as tf
    loaded = tf.saved_model.load({str(export[1])!r})
    labels = loaded.signatures["serving_default"](image_bytes=tf.constant([open(sys.argv[1], "rb").read()]))["labels"]
    print(labels[0, 0].numpy().decode(), "keras_sketch" in sys.modules)
    """
    (tmp_path / "image").write_bytes(FILES[0])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "image")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    image = stretch(check_image(FILES[0])).numpy()[None]
    assert done.stdout.split() == [expected_answer(export[0], image)[1][0, 0], "False"], done.stderr


def test_grey_models_read_colour_as_luminance_and_few_classes_give_few_labels(tmp_path):
    model = classifier(channels=1, classes=2)
    export_saved_model(model, tmp_path / "grey", NAMES[:2], stretch)
    loaded = tf.saved_model.load(str(tmp_path / "grey"))
    colour = picture(SIDE, SIDE, 4)
    images = np.asarray(colour.convert("L"))[None, ..., None]
    answer = loaded.signatures["serving_default"](image_bytes=tf.constant([encoded(colour, "PNG")]))
    expected = expected_answer(model, images, NAMES, k=2)
    probabilities, names, scores = read(answer)
    np.testing.assert_allclose(probabilities, expected[0], atol=1e-6)
    assert names == expected[1].tolist()
    np.testing.assert_allclose(scores, expected[2], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_gives_float32_probabilities(tmp_path, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = classifier()
    finally:
        keras.config.set_dtype_policy(before)
    export_saved_model(model, tmp_path / "mixed", NAMES, stretch)
    loaded = tf.saved_model.load(str(tmp_path / "mixed"))
    images = np.asarray(picture(SIDE, SIDE, 4))[None]
    answer = loaded.signatures["pixels"](images=tf.constant(images))
    assert answer["probabilities"].dtype == tf.float32
    np.testing.assert_allclose(tf.reduce_sum(answer["probabilities"], axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(answer["probabilities"], expected_answer(model, images)[0], atol=0.02)


@pytest.mark.slow
def test_a_model_built_for_two_devices_exports(tmp_path):
    code = f"""
    import sys
    sys.path[:0] = {sys.path!r}
    import keras, numpy as np, tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from keras_sketch.exporting.saved_model import export_saved_model
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = keras.Sequential([
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(2, 3),
            keras.layers.BatchNormalization(synchronized=True),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = np.random.default_rng(0).integers(0, 9, (8, 4, 4, 1), dtype=np.uint8)
    model.fit(images.astype("float32"), np.arange(8) % 3, batch_size=4, verbose=0)
    export_saved_model(model, sys.argv[1], "abc", lambda image: image[:4, :4])
    answer = tf.saved_model.load(sys.argv[1]).signatures["pixels"](images=tf.constant(images))
    expected = tf.nn.softmax(model.predict(images.astype("float32"), verbose=0))
    print(float(tf.reduce_max(tf.abs(answer["probabilities"] - expected))))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "mirrored")], capture_output=True, text=True
    )
    assert done.stdout and float(done.stdout.split()[-1]) < 1e-6, done.stderr


def test_an_export_is_replaced_only_by_a_whole_one(tmp_path, monkeypatch):
    folder = tmp_path / "saved_model"
    model = classifier(classes=2)
    export_saved_model(model, folder, ["old", "older"], stretch)

    def undecided(image):
        raise OSError(28, "No space left on device")

    with pytest.raises(RunFolderError, match="Cannot write the SavedModel .*: No space left on device"):
        export_saved_model(model, folder, ["new", "newer"], undecided)
    assert (folder / "assets.extra" / "labels.txt").read_text() == "old\nolder\n"
    export_saved_model(model, folder, ["new", "newer"], stretch)
    assert (folder / "assets.extra" / "labels.txt").read_text() == "new\nnewer\n"
    assert [path.name for path in tmp_path.iterdir()] == ["saved_model"]


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(RunFolderError, match="is there and is not a SavedModel"):
        export_saved_model(classifier(), tmp_path, NAMES, stretch)
    with pytest.raises(RunFolderError, match="is there and is not a SavedModel"):
        export_saved_model(classifier(), tmp_path / "photo.jpg", NAMES, stretch)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": None}, "`class_names` must be 7 different names"),
        ({"class_names": NAMES[:-1]}, "`class_names` must be 7 different names"),
        ({"class_names": ["same"] * 7}, "7 names, 1 of them different"),
        ({"k": 0}, "`k` must be a positive whole number"),
        ({"metadata": {"x": object()}}, "`metadata` must be what JSON can hold"),
        ({"model": keras.Sequential([keras.Input((3,)), keras.layers.Dense(7)])}, "`model` must be a network"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(tmp_path, change, message):
    arguments = {"model": classifier(), "class_names": NAMES, "preprocess": stretch, **change}
    with pytest.raises(InvalidArgumentError, match=message):
        export_saved_model(folder=tmp_path / "saved_model", **arguments)
    assert not list(tmp_path.iterdir())
