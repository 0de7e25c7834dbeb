"""Beam's options from one text: what is meant, and what is wrong with it."""

import importlib.util
import sys

import pytest

from keras_sketch.data.sources import prepare
from keras_sketch.errors import InvalidArgumentError, MissingDataError, UnknownNameError
from tfds_builders.beam_options import parse_beam_options

needs_beam = pytest.mark.skipif(importlib.util.find_spec("apache_beam") is None, reason="apache-beam is not installed")


@needs_beam
def test_names_values_and_switches():
    options = parse_beam_options("runner=DirectRunner, direct_num_workers=2,--save_main_session")
    given = options.get_all_options(drop_default=True)
    assert given == {"runner": "DirectRunner", "direct_num_workers": 2, "save_main_session": True}


@needs_beam
@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("direct_num_worker=2", UnknownNameError, "Did you mean 'direct_num_workers'"),
        ("runner=DirektRunner", UnknownNameError, "Did you mean 'DirectRunner'"),
        ("direct_num_workers=two", InvalidArgumentError, r"--direct_num_workers: invalid int value: 'two'"),
        (" , ", InvalidArgumentError, "options of Apache Beam, e.g. runner=DirectRunner"),
        ("runner=no.such.Runner", MissingDataError, "no.such.Runner cannot be loaded"),
    ],
)
def test_what_is_wrong_is_one_sentence(text, error, message, capsys):
    with pytest.raises(error, match=message):
        parse_beam_options(text)
    assert not capsys.readouterr().err


def test_without_beam_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    with pytest.raises(MissingDataError, match=r'pip install "keras_sketch\[beam\]"'):
        prepare("gldv2", data_dir=tmp_path, manual_dir=tmp_path, beam="runner=DirectRunner")


def test_a_dataset_that_does_not_run_on_beam_says_so(tmp_path):
    with pytest.raises(InvalidArgumentError, match="left out for doodles: .* Apache Beam prepares gldv2"):
        prepare("doodles", data_dir=tmp_path, beam="runner=DirectRunner")
    assert not list(tmp_path.iterdir())
