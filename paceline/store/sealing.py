"""Keeps what has to be read again, and must not be read by others: encrypted where there is a key.

Without a key the text stands in its column as it is. Either way nothing but the sender opens it.
"""

from __future__ import annotations

import base64
import hashlib

from pydantic import SecretStr

from paceline.errors import ConfigurationError, NotifySecret

LEAST_KEY = 32
"""Characters that a key has at least; it is to be random."""
_PLAIN, _SEALED = "plain:", "fernet:"


class Seal:
    """Seals and opens texts.

    Args:
        keys: separated by commas; the first one seals, all of them open. None: nothing is encrypted.

    Raises:
        ConfigurationError: a key is too short.
    """

    def __init__(self, keys: SecretStr | None) -> None:
        given = keys.get_secret_value() if keys else ""
        self._keys = [each.strip() for each in given.split(",") if each.strip()]
        if any(len(each) < LEAST_KEY for each in self._keys):
            raise ConfigurationError(
                f"A key in PACELINE_WEBHOOK_KEY is shorter than {LEAST_KEY} characters; make one with "
                "`openssl rand -base64 32`."
            )

    @property
    def encrypts(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    def seal(self, text: str) -> str:
        """The text as it is kept."""
        if not self._keys:
            return _PLAIN + text
        return _SEALED + self._fernet().encrypt(text.encode()).decode()

    def open(self, kept: str) -> str:
        """The text again.

        Raises:
            NotifySecret: it was sealed with a key that this process lacks.
        """
        if not is_sealed(kept):
            return kept.removeprefix(_PLAIN)
        from cryptography.fernet import InvalidToken

        try:
            if self._keys:
                return self._fernet().decrypt(kept.removeprefix(_SEALED)).decode()
        except InvalidToken:
            pass
        raise NotifySecret("PACELINE_WEBHOOK_KEY of this process does not open what is kept of the webhook.")

    def _fernet(self):
        from cryptography.fernet import Fernet, MultiFernet

        # A key is random and long, so one round of a hash is enough to bring it to Fernet's length.
        digests = [hashlib.sha256(b"paceline webhooks\0" + each.encode()).digest() for each in self._keys]
        return MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in digests])


def is_sealed(kept: str) -> bool:
    """Whether a text is kept encrypted."""
    return kept.startswith(_SEALED)
