"""A comparison as a folder: the table and the pictures as one page, the pictures as files, the numbers as JSON."""

from weft.comparison.report.folder import new_report, write_report

__all__ = ["new_report", "write_report"]
