"""Errors of workflows.

WorkflowError
├── TemplateError       a template file cannot be used; says file, place and fix
└── ExpressionError     a ``{{ }}`` value cannot be computed
"""


class WorkflowError(Exception):
    """The workflow cannot be run."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class TemplateError(WorkflowError):
    """A workflow template cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ExpressionError(WorkflowError):
    """A template value cannot be computed."""
