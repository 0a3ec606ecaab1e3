"""What is read off outcomes and written for people: Markdown, HTML and JSON."""
