"""Reads the results of an experiment's models, joins them over seeds, and writes a report for people."""

from eartune.report.page import write_comparison, write_report
from eartune.report.result import RunResult, read_results, write_result
from eartune.report.table import terminal_table

__all__ = ["RunResult", "read_results", "terminal_table", "write_comparison", "write_report", "write_result"]
