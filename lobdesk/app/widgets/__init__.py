"""Widgets drawn row by row; each knows how to draw, none knows where its data come from."""
