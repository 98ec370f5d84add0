"""Grids: what a study runs, over models, questions and lengths, as tasks that ask the store.

``grid`` reads a grid from TOML, ``tasks`` says what it takes, ``counting`` how many units that are.
A task is a function of a store. Given a usual one it computes what is missing; given one that
defers, what is missing can be handed to the workers of a cluster (``experiments.cluster``).
"""
