"""What persons gave in nbgrader's formgrader: points, extra credit and comments, from the course folder's gradebook."""

from dataclasses import dataclass, field
from pathlib import Path

from dlcourse.staff import course_folder


@dataclass
class Given:
    """What a person gave one student for one notebook."""

    points: dict[str, tuple] = field(default_factory=dict)  # cell -> (points or None, extra, to be looked at again)
    comments: dict[str, str] = field(default_factory=dict)  # cell -> text, also for cells without points


def read(folder: Path) -> dict[tuple[str, str, str], Given]:
    """(assignment, notebook, student) -> what was given; empty where there is no gradebook."""
    with course_folder.read_only(folder) as connection:
        if connection is None:
            return {}
        from nbgrader import api
        from sqlalchemy import or_, select

        whose = (api.Assignment.name, api.Notebook.name, api.SubmittedAssignment.student_id)

        def of_cells(table, *columns):
            return (
                select(*whose, api.BaseCell.name, *columns)
                .select_from(table)
                .join(api.SubmittedNotebook, table.notebook_id == api.SubmittedNotebook.id)
                .join(api.SubmittedAssignment, api.SubmittedNotebook.assignment_id == api.SubmittedAssignment.id)
                .join(api.Assignment, api.SubmittedAssignment.assignment_id == api.Assignment.id)
                .join(api.Notebook, api.SubmittedNotebook.notebook_id == api.Notebook.id)
                .join(api.BaseCell, table.cell_id == api.BaseCell.id)
            )

        found: dict[tuple[str, str, str], Given] = {}
        score, extra, again = api.Grade.manual_score, api.Grade.extra_credit, api.Grade.needs_manual_grade
        query = of_cells(api.Grade, score, extra, again).where(or_(score.is_not(None), extra.is_not(None)))
        for *key, cell, points, more, look_again in connection.execute(query):
            found.setdefault(tuple(key), Given()).points[cell] = (points, more or 0.0, bool(look_again))
        comment = api.Comment.manual_comment
        for *key, cell, text in connection.execute(of_cells(api.Comment, comment).where(comment.is_not(None))):
            if text.strip():
                found.setdefault(tuple(key), Given()).comments[cell] = text
    return found
