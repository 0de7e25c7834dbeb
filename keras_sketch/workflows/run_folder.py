"""A run's folder: what is in it, and whether it may be written to."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from keras_sketch.errors import RunFolderError
from keras_sketch.files import atomic_write
from keras_sketch.recipes import Recipe


class RunFolder:
    """The folder of one run.

    `recipe.json` is written first and `report.md` last: a folder with the first alone holds an unfinished run.

    Args:
        path: The folder; it need not exist.

    Attributes:
        SETTINGS: The file that is written first; folders of another kind have another name for it.
        KIND: What the messages call it; `ONE` is the same with its article.
        HOW_TO_FINISH: The sentence that says how one that is not finished gets so.
        MAY_DIFFER: Settings that may have another value in the same one.
    """

    SETTINGS = "recipe.json"
    KIND, ONE = "run", "a run"
    HOW_TO_FINISH = "Finish it with --resume."
    MAY_DIFFER = ("versions",)

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    @property
    def begun(self) -> bool:
        """Whether a run was started here."""
        return (self.path / self.SETTINGS).is_file()

    @property
    def finished(self) -> bool:
        """Whether a run was brought to its end here."""
        return self.begun and (self.path / "report.md").is_file()

    def begin(self, settings: dict, class_names: tuple[str, ...], resume: bool) -> None:
        """Creates the folder and writes `recipe.json` and `labels.txt`, or checks those of the run to resume.

        Args:
            settings: Everything that the run was asked to do; another value than the stored one stops a resumed run.
            class_names: In the order of the labels.
            resume: Whether to go on with a run that is there.

        Raises:
            RunFolderError: A run is there and `resume` is false, or it is another run, or the folder cannot be written.
        """
        self.check_free(resume)
        self.check_same(settings)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self.begun:
                with atomic_write(self.path / self.SETTINGS) as file:
                    json.dump(settings, file, indent=2)
            with atomic_write(self.path / "labels.txt") as file:
                file.writelines(f"{name}\n" for name in class_names)
        except OSError as error:
            raise RunFolderError(f"Cannot write {self.path}: {error.strerror}. Choose another --output-dir.") from error

    def check_same(self, settings: dict) -> None:
        """Raises `RunFolderError` where one with other settings is here; some may differ."""
        settings = json.loads(json.dumps(settings))
        different = differences(_filled(self.settings()), settings, self.MAY_DIFFER) if self.begun else []
        if different:
            raise RunFolderError(
                f"{self.path} holds {self.ONE} with other settings ({'; '.join(different)}). "
                "Give the same ones again, or another --output-dir."
            )

    def check_free(self, resume: bool) -> None:
        """Looks whether a run may be put here, before anything is done for it.

        Raises:
            RunFolderError: A run is here and `resume` is false, or other files are, or nothing can be written.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file. Choose another --output-dir.")
        if not self.begun and self.path.is_dir() and any(self.path.iterdir()):
            raise RunFolderError(
                f"{self.path} holds other files and no {self.KIND}. Choose an empty or new --output-dir."
            )
        if self.begun and not resume:
            what = "a finished run" if self.finished else "a run that is not finished"
            raise RunFolderError(f"{self.path} already holds {what}. Add --resume, or choose another --output-dir.")
        existing = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not self.finished and not os.access(existing, os.W_OK):
            raise RunFolderError(f"Cannot write {self.path}: no permission. Choose another --output-dir.")

    def settings(self) -> dict:
        """Reads what `begin` was given.

        Raises:
            RunFolderError: There is no run here, or the file is damaged.
        """
        if not self.begun:
            raise RunFolderError(
                f"{self.path} holds no {self.KIND} (no {self.SETTINGS}). Give the folder of {self.ONE}."
            )
        return self._read_json(self.SETTINGS)

    def recipe(self) -> Recipe:
        """Reads the run's recipe.

        Raises:
            RunFolderError: There is no run here, or another version wrote it.
        """
        try:
            return Recipe.from_dict(self.settings()["recipe"])
        except (KeyError, TypeError) as error:
            raise RunFolderError(f"{self.path / self.SETTINGS} was written by another version ({error}).") from error

    def metrics(self) -> dict:
        """Reads `metrics.json`.

        Raises:
            RunFolderError: The run is not finished, or the file is damaged.
        """
        self.check_finished()
        return self._read_json("metrics.json")

    def check_finished(self) -> None:
        """Raises `RunFolderError` where there is no run, or one that is not finished."""
        self.settings()
        if not self.finished:
            raise RunFolderError(f"The {self.KIND} in {self.path} is not finished. {self.HOW_TO_FINISH}")

    def other_settings(self, recipe: Recipe, any_batch: bool) -> list[str]:
        """Returns in what the run's recipe differs from this one; `any_batch`: its batch size may be another."""
        stored, asked = _filled(self.settings())["recipe"], [recipe]
        if any_batch:
            # The rates have followed it, or one that was asked for has not.
            size = stored["batch_size"]
            asked = [recipe.with_changes(batch_size=size), dataclasses.replace(recipe, batch_size=size)]
        return min((differences(stored, json.loads(json.dumps(each.to_dict()))) for each in asked), key=len)

    def _read_json(self, name: str) -> dict:
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / name} cannot be read: {error}.") from error


def _filled(settings: dict) -> dict:
    """Returns settings whose recipe has the fields that it lacks, because it is older than they are, by default."""
    try:
        return {**settings, "recipe": json.loads(json.dumps(Recipe.from_dict(settings["recipe"]).to_dict()))}
    except (KeyError, TypeError, AttributeError):
        return settings


def differences(stored: dict, asked: dict, may_differ: tuple[str, ...] = (), prefix: str = "") -> list[str]:
    """Returns where nested settings differ, each as `name: old there, new now`."""
    found = []
    for key in sorted({*stored, *asked}):
        name, old, new = f"{prefix}{key}", stored.get(key), asked.get(key)
        if old == new or name in may_differ:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, may_differ, f"{name}.")
        else:
            found.append(f"{name}: {old!r} there, {new!r} now")
    return found
