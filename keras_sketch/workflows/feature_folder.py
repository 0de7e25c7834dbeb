"""The folder of extracted local features, seen by the command that fills it."""

from __future__ import annotations

from keras_sketch.workflows.run_folder import RunFolder


class FeatureFolder(RunFolder):
    """The folder of a store of local features: `extractor.json` is written first.

    It holds everything that the features depend on, so that a folder with another value is refused. The same data may
    lie elsewhere meanwhile.
    """

    SETTINGS = "extractor.json"
    KIND, ONE = "store of local features", "a store of local features"
    HOW_TO_FINISH = "Extract again, as before."
    MAY_DIFFER = ("versions", "data.prepared_in", "data.manual_dir", "network")
