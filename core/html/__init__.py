"""HTML pages and SVG charts that need nothing from elsewhere."""
