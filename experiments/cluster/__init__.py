"""Workers on many machines, by Ray: a driver has one store, workers compute what it lacks.

What there is to compute is in ``grid``, which needs no Ray.
``connection`` finds or starts a Ray cluster, ``driver`` hands out work and stores what comes back,
``worker`` computes it, ``sent`` says in which form work travels.
"""
