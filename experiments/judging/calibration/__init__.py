"""How often the rules of judging are wrong: on simulated studies, whose truth is known."""
