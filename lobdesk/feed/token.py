"""Where the level-3 token comes from; its text goes nowhere but to the exchange."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from pathlib import Path

from lobdesk.errors import FeedError

COMMAND_TIMEOUT_S = 15.0
MAX_TOKEN_BYTES = 1024


class TokenError(FeedError):
    """There is no token; the text says why and never what was found."""


class TokenSource:
    """Gives a token whenever a connection is opened.

    A token must be used within 15 minutes of its making, so one that is written down serves only
    the first connection. A file that something else renews, or a command that prints a fresh token,
    serves all.
    """

    def __init__(self, *, token: str = "", file: str = "", command: str = "") -> None:
        """Take one of the three.

        Args:
            token: The token itself.
            file: File that holds it, read each time.
            command: Program with its arguments that prints it; run each time, without a shell.
        """
        self._token = token
        self._file = file
        self._command = command

    async def fetch(self) -> str:
        """Return the token to use now.

        Raises:
            TokenError: There is none.
        """
        if self._command:
            return _clean(await self._run(), "the token command printed")
        if self._file:
            return _clean(await asyncio.to_thread(self._read), f"{self._file} holds")
        return _clean(self._token.encode(), "KRAKEN_LEVEL3_TOKEN is")

    def _read(self) -> bytes:
        try:
            with Path(self._file).open("rb") as file:
                return file.read(MAX_TOKEN_BYTES + 1)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise TokenError(f"the token file {self._file} cannot be read: {reason}") from error

    async def _run(self) -> bytes:
        try:
            process = await asyncio.create_subprocess_exec(
                *shlex.split(self._command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                # What it complains about may hold what it should keep to itself.
                stderr=asyncio.subprocess.DEVNULL,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise TokenError(f"the token command cannot be run: {reason.lower()}") from error
        try:
            output, _ = await asyncio.wait_for(process.communicate(), COMMAND_TIMEOUT_S)
        except TimeoutError as error:
            limit = f"{COMMAND_TIMEOUT_S:g} s"
            raise TokenError(f"the token command did not end within {limit}") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise TokenError(f"the token command ended with exit code {process.returncode}")
        return output


def _clean(data: bytes, what: str) -> str:
    """Return a token of one printable line; anything else could spoil the request."""
    token = data.strip()
    if not token:
        raise TokenError(f"{what} no token")
    is_plain = all(0x20 < byte < 0x7F and byte not in b'"\\' for byte in token)
    if len(token) > MAX_TOKEN_BYTES or not is_plain:
        raise TokenError(f"{what} no token of one line of plain characters")
    return token.decode("ascii")
