"""What a command does from end to end; each is a function of plain arguments, and the command line is made from it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "evaluate_run": ["evaluate"],
        "explain_images": ["explain"],
        "export_run": ["export"],
        "extract_features": ["extract"],
        "find_learning_rate": ["find_lr"],
        "list_names": ["list_names"],
        "match_images": ["match"],
        "predict_images": ["predict"],
        "prepare_dataset": ["prepare"],
        "report_run": ["report"],
        "retrieve_landmarks": ["retrieve"],
        "train_classifier": ["train"],
        "tune_recipe": ["tune"],
    },
)
