"""What runs the course: builds notebooks, grades them, keeps the scores. No notebook imports it."""


class StaffError(Exception):
    """What a person can put right. They read its text, one line for each problem, and no traceback."""
