"""The folder of an evaluation: a network's predictions on a dataset that it was not tested on in its own run."""

from __future__ import annotations

import json

from keras_sketch.errors import RunFolderError
from keras_sketch.files import atomic_write
from keras_sketch.workflows.run_folder import RunFolder


class EvaluationFolder(RunFolder):
    """The folder of one evaluation: `evaluation.json` is written first and `report.md` last.

    The settings hold `run` (the folder of the run that trained the network; None: nothing was trained), `recipe`,
    `data` (provenance of the test examples), `preprocessing`, `weights_sha256` and `versions`. Other data of the same
    provenance, and other weights in the same file, are the same evaluation: it is done anew.
    """

    SETTINGS = "evaluation.json"
    KIND, ONE = "evaluation", "an evaluation"
    HOW_TO_FINISH = "Evaluate again, as before."
    MAY_DIFFER = ("versions", "data.prepared_in", "weights_sha256")

    def replace(self, settings: dict, class_names: tuple[str, ...]) -> None:
        """Begins the evaluation, anew where the same one is here, finished or not.

        Args:
            settings: What was evaluated, and on what.
            class_names: Of the network, in the order of its outputs.

        Raises:
            RunFolderError: Another evaluation, a run or other files are here, or the folder cannot be written.
        """
        self.check_free(resume=True)
        self.check_same(settings)
        try:
            if self.begun:
                for old in (self.path / "report.md", *self.path.glob("predictions-*.csv")):
                    old.unlink(missing_ok=True)
                with atomic_write(self.path / self.SETTINGS) as file:
                    json.dump(settings, file, indent=2)
        except OSError as error:
            raise RunFolderError(f"Cannot write {self.path}: {error.strerror}. Choose another --output-dir.") from error
        self.begin(settings, class_names, resume=True)
