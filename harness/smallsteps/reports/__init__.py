"""Reports for readers: outcomes as Markdown, HTML and JSON."""
