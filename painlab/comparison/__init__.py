"""The rivals of the paper's Table IV, in their shortest honest forms, on our model's own folds."""
