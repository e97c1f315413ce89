"""``python -m lobdesk`` is the same as the ``lobdesk`` command."""

from lobdesk.cli import main

if __name__ == "__main__":
    main()
