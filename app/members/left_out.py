"""Why a member is not published."""


class LeftOut(Exception):
    """A line that is not published: `code` is a stable word, `detail` one English sentence of this case."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
