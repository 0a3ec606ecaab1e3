"""What all HTML pages share: look, safe rendering, pictures, the list of items, downloads."""
