"""Why a file is not imported at all. A line that cannot be used is no exception but data: see `reading`."""


class FileRefused(Exception):
    """The file as a whole is refused and the directory stays as it is.

    `code` is a stable word for programs, `detail` a sentence: what was found, where, and what to do.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
