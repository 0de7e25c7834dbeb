"""`report`: several runs side by side, in tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sketch.errors import InvalidArgumentError, KerasSketchError, RunFolderError
from keras_sketch.workflows.run_folder import RunFolder

if TYPE_CHECKING:
    from keras_sketch.evaluation.comparison import ComparedRun


def report(runs: tuple[str, ...], output_dir: str = "report") -> Path:
    """Sets finished runs side by side: models, scores with intervals beside published ones, curves, confusions.

    Args:
        runs: Folders of finished runs, of any dataset.
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
    if (output / "recipe.json").exists():
        raise RunFolderError(f"{output} holds a run, whose own report.md is there. Choose another --output-dir.")
    compared = [_read(folder, name) for folder, name in zip(folders, _short_names(folders), strict=True)]
    from keras_sketch.evaluation.comparison_report import write_comparison

    try:
        output.mkdir(parents=True, exist_ok=True)
        print(write_comparison(output, compared))
    except OSError as error:
        if isinstance(error, KerasSketchError):
            raise
        raise RunFolderError(f"Cannot write {output}: {error.strerror}. Choose another --output-dir.") from error
    print(f"\n{output / 'report.md'}")
    return output / "report.md"


def _read(folder: Path, name: str) -> ComparedRun:
    from keras_sketch.evaluation.comparison import ComparedRun
    from keras_sketch.evaluation.predictions_csv import read_predictions
    from keras_sketch.evaluation.scores import missing_scores
    from keras_sketch.training.history import read_history

    run = RunFolder(folder)
    scores, recipe = run.metrics(), run.recipe()
    missing = missing_scores(scores)
    if missing:
        raise RunFolderError(
            f"{folder / 'metrics.json'} was written by another version (no {', '.join(missing)}): "
            f"`keras-sketch evaluate {folder}` writes it anew."
        )
    class_names = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    return ComparedRun(
        name=name,
        folder=folder,
        recipe=recipe,
        scores=scores,
        history=read_history(folder / "history.csv"),
        predictions=read_predictions(folder / "predictions.csv", class_names),
        input_shape=_input_shape(folder),
    )


def _input_shape(folder: Path) -> tuple[int, int, int] | None:
    """Returns what the run's model takes; None where model.keras was removed to save space."""
    from keras_sketch.exporting.archive import read_metadata

    try:
        stored = read_metadata(folder)["preprocessing"]
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
