"""From predictions to scores, pictures and the report: NumPy arrays, strings and paths; no TensorFlow, no model.

| module | subject |
|---|---|
| `predictions`, `predictions_csv` | what the model said about every example |
| `ranking` | classes in order of probability, ties included |
| `scores` | top-1, top-5, precision, recall, F1, of all classes or of each, and `metrics.json` |
| `intervals` | 95 % intervals: Wilson's, the bootstrap's, and of paired differences |
| `voting` | one prediction from several views of a picture |
| `breakdown`, `ink` | accuracy by a fact of the example, such as its country, or by how sparse the drawing is |
| `mistakes` | the most frequent wrong answers, and how many stay in the true class's WordNet branch |
| `confusion`, `confusion_picture` | which classes are taken for which |
| `curves`, `samples`, `gallery`, `augmentation_picture` | the other pictures of a run |
| `report`, `score_section`, `class_section`, `error_section`, `data_section` | a run's `report.md`, and `classes.csv` |
| `comparison`, `comparison_report`, `comparison_pictures` | several runs side by side |
| `before_after`, `shared_answers` | networks before and after fine-tuning, on test examples that they share |
| `learning_rate_picture` | the curve of a search for a learning rate |
| `sweep_pictures`, `sweep_report` | a search: `tuning.csv`'s pictures and its report |
| `figures`, `tiles`, `markdown` | what the pictures and the reports share |
"""
