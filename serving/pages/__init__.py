"""The pages for both teams, served: `alignment.pages` renders them, this reads what was asked."""
