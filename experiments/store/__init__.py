"""The store of computed results: one document for each unit of work, computed once.

``Store.once`` and ``Store.all`` are the way in: they give what is stored, and compute and store
what is not. ``documents`` has the form of a document, ``folder`` how they are kept, ``store`` who
computes them, ``opening`` which folder it is, ``listing`` what is there, ``watch`` tells a watcher
what is found and computed.
``packing`` writes bundles and ``bundle`` reads them, ``audit`` compares them with this machine,
``progress`` shows what is being computed.
"""

from experiments.store.documents import Document, WorkUnit
from experiments.store.folder import DamagedResult, Run
from experiments.store.store import Store
from experiments.store.work import Computed

__all__ = ["Computed", "DamagedResult", "Document", "Run", "Store", "WorkUnit"]
