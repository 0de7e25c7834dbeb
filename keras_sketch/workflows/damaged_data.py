"""What TensorFlow says of damaged files, as one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from keras_sketch.errors import BadDataError

if TYPE_CHECKING:
    from keras_sketch.data.loading import DatasetInfo


@contextlib.contextmanager
def damaged_data_named(info: DatasetInfo) -> Iterator[None]:
    """Raises `BadDataError` where prepared files turn out to be damaged or missing while they are read."""
    import tensorflow as tf

    folder = str(info.provenance["prepared_in"])
    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.NotFoundError,
        tf.errors.PermissionDeniedError,
        tf.errors.FailedPreconditionError,
    ) as error:
        # The last is what a folder in place of a file gives, and a file that ends early at the end of a record; but
        # also what has nothing to do with files.
        if isinstance(error, tf.errors.FailedPreconditionError) and not any(
            told in str(error) for told in (folder, "dataset was expected to contain")
        ):
            raise
        raise BadDataError(
            f"The prepared data in {folder} is damaged ({type(error).__name__}). Remove that "
            "folder, so that it is prepared again, and give the command once more, with --resume where it has that."
        ) from error
