"""Text, HTML and SVG. Renders tables and graphs that it is given, and knows no model."""
