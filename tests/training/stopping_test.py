import os
import signal
import subprocess
import sys
import threading

import pytest

from keras_sketch.training.stopping import StopRequest

LATE = """
import ctypes, os, signal, threading, time
from keras_sketch.training import stopping
stopping.GRACE_SECONDS = 0.5
with stopping.StopRequest() as stop:
    stop.last_words = {words!r}
    threading.Timer(0.2, os.kill, (os.getpid(), signal.{name})).start()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        {step}
        if {taken_up} and stop.signal_number:
            stop.take_up()
print("STILL HERE", stop.signal_number)
"""
# Computes without Python, as a step of a network does, so that no handler runs.
COMPUTING = "import numpy as np; np.linalg.svd(np.ones((1200, 1200)))"


def end(words="Last words.", name="SIGTERM", step="time.sleep(0.05)", taken_up=False):
    code = LATE.format(words=words, name=name, step=step, taken_up=taken_up)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("step", ["time.sleep(0.05)", COMPUTING], ids=["python", "computing"])
def test_a_termination_that_no_step_takes_up_in_time_ends_the_process(step):
    ended = end(step=step)
    assert ended.returncode == 128 + signal.SIGTERM
    assert ended.stderr.strip().endswith("Last words.") and "STILL HERE" not in ended.stdout


@pytest.mark.parametrize("settings", [{"taken_up": True}, {"name": "SIGINT"}, {"words": ""}])
def test_who_takes_it_up_or_presses_ctrl_c_has_all_the_time_there_is(settings):
    ended = end(**settings)
    assert ended.returncode == 0, ended.stderr
    assert f"STILL HERE {int(signal.SIGINT if 'name' in settings else signal.SIGTERM)}" in ended.stdout


def test_afterwards_signals_act_as_before():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer)
    try:
        threads = threading.active_count()
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGTERM)
            assert stop.signal_number == signal.SIGTERM and not heard
            signal.raise_signal(signal.SIGTERM)
            assert heard == [signal.SIGTERM]
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 2 and signal.set_wakeup_fd(wakeup) == writer
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and thread.daemon:
                thread.join(timeout=0.5)
        assert threading.active_count() <= threads
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.set_wakeup_fd(wakeup)
        os.close(reader)
        os.close(writer)


def test_in_another_thread_nothing_is_installed():
    before, found = signal.getsignal(signal.SIGTERM), []

    def enter():
        with StopRequest() as stop:
            found.append((signal.getsignal(signal.SIGTERM), stop.signal_number))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [(before, None)]
