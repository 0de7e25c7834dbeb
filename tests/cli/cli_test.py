import sys

import pytest

from keras_sketch import cli
from keras_sketch.cli.parser import make_parser
from keras_sketch.errors import KerasSketchError, RunInterrupted
from keras_sketch.workflows import list_names, predict, train


def call(monkeypatch, *arguments, entry=cli.main):
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    try:
        entry()
    except SystemExit as end:
        return end.code or 0
    return 0


def test_every_command_has_a_help(monkeypatch, capsys):
    assert call(monkeypatch, "--help") == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert {"train", "prepare", "evaluate", "find-lr", "predict", "explain", "export", "list", "report"} <= set(listed)
    for name in listed:
        assert call(monkeypatch, name, "--help") == 0
        assert f"usage: keras-sketch {name}" in capsys.readouterr().out


def test_list_shows_all_tables(monkeypatch, capsys):
    assert call(monkeypatch, "list") == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("Datasets:", "quickdraw", "Models:", "quickdraw_cnn", "Recipes:", "doodles"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "error: Unknown command 'trian'. Did you mean 'train'?"),
        (["train", "--dataste", "x"], "error: Unknown option --dataste. Did you mean --dataset?"),
        (["train", "--epochs", "many"], "error: Argument --epochs: invalid int value: 'many'"),
        (["train", "--precision", "half"], "error: Argument --precision: invalid choice: 'half'"),
        (["train", "--dataset", "doodels"], "error: Unknown dataset 'doodels'. Did you mean 'doodles'?"),
        (["predict"], "error: The following arguments are required"),
        (["report", "nowhere"], "error: nowhere holds no run"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(monkeypatch, capsys, arguments, message):
    assert call(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_the_front_door_takes_the_same_options(monkeypatch, capsys):
    assert call(monkeypatch, "--help", entry=cli.train_main) == 0
    out = capsys.readouterr().out
    for option in ("dataset", "model", "recipe", "config", "classes", "data-dir", "manual-dir", "weights", "image-size",
                   "epochs", "batch-size", "learning-rate", "seed", "devices", "precision", "split", "output-dir",
                   "resume", "deterministic"):  # fmt: skip
        assert f"--{option} " in out or f"--{option}\n" in out or f"--{option}]" in out


def test_arguments_become_the_function_s(monkeypatch):
    parsed = make_parser(train, "train").parse_args(["--epochs", "3", "--classes", "cat,dog", "--resume"])
    assert (parsed.epochs, parsed.classes, parsed.resume, parsed.model) == (3, ["cat,dog"], True, None)
    parsed = make_parser(predict, "predict").parse_args(["run", "a.png", "b.png"])
    assert (parsed.run, parsed.images, parsed.k) == ("run", ["a.png", "b.png"], 3)
    assert vars(make_parser(list_names, "list").parse_args([])) == {}


def test_exit_codes(capsys):
    def raising(error):
        def command():
            raise error

        return command

    for error, code in [
        (KerasSketchError("what"), 2),
        (RunInterrupted("stopped", 15), 143),
        (KeyboardInterrupt(), 130),
    ]:
        with pytest.raises(SystemExit) as end:
            cli._exit_on_error(raising(error))
        assert end.value.code == code
