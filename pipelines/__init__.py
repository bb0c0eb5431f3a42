"""The jobs: one file per verb, and the command line."""
