"""Prepared files that are removed or damaged while a run reads them, a data set that is not kept in memory."""

import csv
import shutil
import struct
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_sketch import train
from keras_sketch.data import pipeline
from keras_sketch.errors import BadDataError
from keras_sketch.workflows.damaged_data import damaged_data_named

EPOCHS, BATCH = 4, 16


def remove(file):
    file.unlink()


def cut_off(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def zero(file):
    file.write_bytes(bytes(file.stat().st_size))


def end_after_a_record(file):
    """A TFRecord: length (8 bytes), its check sum (4), the record, its check sum (4)."""
    contents = file.read_bytes()
    file.write_bytes(contents[: struct.unpack_from("<Q", contents)[0] + 16])


def flip_a_bit(file):
    contents = bytearray(file.read_bytes())
    contents[len(contents) // 2] ^= 8
    file.write_bytes(contents)


def put_a_folder(file):
    file.unlink()
    file.mkdir()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [remove, cut_off, zero, end_after_a_record, flip_a_bit, put_a_folder])
def test_a_run_stops_with_a_sentence_and_resumes_on_data_prepared_again(damage, bars, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "_CACHE_BYTES", 0)
    arguments = {
        **{"dataset": "quickdraw", "config": "bitmap", "model": "quickdraw_cnn", "batch_size": BATCH},
        **{"epochs": EPOCHS, "learning_rate": 1e-3, "data_dir": str(tmp_path / "data"), "manual_dir": str(bars)},
        "output_dir": str(tmp_path / "run"),
    }
    ended, steps = keras.callbacks.CallbackList.on_train_batch_end, []

    def damage_in_the_second_epoch(self, batch, logs=None):
        ended(self, batch, logs)
        steps.append(batch)
        if len(steps) == 12:
            damage(next((tmp_path / "data").rglob("*-train.tfrecord*")))

    with monkeypatch.context() as patched:
        patched.setattr(keras.callbacks.CallbackList, "on_train_batch_end", damage_in_the_second_epoch)
        with pytest.raises(BadDataError) as error:
            train(**arguments)
    prepared = next((tmp_path / "data").rglob("dataset_info.json")).parent
    assert f"The prepared data in {prepared} is damaged" in str(error.value)
    assert "Remove that folder" in str(error.value) and "--resume" in str(error.value)
    assert 12 <= len(steps) < EPOCHS * steps.index(0, 1)
    states = sorted((tmp_path / "run" / "checkpoints").glob("*.npz"))
    assert states and all(np.load(state).files for state in states)
    shutil.rmtree(prepared)
    train(**arguments, resume=True)
    with (tmp_path / "run" / "history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(epoch) for epoch in range(1, EPOCHS + 1)]


class Info:
    provenance = {"prepared_in": Path("/data/birds")}


def test_a_failure_that_is_not_of_the_data_passes():
    with pytest.raises(tf.errors.FailedPreconditionError), damaged_data_named(Info):
        raise tf.errors.FailedPreconditionError(None, None, "a variable is not there")
    for text in ("/data/birds/train; Is a directory", "Input dataset was expected to contain 3 elements"):
        with pytest.raises(BadDataError, match="/data/birds is damaged"), damaged_data_named(Info):
            raise tf.errors.FailedPreconditionError(None, None, text)
