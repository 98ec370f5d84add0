"""The blocks of the READMEs that are tables, by what they are made from."""
