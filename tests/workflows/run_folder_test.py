import os

import pytest

from keras_sketch.errors import RunFolderError
from keras_sketch.workflows.evaluation_folder import EvaluationFolder
from keras_sketch.workflows.run_folder import RunFolder


def test_another_run_s_folder_cannot_be_resumed_with_other_settings(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.begin({"recipe": {"seed": 1}, "versions": {"keras": "old"}}, ("a", "b"), resume=False)
    folder.begin({"recipe": {"seed": 1}, "versions": {"keras": "new"}}, ("a", "b"), resume=True)
    with pytest.raises(RunFolderError, match=r"other settings \(recipe.seed: 1 there, 2 now\)"):
        folder.begin({"recipe": {"seed": 2}, "versions": {"keras": "new"}}, ("a", "b"), resume=True)
    with pytest.raises(RunFolderError, match="not finished"):
        folder.check_free(resume=False)


def test_the_same_evaluation_may_lie_elsewhere(tmp_path):
    settings = {"data": {"dataset": "own", "prepared_in": "here"}, "weights_sha256": "1"}
    moved = {"data": {"dataset": "own", "prepared_in": "there"}, "weights_sha256": "2"}
    other = {"data": {"dataset": "other", "prepared_in": "there"}, "weights_sha256": "1"}
    EvaluationFolder(tmp_path / "evaluation").replace(settings, ("a",))
    EvaluationFolder(tmp_path / "evaluation").replace(moved, ("a",))
    assert EvaluationFolder(tmp_path / "evaluation").settings() == moved
    with pytest.raises(RunFolderError, match=r"\(data.dataset: 'own' there, 'other' now\)"):
        EvaluationFolder(tmp_path / "evaluation").replace(other, ("a",))
    RunFolder(tmp_path / "run").begin(settings, ("a",), resume=False)
    with pytest.raises(RunFolderError, match="data.prepared_in: 'here' there, 'there' now"):
        RunFolder(tmp_path / "run").begin(moved, ("a",), resume=True)


def test_folders_that_hold_no_run_are_named(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "report.md").touch()
    with pytest.raises(RunFolderError, match="holds other files and no run"):
        RunFolder(tmp_path / "notes").check_free(resume=True)
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder(tmp_path / "notes" / "report.md").check_free(resume=False)
    with pytest.raises(RunFolderError, match="holds no run"):
        RunFolder(tmp_path / "notes" / "report.md").recipe()


def test_damaged_files_are_named(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.begin({}, ("a", "b"), resume=False)
    with pytest.raises(RunFolderError, match="another version"):
        folder.recipe()
    with pytest.raises(RunFolderError, match="not finished"):
        folder.metrics()
    (folder.path / "report.md").touch()
    (folder.path / "metrics.json").write_text('{"top1": 0.')
    with pytest.raises(RunFolderError, match=r"metrics\.json cannot be read"):
        folder.metrics()
    (folder.path / "recipe.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"recipe\.json cannot be read"):
        folder.recipe()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_one_sentence(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(RunFolderError, match="Cannot write"):
        RunFolder(tmp_path / "locked" / "run").begin({}, (), resume=False)
