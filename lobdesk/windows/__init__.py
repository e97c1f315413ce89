"""Features, rolling normalization, targets and window stores."""

from lobdesk.windows.build import TooFewRowsError, build_store
from lobdesk.windows.features import compute_features, rolling_normalize
from lobdesk.windows.from_index import UnindexedSymbolError, build_windows
from lobdesk.windows.spec import FEATURE_SETS, Target, WindowSpec, WindowSpecError
from lobdesk.windows.store import WindowStore, WindowStoreError

__all__ = [
    "FEATURE_SETS",
    "Target",
    "TooFewRowsError",
    "UnindexedSymbolError",
    "WindowSpec",
    "WindowSpecError",
    "WindowStore",
    "WindowStoreError",
    "build_store",
    "build_windows",
    "compute_features",
    "rolling_normalize",
]
