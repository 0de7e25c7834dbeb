import csv
import math

from keras_sketch.evaluation.sweep_report import write_sweep_report, write_trials

DONE = dict(
    trial=1, step="optimizer", optimizer="adam", learning_rate=1e-3, decay=0.0, batch_size=32, epochs=6, best_epoch=5,
    val_loss=0.25, val_top1=0.9, seconds=12.34, failure="",
)  # fmt: skip
FAILED = {
    **DONE,
    "trial": 2,
    "best_epoch": None,
    "val_loss": math.inf,
    "val_top1": math.nan,
    "failure": "out of memory",
}


def test_trials_as_csv(tmp_path):
    write_trials(tmp_path / "tuning.csv", [DONE, {**FAILED, "seconds": None}])
    with (tmp_path / "tuning.csv").open() as file:
        first, second = csv.DictReader(file)
    assert {key: first[key] for key in ("optimizer", "learning_rate", "val_loss", "seconds")} == {
        "optimizer": "adam", "learning_rate": "0.001", "val_loss": "0.25", "seconds": "12.34",
    }  # fmt: skip
    assert (second["val_loss"], second["val_top1"], second["seconds"], second["failure"]) == (
        "",
        "",
        "",
        "out of memory",
    )


def test_the_report_has_values_command_pictures_and_trials(tmp_path):
    (tmp_path / "optimizers.png").touch()
    write_sweep_report(
        tmp_path, title="Sweep of a_b", best={"optimizer": "adam", "epochs": 5}, trials=[DONE, FAILED],
        command="python train.py --recipe x.json", notes=["A note."],
    )  # fmt: skip
    text = (tmp_path / "report.md").read_text()
    assert text.startswith(r"# Sweep of a\_b") and "| epochs | 5 |" in text
    assert "```sh\npython train.py --recipe x.json\n```" in text and "\n\nA note.\n\n" in text
    assert "(optimizers.png)" in text and "learning_rates.png" not in text
    assert "| 1 | optimizer | `adam` | 0.001 | 0 | 32 | 6 | 5 | 0.2500 | 90.00 % | 12.3 |" in text
    assert "| 2 | optimizer | `adam` | 0.001 | 0 | 32 | 6 |  | out of memory |  | 12.3 |" in text


def test_a_random_search_has_its_own_columns(tmp_path):
    row = {name: DONE[name] for name in ("trial", "batch_size", "learning_rate")} | {"alpha": 2.5, "weight_decay": 1e-4}
    figures = dict(best_epoch=5, val_loss=0.25, val_top1=0.9, val_distance_km=1234.4, seconds=None, failure="")
    failed = {**row, **figures, "trial": 2, "best_epoch": None, "val_distance_km": None, "failure": "out of memory"}
    write_sweep_report(tmp_path, title="x", best={}, trials=[row | figures, failed], command="", notes=[])
    text = (tmp_path / "report.md").read_text()
    assert "| trial | batch | learning rate | alpha | weight decay | best epoch | validation loss |" in text
    assert "| 1 | 32 | 0.001 | 2.5 | 0.0001 | 5 | 0.2500 | 90.00 % | 1,234 |  |" in text
    assert "| 2 | 32 | 0.001 | 2.5 | 0.0001 |  | out of memory | 90.00 % |  |  |" in text
