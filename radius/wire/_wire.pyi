"""radius/wire/_wire.c, as it is where it was compiled."""

from .mmsg import Slots as Slots
from .plain import authenticator as authenticator
from .plain import is_signed as is_signed
from .plain import mac as mac
from .plain import seal as seal
from .plain import walk as walk
