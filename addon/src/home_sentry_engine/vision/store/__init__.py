"""The store: model files on this machine, checked by sha256, fetched from a mirror or from their source."""

from .errors import DiskTooFull, DownloadFailed, HashMismatch, ModelMissing, StoreError
from .store import FileReport, FileState, LocalModel, ModelStore, Progress, StoredModel

__all__ = [
    "DiskTooFull",
    "DownloadFailed",
    "FileReport",
    "FileState",
    "HashMismatch",
    "LocalModel",
    "ModelMissing",
    "ModelStore",
    "Progress",
    "StoreError",
    "StoredModel",
]
