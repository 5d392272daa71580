"""The store: model files on this machine, checked by sha256, fetched from a mirror or from their source."""

from .errors import DiskTooFull, DownloadFailed, HashMismatch, LicenceNotAccepted, ModelMissing, StoreError
from .store import FileReport, FileState, LocalModel, ModelStore, Progress, StoredModel
from .switches import Switches, require_licence

__all__ = [
    "DiskTooFull",
    "DownloadFailed",
    "FileReport",
    "FileState",
    "HashMismatch",
    "LicenceNotAccepted",
    "LocalModel",
    "ModelMissing",
    "ModelStore",
    "Progress",
    "StoreError",
    "StoredModel",
    "Switches",
    "require_licence",
]
