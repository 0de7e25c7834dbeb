"""Apache Beam's pipeline options from one text, checked before anything is read or sent."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

from keras_sketch.errors import InvalidArgumentError, MissingDataError, UnknownNameError

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions


def parse_beam_options(text: str) -> PipelineOptions:
    """Makes Beam's options of a text such as `"runner=DirectRunner,direct_num_workers=2"`.

    Args:
        text: Options as `tfds build --beam_pipeline_options` takes them: names and values, with commas between them;
            those that are switches without a value.

    Returns:
        What `tfds.download.DownloadConfig(beam_options=...)` takes.

    Raises:
        MissingDataError: Apache Beam, or what the runner needs besides, is not installed.
        UnknownNameError: There is no such option or runner.
        InvalidArgumentError: An option has a value that it cannot have, or there is none at all.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
        from apache_beam.runners.runner import create_runner
    except ImportError as error:
        raise MissingDataError(
            'Preparing on Apache Beam needs apache-beam, which is not installed: pip install "keras_sketch[beam]".'
        ) from error
    flags = [f"--{flag.strip().removeprefix('--')}" for flag in text.split(",") if flag.strip()]
    if not flags:
        raise InvalidArgumentError("beam", "options of Apache Beam, e.g. runner=DirectRunner", text)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # A wrong value would print all 300 options.
            options = PipelineOptions(flags)
            given = options.get_all_options(drop_default=True, retain_unknown_options=True)
    except SystemExit as error:
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise InvalidArgumentError("beam", f"options of Apache Beam ({reason})", text) from error
    known = PipelineOptions([]).get_all_options()
    for name in given:
        if name not in known:
            raise UnknownNameError("option of Apache Beam", name, known)
    runner = options.view_as(StandardOptions).runner
    try:
        create_runner(runner or StandardOptions.DEFAULT_RUNNER)
    except ImportError as error:
        raise MissingDataError(f"Apache Beam's {runner} cannot be loaded: {error}.") from error
    except (ValueError, AttributeError) as error:
        raise UnknownNameError("runner of Apache Beam", runner, StandardOptions.KNOWN_RUNNER_NAMES) from error
    return options
