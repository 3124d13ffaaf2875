"""The exception whose message is for users."""


class UserError(Exception):
    """Something in the user's input or configuration is wrong.

    The message names what is wrong and says what to do about it, in one or two sentences; the command line and the
    assets print it without a traceback.
    """
