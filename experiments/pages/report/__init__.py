"""The report: one HTML file in which a reader looks into claims, answers and heads.

``gathered`` takes results out of a store that computes nothing; ``claims``, ``cells``, ``heads``
and ``sweep`` turn them into plain data; ``page`` puts that data, the template and the charts of
``page/`` into one file.
"""
