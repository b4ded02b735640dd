"""Postmortems from elsewhere as retrospectives: Markdown in; title, sections, timeline and what wasn't understood out."""
