"""A stand-in command takes the place of chief and workers: what they are told, and what becomes of them, is tested."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keras_sketch.errors import TrainingError
from keras_sketch.training.workers import process_environments, reserved_port, run_processes

STAND_IN = """
import os, pathlib, signal, sys, time
from keras_sketch.training.workers import end_with_parent
end_with_parent()
folder, name = pathlib.Path(sys.argv[1]), os.environ["KERASTUNER_TUNER_ID"]
def save(*_):
    (folder / f"{name}.saved").touch()
    raise SystemExit(143)
signal.signal(signal.SIGTERM, save)
(folder / f"{name}.{os.getpid()}.started").touch()
starts = len(list(folder.glob(f"{name}.*.started")))
"""
WAIT = "time.sleep(60)"
WORK = "if name != 'chief': (folder / f'{name}.trial').touch()\nelse: time.sleep(60)"


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr("keras_sketch.training.workers._LOOK_EVERY_SECONDS", 0.02)


def supervise(folder, code, workers=2):
    """Runs the stand-ins until each worker has finished its only trial."""

    def look():
        finished = len(list(folder.glob("*.trial")))
        return finished, workers - finished

    environments = process_environments(workers, [], 2, 1)
    run_processes([sys.executable, "-c", STAND_IN + code, str(folder)], environments, folder / "logs", look, folder)


def starts(folder):
    names = [file.name.split(".")[0] for file in folder.glob("*.started")]
    return {name: names.count(name) for name in names}


def alive(folder):
    return [file for file in folder.glob("*.started") if Path(f"/proc/{file.name.split('.')[1]}/exe").exists()]


def test_a_worker_that_died_is_started_again_under_its_own_id(tmp_path, capsys):
    supervise(tmp_path, "if name == 'worker-1' and starts == 1: os.kill(os.getpid(), signal.SIGKILL)\n" + WORK)
    assert starts(tmp_path) == {"chief": 1, "worker-1": 2, "worker-2": 1}
    assert "worker-1 ended: killed by SIGKILL" in capsys.readouterr().err
    assert not alive(tmp_path)


def test_without_its_chief_everything_is_started_again(tmp_path):
    code = """
while starts == 1 and name == "chief":
    if len(list(folder.glob("worker-*.started"))) == 2: sys.exit(1)
if starts == 1: time.sleep(60)
"""
    supervise(tmp_path, code + WORK)
    assert starts(tmp_path) == {"chief": 2, "worker-1": 2, "worker-2": 2}
    assert len(list(tmp_path.glob("worker-*.saved"))) == 2


def test_a_worker_that_keeps_dying_ends_the_search_and_says_why(tmp_path):
    code = "if name == 'worker-2': raise ValueError('a bug')\n" + WAIT
    with pytest.raises(TrainingError) as raised:
        supervise(tmp_path, code)
    assert str(raised.value) == (
        "worker-2 ended 3 times with no trial finished between: ValueError: a bug. Its log is "
        f"{tmp_path / 'logs' / 'worker-2.log'}. Nothing is lost. Continue with --resume --output-dir {tmp_path}."
    )
    assert starts(tmp_path)["worker-2"] == 3 and not alive(tmp_path)


def test_a_mistake_of_the_user_s_is_not_tried_again(tmp_path):
    code = "if name == 'worker-1': print('error: The data is gone.'); sys.exit(2)\n" + WAIT
    with pytest.raises(TrainingError, match=r"^worker-1 ended: The data is gone\. Its log"):
        supervise(tmp_path, code)
    assert starts(tmp_path)["worker-1"] == 1


@pytest.mark.parametrize(("number", "saved"), [(signal.SIGKILL, 0), (signal.SIGINT, 2), (signal.SIGTERM, 2)])
def test_the_processes_end_with_the_one_that_started_them(tmp_path, number, saved):
    code = f"import sys, pathlib; sys.path.insert(0, {str(Path(__file__).parent)!r}); import workers_test as test\n"
    code += f"test.supervise(pathlib.Path({str(tmp_path)!r}), test.WAIT)"
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    until(lambda: sum(starts(tmp_path).values()) == 3 or parent.poll() is not None)
    parent.send_signal(number)
    said = parent.communicate(timeout=20)[1]
    until(lambda: not alive(tmp_path))
    assert not alive(tmp_path) and len(starts(tmp_path)) == 3, said
    assert len(list(tmp_path.glob("worker-*.saved"))) == saved
    assert ("nothing is lost. Continue with --resume" in said) == bool(saved)


def until(what):
    deadline = time.monotonic() + 20
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_each_worker_has_its_share_of_the_machine(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    chief, *workers = process_environments(3, ["2", "GPU-5"], 16, 4000).values()
    assert (chief["KERASTUNER_TUNER_ID"], chief["CUDA_VISIBLE_DEVICES"]) == ("chief", "-1")
    assert [each["KERASTUNER_TUNER_ID"] for each in workers] == ["worker-1", "worker-2", "worker-3"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in workers] == ["2", "GPU-5", "2"]
    assert {each["TF_NUM_INTRAOP_THREADS"] for each in workers} == {"5"}
    assert {each["OMP_NUM_THREADS"] for each in workers} == {"7"}
    assert all("TF_FORCE_GPU_ALLOW_GROWTH" in each and each["KERASTUNER_ORACLE_PORT"] == "4000" for each in workers)
    (_, alone) = process_environments(1, ["0"], 1, 4000).values()
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in alone and alone["TF_NUM_INTEROP_THREADS"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in process_environments(2, [], 1, 4000)["worker-1"]


@pytest.mark.enable_socket
def test_the_port_is_kept_for_who_asks_as_grpc_does():
    with reserved_port() as port, socket.socket() as other, socket.socket() as grpc:
        with pytest.raises(OSError):
            other.bind(("127.0.0.1", port))
        grpc.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        grpc.bind(("127.0.0.1", port))
        assert grpc.getsockname()[1] == port
