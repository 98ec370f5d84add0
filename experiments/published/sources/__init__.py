"""The studies' own figures, as they printed or shared them, and how they are read."""
