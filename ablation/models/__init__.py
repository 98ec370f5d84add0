"""Which models there are (``registry``), and how one is loaded and checked (``loading``)."""
