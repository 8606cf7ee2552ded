"""Who may sign in to the console, and what each did there."""

from bot.console.accounts.audit import AuditLog, Entry
from bot.console.accounts.invitations import InvalidInvitation, Invitations, Purpose
from bot.console.accounts.rights import Right, Role, rights_of
from bot.console.accounts.schema import migrate_accounts
from bot.console.accounts.sessions import Sessions, SignedIn
from bot.console.accounts.sign_in import Refusal, SignIn, SignInRefused
from bot.console.accounts.throttle import Throttle
from bot.console.accounts.users import EmailTaken, LastAdmin, UnknownUser, User, Users, WeakPassword
from bot.console.accounts.views import SavedView, SavedViews

__all__ = [
    "AuditLog",
    "EmailTaken",
    "Entry",
    "InvalidInvitation",
    "Invitations",
    "LastAdmin",
    "Purpose",
    "Refusal",
    "Right",
    "Role",
    "SavedView",
    "SavedViews",
    "Sessions",
    "SignIn",
    "SignInRefused",
    "SignedIn",
    "Throttle",
    "UnknownUser",
    "User",
    "Users",
    "WeakPassword",
    "migrate_accounts",
    "rights_of",
]
