"""How often Python looks for garbage among what has lived for long."""

import gc

OLD_ONES = 100
"""After how many looks at younger objects it looks at all of them; Python's own number is 10."""


def look_seldom() -> None:
    """Old objects are looked at a tenth as often; what is made and dropped again, as ever.

    torch and transformers make 370,000 objects as they are imported, which stay. By Python's number
    all that are there are looked at six times meanwhile, which takes a seventh of the import.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, OLD_ONES)
