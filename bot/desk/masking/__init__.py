"""Takes personal data out of text, before anything reaches SQL.

Two levels. The rules (``Rules``) find what has a shape or a check digit, and what people announce ("my name is …");
they cost little and run wherever a text is stored. The language models (``bot.desk.masking.models``) find names and
places that nothing announces; they are heavy, so that only the process that writes the message log loads them.
"""

from bot.desk.masking.kinds import Found, Kind, Masked, replace
from bot.desk.masking.rules import Rules, mask_secrets

__all__ = ["Found", "Kind", "Masked", "Rules", "mask_secrets", "replace"]
