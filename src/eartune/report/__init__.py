"""Reads the results of an experiment's models, joins them over seeds, and writes a report for people."""

from eartune.report.page import write_report
from eartune.report.result import CELLS, RunResult, read_results, write_result
from eartune.report.table import terminal_table

__all__ = ["CELLS", "RunResult", "read_results", "terminal_table", "write_report", "write_result"]
