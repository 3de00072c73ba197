"""Where things are put: partitions, journals, fingerprints, the ledger."""
