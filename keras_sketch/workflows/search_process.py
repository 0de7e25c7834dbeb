"""A process of a search with several workers: `python -m keras_sketch.workflows.search_process FOLDER`.

Whether it is the chief or a worker, KerasTuner's environment variables say; everything else is in the search's folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keras_sketch.errors import KerasSketchError
from keras_sketch.recipes import Recipe
from keras_sketch.training.random_search import RandomSearch
from keras_sketch.training.search_plan import SearchPlan
from keras_sketch.training.sweep import Sweep
from keras_sketch.training.trial_ledger import Ledger
from keras_sketch.training.workers import end_with_parent
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.from_recipe import build_network
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from keras_sketch.data.loading import OpenDataset

PLANS: dict[str, type[SearchPlan]] = {plan.NAME: plan for plan in (Sweep, RandomSearch)}


class SearchFolder(RunFolder):
    """The folder of one search: `search.json` is written first and `report.md` last."""

    SETTINGS = "search.json"
    KIND, ONE = "search", "a search"

    def plan(self) -> SearchPlan:
        """Reads what the search was asked to try."""
        settings = self.settings()
        return PLANS[settings["search"]].from_dict(settings["values"])


def take_part(path: Path) -> None:
    """Joins the search in a folder, as what the environment says, until there is nothing left to train."""
    start_tensorflow()
    from keras_sketch.data.loading import reopen_dataset
    from keras_sketch.training.tuning import search

    folder = SearchFolder(path)
    recipe = folder.recipe()
    data = reopen_dataset(folder.settings()["data"], recipe.image_size, recipe.resize)
    plan = folder.plan().fitted(data.splits["train"].num_examples)
    with damaged_data_named(data.info):
        search(Ledger(plan, recipe, folder.path), lambda changed, place: fit_trial(changed, place, data))


def fit_trial(recipe: Recipe, folder: Path, data: OpenDataset) -> list[dict]:
    """Trains a recipe in a trial's folder and returns the history."""
    import keras

    from keras_sketch.training.fitting import fit_recipe

    keras.backend.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    network = build_network(recipe, data.info)
    labels = {"class_names": list(data.info.class_names), "recipe": recipe.to_dict()}
    return fit_recipe(network, recipe, data.splits["train"], data.splits["validation"], folder, labels)


if __name__ == "__main__":
    end_with_parent()
    try:
        take_part(Path(sys.argv[1]))
    except KerasSketchError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(getattr(error, "exit_code", 2)) from None
