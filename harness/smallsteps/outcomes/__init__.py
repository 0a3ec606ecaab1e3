"""The outcome table: one graded response a row, and what is read off it."""

from smallsteps.outcomes.columns import Codes
from smallsteps.outcomes.model import Outcome, Status
from smallsteps.outcomes.table import OutcomeTable, read_outcomes, write_outcomes

__all__ = ["Codes", "Outcome", "OutcomeTable", "Status", "read_outcomes", "write_outcomes"]
