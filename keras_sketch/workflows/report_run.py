"""`report`: several runs and evaluations side by side, in tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sketch.errors import (
    BadDataError,
    InvalidArgumentError,
    KerasSketchError,
    MissingDataError,
    RunFolderError,
)
from keras_sketch.workflows.evaluation_folder import EvaluationFolder
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from keras_sketch.evaluation.comparison import ComparedRun


def report(runs: tuple[str, ...], output_dir: str = "report") -> Path:
    """Sets runs side by side: models, scores with intervals beside published ones, curves, confusions.

    With folders of `evaluate --dataset` among them: networks before and after fine-tuning, results by class, frequent
    wrong answers, and galleries of what all got right and wrong.

    Args:
        runs: Folders of finished runs, of any dataset, and of evaluations.
        output_dir: The folder to write report.md and its pictures to; those of an earlier report are replaced.

    Returns:
        The report's path.

    Raises:
        RunFolderError: One of them holds no finished run or one of another version, or the folder holds a run or
            cannot be written.
    """
    folders = list({Path(run).resolve(): Path(run) for run in runs}.values())
    if not folders:
        raise InvalidArgumentError("runs", "at least one folder", runs)
    output = Path(output_dir)
    for kind in (RunFolder, EvaluationFolder):
        if kind(output).begun:
            raise RunFolderError(
                f"{output} holds {kind.ONE}, whose own report.md is there. Choose another --output-dir."
            )
    compared = [_read(folder, name) for folder, name in zip(folders, _short_names(folders), strict=True)]
    from keras_sketch.evaluation.before_after_report import write_before_after
    from keras_sketch.evaluation.comparison_report import write_comparison

    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(run.tested_on for run in compared):
            print(write_before_after(output, compared, _read_images))
        else:
            print(write_comparison(output, compared))
    except OSError as error:
        if isinstance(error, KerasSketchError):
            raise
        raise RunFolderError(f"Cannot write {output}: {error.strerror}. Choose another --output-dir.") from error
    print(f"\n{output / 'report.md'}")
    return output / "report.md"


def _open(folder: Path) -> RunFolder:
    evaluation = EvaluationFolder(folder)
    return evaluation if evaluation.begun else RunFolder(folder)


def _read(folder: Path, name: str) -> ComparedRun:
    from keras_sketch.evaluation.comparison import ComparedRun
    from keras_sketch.evaluation.predictions_csv import read_predictions
    from keras_sketch.evaluation.scores import missing_scores
    from keras_sketch.training.history import read_history

    run = _open(folder)
    scores, recipe = run.metrics(), run.recipe()
    missing = missing_scores(scores)
    elsewhere = isinstance(run, EvaluationFolder)
    if missing:
        again = "the same evaluation again" if elsewhere else f"`keras-sketch evaluate {folder}`"
        raise RunFolderError(
            f"{folder / 'metrics.json'} was written by another version (no {', '.join(missing)}): "
            f"{again} writes it anew."
        )
    class_names = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    data = run.settings()["data"]
    return ComparedRun(
        name=name,
        folder=folder,
        recipe=recipe,
        scores=scores,
        history=[] if elsewhere else read_history(folder / "history.csv"),
        predictions=read_predictions(folder / "predictions.csv", class_names),
        input_shape=_input_shape(run),
        tested_on=f"{data['dataset']}/{data['config']}, split {data['split']}" if elsewhere else "",
    )


def _read_images(run: ComparedRun, ids: Sequence[str]) -> np.ndarray | None:
    """Reads test examples from the prepared data of a run or evaluation; None where it is gone or other data."""
    start_tensorflow()
    from keras_sketch.data import reopen_dataset

    side = run.input_shape[0] if run.input_shape else run.recipe.image_size
    try:
        test = reopen_dataset(_open(run.folder).settings()["data"], side, run.recipe.resize).splits["test"]
    except (MissingDataError, BadDataError):
        return None
    places = {example: place for place, example in enumerate(test.facts(["id"])["id"])}
    return test.images([places[example] for example in ids]) if places.keys() >= set(ids) else None


def _input_shape(run: RunFolder) -> tuple[int, int, int] | None:
    """Returns what the network takes; None where a run's model.keras was removed to save space."""
    from keras_sketch.exporting.archive import read_metadata

    try:
        stored = (run.settings() if isinstance(run, EvaluationFolder) else read_metadata(run.path))["preprocessing"]
    except (RunFolderError, KeyError):
        return None
    return (stored["image_size"], stored["image_size"], stored["channels"])


def _short_names(folders: Sequence[Path]) -> list[str]:
    """Returns each folder's name, with as many of the folders above it as tell it from the others."""
    names = []
    for folder in folders:
        parts = folder.resolve().parts
        others = [other.resolve().parts for other in folders if other != folder]
        depth = next(n for n in range(1, len(parts) + 1) if parts[-n:] not in [other[-n:] for other in others])
        names.append(Path(*parts[-depth:]).as_posix())
    return names
