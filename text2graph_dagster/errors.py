"""The one exception a user is meant to read."""


class UserError(Exception):
    """Something in the user's input or configuration is wrong.

    The message is one clear sentence that names the thing at fault and says what to do about it; command line and
    assets print it as it stands, without a traceback.
    """
