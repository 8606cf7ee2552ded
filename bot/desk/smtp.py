"""Hands one e-mail to the mail server, and says whether another try could help."""

from email.message import EmailMessage
from typing import Final

import aiosmtplib

from bot.settings import MailSettings

_TIMEOUT_SECONDS: Final = 20.0


class MailNotSent(Exception):
    """``code`` is the server's (``550``) or names the fault; ``reason`` is for operators and holds no customer data.

    ``permanent``: the server refused this e-mail for good. All else may pass, also a refused log-in or sender, which
    says nothing about the e-mail.
    """

    def __init__(self, code: str, reason: str, *, permanent: bool = False) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.permanent = permanent


class SmtpServer:
    """The mail server of the settings."""

    def __init__(self, settings: MailSettings, *, local_name: str) -> None:
        self._settings = settings
        self._local_name = local_name

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Returns once the server took responsibility for the message (250 after DATA). Raises ``MailNotSent``."""
        settings = self._settings
        try:
            await aiosmtplib.send(
                message,
                sender=sender,
                recipients=[recipient],
                hostname=settings.host,
                port=settings.port,
                username=settings.username or None,
                password=settings.password.get_secret_value() or None,
                use_tls=settings.tls == "implicit",
                start_tls=settings.tls
                == "starttls",  # never left to chance: "none" must not try, "starttls" must not go on without
                local_hostname=self._local_name,
                timeout=_TIMEOUT_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            refusal = error.recipients[0]
            raise _refused(refusal.code, refusal.message) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refused(error.code, error.message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise MailNotSent(str(error.code), error.message) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailNotSent(type(error).__name__, str(error)) from error


def _refused(code: int, reason: str) -> MailNotSent:
    """5yz answers are for good (RFC 5321, 4.2.1)."""
    return MailNotSent(str(code), reason, permanent=code >= 500)
