import contextlib
import signal

import pytest

from keras_sketch.training import recorder as recorder_module


@pytest.fixture
def interrupt_at():
    """While entered, sends SIGINT to the process in the given training step, counted from then on."""

    @contextlib.contextmanager
    def armed(step):
        original = recorder_module.Recorder.on_train_batch_end
        seen = []

        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            if len(seen) == step:
                signal.raise_signal(signal.SIGINT)
            original(self, batch, logs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recorder_module.Recorder, "on_train_batch_end", on_train_batch_end)
            yield

    return armed
