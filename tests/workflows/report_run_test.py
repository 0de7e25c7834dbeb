import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keras_sketch.errors import InvalidArgumentError, MissingDataError, RunFolderError
from keras_sketch.workflows import report
from keras_sketch.workflows.report_run import _short_names

ROOT = Path(__file__).parents[2]


def test_two_runs_side_by_side(run, tmp_path, capsys):
    old = tmp_path / "old"
    shutil.copytree(run, old, ignore=shutil.ignore_patterns("saved_model", "model.keras", "augmentation.png"))
    metrics = json.loads((old / "metrics.json").read_text())
    count = metrics.pop("parameters")
    (old / "metrics.json").write_text(json.dumps(metrics))
    written = report((str(run), str(old), str(run)), output_dir=str(tmp_path / "side" / "by_side"))
    assert written == tmp_path / "side" / "by_side" / "report.md"
    printed, text = capsys.readouterr().out, written.read_text()
    assert f"{count:,}" in text and "28 x 28 x 1" in text
    assert "not stored in old" in printed
    # One run twice is one row; a run against its copy has no difference.
    assert text.count("| bars |") == 4 and "| old | +0.00 |" in text and "not told apart" in text
    assert {"scores.png", "curves.png", "confusions.png", "augmentation-1.png"} <= {
        file.name for file in written.parent.iterdir()
    }
    assert report((str(run),), output_dir=str(written.parent)) == written
    assert "old" not in written.read_text()


def test_the_report_needs_no_tensorflow(run, tmp_path):
    code = f"""
import sys
from keras_sketch.workflows import report
report(({str(run)!r},), output_dir={str(tmp_path / "report")!r})
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.md").is_file()


def test_what_cannot_be_reported(run, tmp_path):
    with pytest.raises(InvalidArgumentError, match="at least one"):
        report(())
    with pytest.raises(RunFolderError, match="holds no run"):
        report((str(tmp_path),), output_dir=str(tmp_path / "report"))
    with pytest.raises(RunFolderError, match="holds a run, whose own report.md is there"):
        report((str(run),), output_dir=str(run))
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="Choose another --output-dir"):
        report((str(run),), output_dir=str(tmp_path / "file" / "report"))
    shutil.copytree(run, tmp_path / "damaged", ignore=shutil.ignore_patterns("saved_model", "predictions.csv"))
    with pytest.raises(MissingDataError, match="predictions.csv"):
        report((str(tmp_path / "damaged"),), output_dir=str(tmp_path / "report"))
    assert not (tmp_path / "report").exists()


def test_names_are_as_short_as_they_can_be():
    assert _short_names([Path("/a/x"), Path("/b/y")]) == ["x", "y"]
    folders = [Path("/a/1/x"), Path("/b/1/x"), Path("/b/2/x"), Path("/x")]
    assert _short_names(folders) == ["a/1/x", "b/1/x", "2/x", "/x"]


@pytest.mark.parametrize("lost", ["intervals", "f1", "wrong_answers", "ink"])
def test_the_metrics_of_another_version(run, tmp_path, lost):
    old = tmp_path / "old"
    shutil.copytree(run, old, ignore=shutil.ignore_patterns("saved_model", "*.png"))
    metrics = json.loads((old / "metrics.json").read_text())
    del metrics[lost]
    (old / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(
        RunFolderError, match=rf"another version \(no {lost}\): `keras-sketch evaluate .*old` writes it"
    ):
        report((str(old),), output_dir=str(tmp_path / "report"))


def test_an_error_with_a_message_for_the_user_keeps_it(run, tmp_path, monkeypatch):
    def refuse(*_):
        raise MissingDataError("What is missing.")

    monkeypatch.setattr("keras_sketch.evaluation.comparison_report.write_comparison", refuse)
    with pytest.raises(MissingDataError, match="What is missing"):
        report((str(run),), output_dir=str(tmp_path / "report"))
