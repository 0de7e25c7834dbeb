"""From predictions to scores, pictures and the report: NumPy arrays, strings and paths; no TensorFlow, no model.

| module | subject |
|---|---|
| `predictions`, `predictions_csv` | what the model said about every example |
| `ranking` | classes in order of probability, ties included |
| `gap` | the interval of global average precision, and distractors in its ranking |
| `submission` | `submission.csv`, the guesses in the format of Kaggle's landmark competitions |
| `scores` | top-1, top-5, precision, recall, F1, of all classes or of each, and `metrics.json` |
| `intervals` | 95 % intervals: Wilson's, the bootstrap's, and of paired differences |
| `voting` | one prediction from several views of a picture |
| `breakdown`, `ink` | accuracy by a fact of the example, such as its country, or by how sparse the drawing is |
| `mistakes` | the most frequent wrong answers, and how many stay in the true class's WordNet branch or continent |
| `leak` | test examples with siblings in training, classes without a training example |
| `geography` | how far off guesses of a country are |
| `confusion`, `confusion_picture` | which classes are taken for which |
| `world_map`, `globe`, `coastline.npy` | errors on a map of the world |
| `curves`, `samples`, `gallery`, `augmentation_picture` | the other pictures of a run |
| `report`, and the other modules that end in `_section` | a run's `report.md`, and `classes.csv` |
| `comparison`, `comparison_report`, `comparison_pictures` | several runs side by side |
| `leak_comparison`, `distance_comparison` | what a leak is worth, and distances, of several runs |
| `training_comparison` | training beside test, of several runs |
| `before_after`, `shared_answers` | networks before and after fine-tuning, on test examples that they share |
| `learning_rate_picture` | the curve of a search for a learning rate |
| `sweep_pictures`, `parallel_coordinates`, `marginals`, `search_trials`, `value_axis` | the pictures of a search |
| `sweep_report` | a search: `tuning.csv` and its report |
| `figures`, `tiles`, `markdown` | what the pictures and the reports share |
"""
