"""Taking recordings of others into the journal."""

from lobdesk.importers.importing import (
    ImportReport,
    SourceInfo,
    find_source,
    import_as_one,
    import_file,
    list_sources,
)
from lobdesk.importers.registry import FORMATS, UnsupportedFormatError, find_format
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat

__all__ = [
    "FORMATS",
    "ForeignCapture",
    "ImportFormat",
    "ImportReport",
    "ImportedFrame",
    "SourceInfo",
    "UnsupportedFormatError",
    "find_format",
    "find_source",
    "import_as_one",
    "import_file",
    "list_sources",
]
