"""A build as a page that needs nothing else: resources, floorplan, timing, roofline, layers."""

from weft.build_report.page import REPORT_PAGE, page, write_page

__all__ = ["REPORT_PAGE", "page", "write_page"]
