"""Training and judging forecasters."""

from lobdesk.training.callbacks import CancelFlag, TrainingCancelledError
from lobdesk.training.evaluate import evaluate_fold
from lobdesk.training.fit import fit
from lobdesk.training.forecaster import LOBForecaster
from lobdesk.training.predict import predict

__all__ = [
    "CancelFlag",
    "LOBForecaster",
    "TrainingCancelledError",
    "evaluate_fold",
    "fit",
    "predict",
]
