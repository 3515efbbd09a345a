"""Renders the tables and graphs that it is given as text, HTML and SVG. Knows no model."""
