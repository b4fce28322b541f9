"""Tables as spreadsheets and learning platforms write them, and text that is safe in one. Knows nothing of a course."""

import csv
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from dlcourse.staff import StaffError

MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Table:
    file: str  # its name, for messages
    head: list[str]
    rows: list[tuple[int, list[str]]]  # number of the line it ends on, then a value for each column; no empty rows


def read(path) -> Table:
    """The table of a CSV file: UTF-8 or Excel's UTF-16; commas, semicolons or tabs. StaffError says what is wrong."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StaffError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise StaffError(f"{path}: more than {MAX_BYTES >> 20} MiB: a table of students was awaited")
    return parse(data, str(path))


def parse(data: bytes, file: str) -> Table:
    text = _decode(data, file)
    first, _, rest = text.partition("\n")
    separator = None
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's own word on the separator
        separator, text = first.strip()[4], rest
    separator = separator or _separator(text, file)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    head, rows, problems = None, [], []
    skipped = 1 if text is rest else 0
    try:
        for values in lines:
            values = [unicodedata.normalize("NFC", value).strip() for value in values]
            if not any(values):
                continue
            if head is None:
                while values and not values[-1]:
                    values.pop()
                head = values
                continue
            if any(values[len(head) :]):
                text = f"{len(values)} values, but {len(head)} columns: one {_name(separator)} more or less"
                problems.append(f"{file}:{lines.line_num + skipped}: {text}")
            rows.append((lines.line_num + skipped, (values + [""] * len(head))[: len(head)]))
    except csv.Error as error:
        raise StaffError(f"{file}:{lines.line_num + skipped}: not a CSV file: {error}") from None
    if head is None:
        raise StaffError(f"{file}: is empty: a line with the names of the columns was awaited")
    if problems:
        raise StaffError("\n".join(problems))
    return Table(file, head, rows)


def _decode(data: bytes, file: str) -> str:
    if data[:4] == b"PK\x03\x04":
        raise StaffError(f"{file}: is a spreadsheet or a zip: save it as CSV")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise StaffError(f"{file}: byte {error.start} is not UTF-8: save the file as CSV in UTF-8") from None
    if "\0" in text:
        raise StaffError(f"{file}: holds NUL characters: save the file as CSV in UTF-8")
    return text


def _separator(text: str, file: str) -> str:
    """The one of comma, semicolon and tab that splits the first line into most columns."""
    first = next((line for line in text.splitlines() if line.strip()), "")

    def columns(separator):
        try:
            return len(next(csv.reader([first], delimiter=separator), []))
        except csv.Error:
            return 0

    return max(",;\t", key=columns)


def _name(separator: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab"}.get(separator, "separator")


def write(head: list, rows: list[list]) -> str:
    """CSV text. No text in it can start a formula in a spreadsheet, or hold what a terminal would obey."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([plain(value) for value in head])
    table.writerows([plain(value) for value in row] for row in rows)
    return out.getvalue()


def plain(value):
    """A value for a cell of a spreadsheet."""
    if isinstance(value, str):
        value = visible(value)
        begins = unicodedata.normalize("NFKC", value.lstrip()[:1])  # also where a wide form stands for = + - @
        return "'" + value if begins in ("=", "+", "-", "@") else value
    return "" if value is None else number(value) if isinstance(value, float) else value


def number(value: float) -> str:
    """Two digits behind the point at most, none that are 0."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def visible(text: str) -> str:
    """`text` with a ? for each character that cannot be seen; a blank for a line's end."""
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(c if c.isprintable() else "?" for c in text.encode("utf-8", "replace").decode())[:300]
