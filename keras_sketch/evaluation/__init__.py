"""From predictions to scores, pictures and the report: NumPy arrays, strings and paths; no TensorFlow, no model.

| module | subject |
|---|---|
| `predictions`, `predictions_csv` | what the model said about every example |
| `ranking` | classes in order of probability, ties included |
| `scores` | top-1, top-5, precision, recall, F1, of all classes or of each, and `metrics.json` |
| `intervals` | 95 % intervals: Wilson's, and the bootstrap |
| `breakdown` | accuracy by a fact of the example, such as its country |
| `confusion`, `confusion_picture` | which classes are taken for which |
| `curves`, `samples` | the other pictures |
| `report`, `markdown` | `report.md` and `classes.csv` |
| `figures` | what the pictures share |
"""
