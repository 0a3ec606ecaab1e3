"""Shared parts of all HTML pages: style, safe rendering, figures, the list of items, downloads."""
