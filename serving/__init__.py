"""Score a lead now, and the pages for both teams."""
