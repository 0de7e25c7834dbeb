"""`tune`: a recipe's optimizer, learning rate, decay, batch size and epochs, one after another."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from keras_sketch.errors import InvalidArgumentError, MissingDataError
from keras_sketch.recipes import Recipe
from keras_sketch.training.sweep import Sweep, plan
from keras_sketch.workflows.arguments import split_names, split_numbers
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.from_recipe import build_network, open_data
from keras_sketch.workflows.recipe_choice import DATA_OPTIONS, RecipeOptions, choose_recipe
from keras_sketch.workflows.run_folder import RunFolder
from keras_sketch.workflows.sweep_outcome import write_outcome
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from keras_sketch.data.loading import OpenDataset


class SweepFolder(RunFolder):
    """The folder of one sweep: `sweep.json` is written first and `report.md` last."""

    SETTINGS = "sweep.json"


def tune(
    dataset: str | None = None,
    model: str | None = None,
    recipe: str | None = None,
    *,
    optimizers: tuple[str, ...] = Sweep.optimizers,
    learning_rates: tuple[float, ...] = Sweep.learning_rates,
    decays: tuple[float, ...] = Sweep.decays,
    batch_sizes: tuple[int, ...] = Sweep.batch_sizes,
    trial_epochs: int = Sweep.trial_epochs,
    epochs: int | None = None,
    output_dir: str | None = None,
    resume: bool = False,
    **options: Unpack[RecipeOptions],
) -> Path:
    """Looks for a recipe's best optimizer, learning rate and decay, batch size and epochs, in this order.

    Args:
        dataset: What to train on; `keras-sketch list` names them. Default: doodles, which need no data.
        model: The network. Default: the recipe's.
        recipe: The recipe to start from, by name, or a .json file that holds one. Default: the dataset's own.
        optimizers: Tried first, at the recipe's learning rate; sgd at ten times that of the others.
        learning_rates: Tried next, each with every decay.
        decays: The rate is divided by 1 + decay * step.
        batch_sizes: Tried next; those above the number of training examples are left out.
        trial_epochs: Epochs of each trial but the last.
        epochs: Epochs of the last trial, whose best one gives the number of epochs. Default: the recipe's.
        output_dir: The sweep's folder. Default: runs/tune-RECIPE.
        resume: Go on with the sweep in the folder; a finished one is left as it is.
        **options: See `RecipeOptions`. The split scheme must have a validation split.

    Returns:
        The sweep's folder: `tuning.csv`, `report.md` with pictures, and `best_recipe.json` for `train --recipe`.

    Raises:
        KerasSketchError: What was asked cannot be done; the message says what to do.
    """
    if importlib.util.find_spec("keras_tuner") is None:
        raise MissingDataError("keras-sketch tune needs KerasTuner: pip install keras_sketch[tune].")
    chosen = choose_recipe(recipe, dataset, options, model=model, epochs=epochs)
    sweep = _sweep(optimizers, learning_rates, decays, batch_sizes, trial_epochs)
    folder = SweepFolder(output_dir or Path("runs") / f"tune-{chosen.name}")
    folder.check_free(resume)
    if folder.finished:
        _say_finished(folder, chosen, sweep)
        return folder.path
    start_tensorflow()
    _tune(chosen, sweep, folder, open_data(chosen, options), _command(folder, options), resume)
    return folder.path


def _command(folder: SweepFolder, options: RecipeOptions) -> str:
    """Returns the command that trains with what was found."""
    words = ["python", "train.py", "--recipe", str(folder.path / "best_recipe.json")]
    for name in DATA_OPTIONS:
        if options.get(name) is not None:
            words += [f"--{name.replace('_', '-')}", str(options[name])]
    return shlex.join(words)


def _sweep(optimizers, learning_rates, decays, batch_sizes, trial_epochs: int) -> Sweep:
    sweep = Sweep(
        split_names(optimizers),
        split_numbers("learning_rates", learning_rates, float),
        split_numbers("decays", decays, float),
        split_numbers("batch_sizes", batch_sizes, int),
        trial_epochs,
    )
    if not sweep.optimizers:
        raise InvalidArgumentError("optimizers", "at least one name", optimizers)
    if min(sweep.batch_sizes) < 1:
        raise InvalidArgumentError("batch_sizes", "at least 1 each", sweep.batch_sizes)
    if trial_epochs < 1:
        raise InvalidArgumentError("trial_epochs", "at least 1", trial_epochs)
    return sweep


def _say_finished(folder: SweepFolder, recipe: Recipe, sweep: Sweep) -> None:
    print(f"{folder.path} holds a finished sweep: nothing to do. Its report: {folder.path / 'report.md'}")
    other = folder.other_settings(recipe, any_batch=True)
    if folder.settings()["sweep"] != json.loads(json.dumps(dataclasses.asdict(sweep))):
        other.append("the values to try")
    if other:
        print(f"It was made with other settings: {'; '.join(other)}. For these give another --output-dir.")


def _tune(recipe: Recipe, sweep: Sweep, folder: SweepFolder, data: OpenDataset, command: str, resume: bool) -> None:
    from keras_sketch import __version__
    from keras_sketch.models import layer_groups, train_from
    from keras_sketch.training.optimizers import make_optimizer
    from keras_sketch.training.tuning import search

    if "validation" not in data.splits:
        scheme = data.info.provenance["split"]
        raise InvalidArgumentError("split", "a scheme with a validation split, by which trials are compared", scheme)
    examples = data.splits["train"].num_examples
    recipe = recipe.with_changes(batch_size=min(recipe.batch_size, examples))
    fitting = dataclasses.replace(sweep, batch_sizes=tuple(size for size in sweep.batch_sizes if size <= examples))
    steps = plan(fitting, recipe, {})
    for setting in {setting for step in steps for setting in step.candidates}:
        for stage in setting.change(recipe).stages:
            make_optimizer(stage, steps_per_epoch=1)
    network = build_network(recipe, data.info)
    for stage in recipe.stages:
        layer_groups(network, max(1, len(stage.group_rates)))
        train_from(network, stage.train_from, stage.train_norm)

    settings = {
        "recipe": recipe.to_dict(),
        "sweep": dataclasses.asdict(sweep),
        "data": dict(data.info.provenance),
        "versions": {"keras_sketch": __version__},
    }
    folder.begin(settings, data.info.class_names, resume)
    _print_plan(recipe, fitting, data, folder)
    with damaged_data_named(data.info):
        outcome = search(recipe, fitting, folder.path, lambda changed, place: _fit(changed, place, data))
    write_outcome(outcome, recipe, folder.path, command)


def _fit(recipe: Recipe, folder: Path, data: OpenDataset) -> list[dict]:
    import keras

    from keras_sketch.training.fitting import fit_recipe

    keras.backend.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    network = build_network(recipe, data.info)
    labels = {"class_names": list(data.info.class_names), "recipe": recipe.to_dict()}
    return fit_recipe(network, recipe, data.splits["train"], data.splits["validation"], folder, labels)


def _print_plan(recipe: Recipe, sweep: Sweep, data: OpenDataset, folder: SweepFolder) -> None:
    counts = ", ".join(f"{data.info.num_examples[name]:,} {name}" for name in ("train", "validation"))
    rates, decays, sizes = (
        ", ".join(f"{value:g}" for value in values)
        for values in (sweep.learning_rates, sweep.decays, sweep.batch_sizes or (recipe.batch_size,))
    )
    lines = [
        f"Recipe {recipe.name}: {recipe.model} on {recipe.dataset}; {len(data.info.class_names)} classes, {counts}",
        f"Sweep: {', '.join(sweep.optimizers)}; learning rates {rates}; decays {decays}; batch sizes {sizes}",
        f"Epochs: {sweep.trial_epochs} a trial, {recipe.stages[-1].epochs} in the last one; seed {recipe.seed}",
        f"Folder: {folder.path}",
    ]
    print("\n".join(lines), flush=True)
