"""Feast's registry in one file that a reader never sees half written.

In `feature_store.yaml`:

    registry:
      path: ../var/feast/registry.db
      registry_store_type: perennial.features.registry_file.AtomicRegistryStore
      serve_features_while_materializing: true

Feast's own file registry truncates the file and then writes it, several times in each
materialization: a server that reads it meanwhile finds no views at all and refuses its users.
"""

from __future__ import annotations

import os

from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry


class AtomicRegistryStore(FileRegistryStore):
    """A file registry that is written beside and renamed into place.

    Of two writers at once the last one wins, so writers must still take turns.
    """

    def _write_registry(self, registry_proto: Registry) -> None:
        target = self._filepath
        self._filepath = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            super()._write_registry(registry_proto)  # stamps it, and flushes it to the disk
            os.replace(self._filepath, target)
        finally:
            self._filepath = target
