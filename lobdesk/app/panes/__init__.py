"""One folder per pane: ``model.py`` without Textual, ``pane.py`` that shows it, its style."""
