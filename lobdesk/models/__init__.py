"""Models that read windows, and the baselines that every report shows beside them."""

from lobdesk.errors import MissingExtraError

try:
    from lobdesk.models.baselines import BASELINES, Baseline, Sample
    from lobdesk.models.bin_ctabl import BinCTABL
    from lobdesk.models.deeplob import DeepLOB
    from lobdesk.models.registry import MODELS, build_model, model_columns
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "lobdesk.models") from error

__all__ = [
    "BASELINES",
    "MODELS",
    "Baseline",
    "BinCTABL",
    "DeepLOB",
    "Sample",
    "build_model",
    "model_columns",
]
