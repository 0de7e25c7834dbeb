"""`report`: the figures of several runs side by side."""

from __future__ import annotations

from keras_sketch.workflows.run_folder import RunFolder

_COLUMNS = ("top1", "top5", "precision", "recall", "f1")


def report(runs: tuple[str, ...]) -> None:
    """Prints the figures of runs as one Markdown table, with 95 % intervals.

    Args:
        runs: Folders of finished runs.

    Raises:
        RunFolderError: One of them holds no finished run.
    """
    rows = [["run", "model", "dataset", "test examples", *_COLUMNS]]
    for path in runs:
        run = RunFolder(path)
        recipe, metrics = run.recipe(), run.metrics()
        figures = [_figure(metrics, name) for name in _COLUMNS]
        rows.append([str(run.path), recipe.model, recipe.dataset, f"{metrics['num_examples']:,}", *figures])
    rows.insert(1, ["---"] * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def _figure(metrics: dict, name: str) -> str:
    low, high = metrics["intervals"][name]
    return f"{metrics[name]:.2%} ({low:.2%} to {high:.2%})"
