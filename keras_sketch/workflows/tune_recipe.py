"""`tune`: which values train a recipe best, step after step or drawn at random."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from keras_sketch.errors import InvalidArgumentError, MissingDataError
from keras_sketch.recipes import Recipe
from keras_sketch.training.search_plan import SearchPlan
from keras_sketch.training.sweep import Sweep
from keras_sketch.training.trial_ledger import Ledger
from keras_sketch.workflows.damaged_data import damaged_data_named
from keras_sketch.workflows.from_recipe import build_network, check_blocks, check_stages, check_weights, open_data
from keras_sketch.workflows.random_outcome import write_random_outcome
from keras_sketch.workflows.recipe_choice import DATA_OPTIONS, RecipeOptions, choose_recipe
from keras_sketch.workflows.search_choice import choose_plan
from keras_sketch.workflows.search_process import SearchFolder, fit_trial
from keras_sketch.workflows.sweep_outcome import write_sweep_outcome
from keras_sketch.workflows.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from keras_sketch.data.loading import OpenDataset


def tune(
    dataset: str | None = None,
    model: str | None = None,
    recipe: str | None = None,
    *,
    search: Literal["sweep", "random"] = "sweep",
    draws: int | None = None,
    workers: int = 1,
    optimizers: tuple[str, ...] = (),
    learning_rates: tuple[str, ...] = (),
    decays: tuple[str, ...] = (),
    weight_decays: tuple[str, ...] = (),
    batch_sizes: tuple[str, ...] = (),
    alphas: tuple[str, ...] = (),
    trial_epochs: int | None = None,
    epochs: int | None = None,
    output_dir: str | None = None,
    resume: bool = False,
    **options: Unpack[RecipeOptions],
) -> Path:
    """Looks for the values with which a recipe trains best.

    Args:
        dataset: What to train on; `keras-sketch list` names them. Default: doodles, which need no data.
        model: The network. Default: the recipe's.
        recipe: The recipe to start from, by name, or a .json file that holds one. Default: the dataset's own.
        search: "sweep": optimizer, rate and decay, batch size, epochs, in this order; "random": all others at once.
        draws: random: how many trials. Default: 30.
        workers: How many trials are trained at a time, each in a process of its own.
        optimizers: sweep: tried first, sgd at ten times the rate of the others. Default: adam,rmsprop,sgd.
        learning_rates: Values, or for random a range like 1e-5..1e-2. Default: 1e-5 to 1e-2, 4 (sweep) or 7.
        decays: sweep: the rate is divided by 1 + decay * step. Default: 0,1e-4,1e-3.
        weight_decays: random: values, or a range without 0. Default: 0,1e-5,1e-4,1e-3,1e-2,1e-1.
        batch_sizes: Those above the number of training examples are left out. Default: 32,64,128, or 16..256.
        alphas: random, with the loss haversine and no --alpha: values or a range. Default: 0..5.
        trial_epochs: Of the last stage in a trial, but for a sweep's last. Default: 6, or 10.
        epochs: Of the sweep's last trial, and of the recipe that is found. Default: the recipe's.
        output_dir: The search's folder. Default: runs/tune-RECIPE, or runs/tune-RECIPE-random.
        resume: Go on with the search in the folder; a finished one is left as it is.
        **options: See `RecipeOptions`. The split scheme must have a validation split.

    Returns:
        The search's folder: `tuning.csv`, `report.md` with pictures, and `best_recipe.json` for `train --recipe`.
    """
    chosen = choose_recipe(recipe, dataset, options, model=model, epochs=epochs)
    values = dict(draws=draws, optimizers=optimizers, learning_rates=learning_rates, decays=decays, alphas=alphas,
                  weight_decays=weight_decays, batch_sizes=batch_sizes, trial_epochs=trial_epochs)  # fmt: skip
    plan = choose_plan(search, chosen, options.get("alpha") is not None, values)
    suffix = "" if search == Sweep.NAME else f"-{search}"
    folder = SearchFolder(output_dir or Path("runs") / f"tune-{chosen.name}{suffix}")
    _run(chosen, plan, folder, options, workers, resume)
    return folder.path


def _run(recipe: Recipe, plan: SearchPlan, folder: SearchFolder, options, workers: int, resume: bool) -> None:
    if importlib.util.find_spec("keras_tuner") is None:
        raise MissingDataError("keras-sketch tune needs KerasTuner: pip install keras_sketch[tune].")
    if workers < 1:
        raise InvalidArgumentError("workers", "at least 1", workers)
    folder.check_free(resume)
    if folder.finished:
        _say_finished(folder, recipe, plan)
        return
    start_tensorflow()
    gpus = _leave_gpus() if workers > 1 else []
    check_weights(recipe)
    check_blocks(recipe)
    data = open_data(recipe, options)
    if "validation" not in data.splits:
        scheme = data.info.provenance["split"]
        raise InvalidArgumentError("split", "a scheme with a validation split, by which trials are compared", scheme)
    examples = data.splits["train"].num_examples
    recipe = recipe.with_changes(batch_size=min(recipe.batch_size, examples))
    ledger = Ledger(plan.fitted(examples), recipe, folder.path, workers)
    _check(ledger, data)
    settings = _settings(recipe, plan, data)
    folder.begin(settings, data.info.class_names, resume)
    _print_plan(ledger, data)
    if workers == 1:
        _search(ledger, data)
    else:
        _search_in_processes(ledger, gpus)
    _write(ledger, _command(folder, options))


def _settings(recipe: Recipe, plan: SearchPlan, data: OpenDataset) -> dict:
    from keras_sketch import __version__

    return {
        "recipe": recipe.to_dict(),
        "search": plan.NAME,
        "values": dataclasses.asdict(plan),
        "data": dict(data.info.provenance),
        "versions": {"keras_sketch": __version__},
    }


def _check(ledger: Ledger, data: OpenDataset) -> None:
    """Finds out now what would fail in a trial."""
    from keras_sketch.training.optimizers import make_optimizer

    for setting in ledger.laid_out:
        for stage in setting.change(ledger.recipe).stages:
            make_optimizer(stage, steps_per_epoch=1)
    check_stages(build_network(ledger.recipe, data.info), ledger.recipe)


def _search(ledger: Ledger, data: OpenDataset) -> None:
    from keras_sketch.training.tuning import search

    with damaged_data_named(data.info):
        search(ledger, lambda changed, place: fit_trial(changed, place, data))


def _search_in_processes(ledger: Ledger, gpus: list[str]) -> None:
    from keras_sketch.training.workers import process_environments, reserved_port, run_processes

    def look(before: bool = False) -> tuple[int, int]:
        for trial in ledger.update():
            print(f"{ledger.announce(trial.setting)}\n{ledger.result(trial, before)}", flush=True)
        return len(ledger.trials), len(ledger.ready)

    _, left = look(before=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    command = [sys.executable, "-m", "keras_sketch.workflows.search_process", str(ledger.folder)]
    with reserved_port() as port:
        environments = process_environments(max(1, min(ledger.workers, left)), gpus, cores, port)
        run_processes(command, environments, ledger.folder / "workers", look, ledger.folder)


def _leave_gpus() -> list[str]:
    """Returns the GPUs that there are, for the workers; this process takes none of their memory."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    with contextlib.suppress(RuntimeError):  # It has begun to use them.
        tf.config.set_visible_devices([], "GPU")
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return (named or [str(number) for number in range(len(found))])[: len(found)]


def _write(ledger: Ledger, command: str) -> None:
    from keras_sketch.training.tuning import conclude

    outcome = conclude(ledger)
    write = write_sweep_outcome if ledger.plan.NAME == Sweep.NAME else write_random_outcome
    write(outcome, ledger, command)


def _command(folder: SearchFolder, options: RecipeOptions) -> str:
    """Returns the command that trains with what was found."""
    words = ["keras-sketch", "train", "--recipe", str(folder.path / "best_recipe.json")]
    for name in DATA_OPTIONS:
        if options.get(name) is not None:
            words += [f"--{name.replace('_', '-')}", str(options[name])]
    return shlex.join(words)


def _say_finished(folder: SearchFolder, recipe: Recipe, plan: SearchPlan) -> None:
    print(f"{folder.path} holds a finished search: nothing to do. Its report: {folder.path / 'report.md'}")
    other, stored = folder.other_settings(recipe, any_batch=True), folder.settings()
    if (stored["search"], stored["values"]) != (plan.NAME, json.loads(json.dumps(dataclasses.asdict(plan)))):
        other.append("the values to try")
    if other:
        print(f"It was made with other settings: {'; '.join(other)}. For these give another --output-dir.")


def _print_plan(ledger: Ledger, data: OpenDataset) -> None:
    recipe, plan = ledger.recipe, ledger.plan
    counts = ", ".join(f"{data.info.num_examples[name]:,} {name}" for name in ("train", "validation"))
    tried = plan.describe(recipe)
    lines = [
        f"Recipe {recipe.name}: {recipe.model} on {recipe.dataset}; {len(data.info.class_names)} classes, {counts}",
        *tried,
        f"Folder: {ledger.folder}",
    ]
    if ledger.workers > 1:
        lines.append(f"Workers: {ledger.workers}; what they print is in {ledger.folder / 'workers'}")
    print("\n".join(lines), flush=True)
