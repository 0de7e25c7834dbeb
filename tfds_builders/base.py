"""What the builders share: splits by group, bad examples by name, one pass over the source.

A dataset's own builder says where its files are, which classes there are, what its features are, and yields examples:

    class Builder(GroupSplitBuilder):
        VERSION = tfds.core.Version("1.0.0")
        RELEASE_NOTES = {"1.0.0": "First release."}
        BUILDER_CONFIGS = [GroupSplitConfig(name="default")]
        SPLIT_SCHEMES = {"hash": SplitScheme(train=0.8, validation=0.1, test=0.1)}

        def _info(self):
            image = tfds.features.Image(shape=(None, None, 3))
            return self._dataset_info(image, class_names, homepage="https://...", latitude=np.float32)

        def _examples(self, source, manifest): ...
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core.utils.tqdm_utils import tqdm

from keras_sketch.curation.folders import existing_folder
from keras_sketch.curation.manifest import Manifest
from keras_sketch.curation.splits import SplitScheme
from keras_sketch.errors import BadDataError
from tfds_builders.choosing import ChoosingBuilder
from tfds_builders.sides import Sides
from tfds_builders.writing import Example, make_serializer

log = logging.getLogger(__name__)

_PROGRESS_STEP = 500  # A call for every example would cost as much as serializing it.


class GroupSplitBuilder(ChoosingBuilder, skip_registration=True):
    """Prepares a dataset in one pass: each example goes to the split that the hash of its group says.

    Every example has the features `image`, `label`, `id` and `group`; the last two are filled in from the `Example`.
    """

    def _examples(self, source: Path | None, manifest: Manifest) -> Iterator[Example]:
        """Yields the usable examples, and names the others in the manifest.

        Args:
            source: What `_fetch` returned.
            manifest: Where each example that cannot be used goes (`add_bad`), and what is odd but costs none
                (`add_note`); those yielded are counted already.
        """
        raise NotImplementedError

    def _dataset_info(
        self, image: tfds.features.Image, class_names: Sequence[str] | None, homepage: str = "", **own_features: Any
    ) -> tfds.core.DatasetInfo:
        """Describes the dataset; its folder's README, citation and tags are included.

        Args:
            image: The feature `image`.
            class_names: Sorted; None if they are known only once the source is read, then `_fetch` sets them.
            homepage: Where the dataset is published.
            **own_features: The dataset's own facts by feature name.

        Returns:
            The info. Once prepared, its metadata has `examples_seen`, `examples_bad` and `leaked`.
        """
        label = tfds.features.ClassLabel(names=list(class_names) if class_names else None)
        text = tfds.features.Text()
        features = {"image": image, "label": label, "id": text, "group": text, **own_features}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage=homepage,
            metadata=tfds.core.MetadataDict(),
        )

    def _fetch(self, dl_manager: tfds.download.DownloadManager, manual_dir: Path | None) -> Any:
        """Finds or downloads the files; what it returns goes to `_examples`."""
        return manual_dir

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        """Reads the source once and writes all splits; TFDS calls this with `data_dir` set to a temporary folder."""
        source = self._fetch(dl_manager, self._manual_dir(dl_manager, download_config))
        listing = Path(self.data_dir_root) / self.name / f"bad_examples-{self.builder_config.name}.csv"
        with (
            Manifest(listing, self.builder_config.max_bad) as manifest,
            tempfile.TemporaryDirectory(prefix="unsorted-", dir=self.data_dir) as unsorted,
        ):
            sides = Sides(self._scheme_for(source), Path(unsorted), download_config.max_examples_per_split)
            self._collect(source, manifest, sides)
            self._check_sizes(sides, manifest)
            infos = [
                writer.write(
                    self._get_filename_template(split),
                    tfds.core.ExampleWriter(self.info.file_format),
                    download_config.get_shard_config().get_number_shards,
                    lambda file, where: manifest.recall(file, where, "repeats the id of an earlier example"),
                )
                for split, writer in sides.writers.items()
                if writer.count
            ]
            manifest.check()
            leaked = sides.leaked()
            manifest.move_to(self.data_dir)
        self._conclude(manifest, infos, leaked)

    def _conclude(self, manifest: Manifest, infos: Sequence[tfds.core.SplitInfo], leaked: dict[str, int]) -> None:
        """Says what was left out, and fills in the splits and the metadata."""
        if manifest.bad:
            log.warning(
                "Left out %d of %d examples as bad; %s in the prepared folder lists them.",
                *(manifest.bad, manifest.seen, manifest.path.name),
            )
        if manifest.notes:
            log.warning(
                "%d %s no example; %s in the prepared folder lists them.",
                manifest.notes,
                "oddity of the source costs" if manifest.notes == 1 else "oddities of the source cost",
                manifest.path.name,
            )
        self.info.metadata.update(examples_seen=manifest.seen, examples_bad=manifest.bad, leaked=leaked)
        self.info.set_splits(tfds.core.SplitDict(infos))

    def _manual_dir(self, dl_manager, download_config) -> Path | None:
        """The folder that the user gave, or TFDS's own if there is something in it."""
        if not self.MANUAL_DOWNLOAD_INSTRUCTIONS:
            return None
        if download_config.manual_dir is not None:
            return existing_folder(download_config.manual_dir)
        try:
            return Path(dl_manager.manual_dir)
        except AssertionError:  # TFDS's word for a folder that is missing or empty.
            return None

    def _scheme_for(self, source: Any) -> SplitScheme:
        """Gives the config's split scheme; where the authors' list of test groups belongs to it, fills that in.

        Args:
            source: What `_fetch` returned.
        """
        return self.scheme

    def _collect(self, source: Any, manifest: Manifest, sides: Sides) -> None:
        """Goes through the source once and hands every example to its side."""
        serialize = make_serializer(self.info.features)
        with tqdm(desc=f"Preparing {self.name}", unit=" examples", mininterval=0.5, leave=False) as progress:
            for number, example in enumerate(self._examples(source, manifest), start=1):
                manifest.add_good()
                sides.add(example, serialize)
                if number % _PROGRESS_STEP == 0:
                    progress.set_postfix(bad=manifest.bad, refresh=False)
                    progress.update(_PROGRESS_STEP)

    def _check_sizes(self, sides: Sides, manifest: Manifest) -> None:
        for split in sides.scheme.names:
            if split != "validation" and not sides.writers[split].count:
                manifest.check()
                total = sum(writer.count for writer in sides.writers.values())
                share = getattr(sides.scheme, split)
                raise BadDataError(
                    f"The {split} split of {self.name} is empty: {total} usable examples are too few for the split "
                    f"{self.builder_config.split!r}, which gives it {share:.0%}. Bring at least {round(10 / share)}."
                )
