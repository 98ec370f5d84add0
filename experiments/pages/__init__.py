"""What people read: generated parts of READMEs (``readmes``), the report of a run (``report``)."""
