"""The one error of this package, apart so that every module can raise it."""


class ArchiveError(ValueError):
    """An archive cannot be built as asked.

    The message says where (the package file, the folder or the archive's name), what is wrong and what to do.
    """
