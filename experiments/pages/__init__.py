"""What people read: the READMEs' generated parts, the report of a run, pictures for papers.

``readmes`` and ``figures`` draw with what each study draws with; ``evidence`` says where results
are that ``report`` and ``figures`` show.
"""
