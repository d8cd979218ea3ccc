"""What a report says of one series: computed once from findings and policy, in no language.

Every form (JSON, SR, SEG, key images, PDF, web) and every language takes `Statements` and computes nothing again.
"""

from cad.report.statements.subject import Subject as Subject
from cad.report.statements.whole import Statements as Statements, state as state
