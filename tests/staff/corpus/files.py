"""How hand-ins come: archives, names, encodings, formats, and what is no hand-in at all. Each writes its own files."""

import gzip
import io
import json
import os
import tarfile
import zipfile

from tests.staff.corpus import Case, first


def text(name, ending=".ipynb", change=lambda t: t):
    """Writes NAME + ending with the right notebook."""

    def write(folder, book):
        data = change(book)
        (folder / f"{name}{ending}").write_bytes(data if isinstance(data, bytes) else data.encode())

    return write


def tree(*parts, also=None):
    """Writes the notebook at a path below the folder, and other files beside it."""

    def write(folder, book):
        path = folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(book)
        for name, content in (also or {}).items():
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / name).write_bytes(content)

    return write


def zipped(name, *members, also=None):
    """Writes an archive with the notebook under these names."""

    def write(folder, book):
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in members:
                archive.writestr(member, book)
            for member, content in (also or {}).items():
                archive.writestr(member, content)

    return write


def zip_in_zip(folder, book):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("ps1.ipynb", book)
    with zipfile.ZipFile(folder / "zip_in_zip.zip", "w") as archive:
        archive.writestr("homework/ps1.zip", inner.getvalue())


def zip_bomb(folder, book):
    with zipfile.ZipFile(folder / "zip_bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(2):
            with archive.open(f"bomb{i}_ps1.ipynb", "w", force_zip64=True) as file:
                for _ in range(300):
                    file.write(b"[" * (1 << 20))
        archive.writestr("zip_bomb_ps1.ipynb", book)


def zip_link(folder, book):
    with zipfile.ZipFile(folder / "zip_link.zip", "w") as archive:
        link = zipfile.ZipInfo("zip_link_ps1.ipynb")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")


def tarred(name, mode):
    def write(folder, book):
        with tarfile.open(folder / name, mode) as archive:
            data = book.encode()
            info = tarfile.TarInfo("work/ps1.ipynb")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
            link = tarfile.TarInfo("work/other_ps1.ipynb")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)

    return write


def link(folder, book):
    secret = folder.parent / "secret.ipynb"
    secret.write_text(book)
    (folder / "link.ipynb").symlink_to(secret)


def hard_to_find(folder, book):
    (folder / "link_to_folder").symlink_to(folder.parent / "source")


def dangling(folder, book):
    (folder / "dangling.ipynb").symlink_to("nowhere")


def pipe(folder, book):
    os.mkfifo(folder / "pipe.ipynb")


def folder_as_file(folder, book):
    (folder / "folder_as_file.ipynb").mkdir()


def empty_folder(folder, book):
    (folder / "empty_folder" / "ps1").mkdir(parents=True)


def read_only(folder, book):
    path = folder / "read_only" / "ps1"
    path.mkdir(parents=True)
    (path / "ps1.ipynb").write_text(book)
    (path / "ps1.ipynb").chmod(0o400)
    path.chmod(0o500)


def two(folder, book):
    old, new = folder / "two_of_them_ps1.ipynb", folder / "two_of_them_ps1 (1).ipynb"
    new.write_text(book)
    old.write_text(json.dumps({"cells": []}))
    os.utime(old, (1e9, 1e9))


def numbered(folder, book):
    for n in (1, 2):
        (folder / f"numbered-{n}.ipynb").write_text(book.replace("x + x", f"x + x {n}"))


def windows_names(folder, book):
    for n in (1, 2):
        (folder / f"student ({n}).ipynb").write_text(book.replace("x + x", f"x + x {n}"))


def latin(book):
    return book.replace("x + x", "x + x, voilà").encode("latin-1", "replace")


def non_ascii(book):
    return json.dumps(json.loads(book.replace("x + x", "x + x ✓ ü")), ensure_ascii=False)


CHECKPOINT = {
    ".ipynb_checkpoints/ps1-checkpoint.ipynb": b"{}",
    "__MACOSX/._ps1.ipynb": b"\0\5\26\7",
    "._ps1.ipynb": b"\0\5\26\7",
    ".DS_Store": b"x",
}
RAR, SEVEN = b"Rar!\x1a\x07\x01\x00" + b"x" * 100, b"7z\xbc\xaf\x27\x1c" + b"x" * 100
PDF, WORD = b"%PDF-1.7\n" + b"x" * 100, b"PK\x03\x04" + b"x" * 100
HTML = b"<!DOCTYPE html>\n<html><head><title>ps1</title></head></html>"
GONE = {"state": "could not run", "loses": "all"}
NOBODY = {"state": "could not run", "placed": False}
CASES = [
    # names and places
    Case("plain", "misnamed", "the file's name is the student's id", write=text("plain")),
    Case("with_the_assignment", "misnamed", "id and assignment", write=text("with_the_assignment_ps1")),
    Case("assignment_first", "misnamed", "assignment and id", write=text("ps1_assignment_first")),
    Case("browser_number", "misnamed", "a browser's number after the name", write=text("browser_number_ps1 (2)")),
    Case("copy_of", "misnamed", "Colab's words before the name", write=text("Copy of copy_of_ps1")),
    Case("final", "misnamed", "a student's word after the name", write=text("final_ps1_final")),
    Case("numbered-1", "misnamed", "ids that end in a number are two students", write=numbered),
    Case("numbered-2", "misnamed", "and this is the other", write=lambda *a: None),
    Case("student_(1)", "misnamed", "so are those that Windows numbers", write=windows_names),
    Case("student_(2)", "misnamed", "and this is the other", write=lambda *a: None),
    Case("ending_txt", "misnamed", "the browser added .txt", write=text("ending_txt", ".ipynb.txt")),
    Case("ending_json", "misnamed", "the browser wrote .json", write=text("ending_json_ps1", ".json")),
    Case("ending_txt_only", "misnamed", "renamed to .txt, a notebook all the same", write=text("ending_txt_only_ps1", ".txt")),
    Case("ending_upper", "misnamed", ".IPYNB", write=text("ending_upper", ".IPYNB")),
    Case("ending_twice", "misnamed", "twice", write=text("ending_twice", ".ipynb.ipynb")),
    Case("no_ending", "misnamed", "none at all", write=text("no_ending_ps1", "")),
    Case("Zoë_Ünïcödé", "unicode and spaces in paths", "any script", write=text("Zoë Ünïcödé_ps1")),
    Case("王小明", "unicode and spaces in paths", "any script", write=text("王小明")),
    Case("O'Brien_Jr.", "unicode and spaces in paths", "quotes and dots", write=text("O'Brien Jr._ps1")),
    Case("two_of_them", "two of them", "the newer one counts", write=two, flags="two files"),
    Case("nbgrader_tree", "file missing", "nbgrader's tree with a student's other files", write=tree("submitted", "nbgrader_tree", "ps1", "ps1.ipynb", also={"timestamp.txt": b"2026-01-02 03:04:05 UTC", "helper.py": b"1/0", "notes.txt": b"x"})),
    Case("moodle_folder", "misnamed", "Moodle's folder", write=tree("moodle_folder_123_assignsubmission_file_", "ps1.ipynb"), ),
    Case("canvas", "misnamed", "Canvas's name", write=text("canvas_12345_67890_ps1")),
    Case("canvaslate", "misnamed", "Canvas's name for a late one", write=text("canvaslate_LATE_12345_67890_ps1-1")),
    Case("unicode_path", "unicode and spaces in paths", "a folder with spaces", write=tree("my work ✓", "unicode_path", "ps1", "ps1.ipynb")),
    Case("read_only", "read-only files", "reading is enough", write=read_only),
    Case("stray_torch", "a stray torch.py beside it", "it is no part of the hand-in", write=tree("stray_torch", "ps1", "ps1.ipynb", also={"torch.py": b"raise SystemExit", "sitecustomize.py": b"1/0", "conftest.py": b"1/0"})),
    Case("checkpoints", "misnamed", "what editors and systems leave beside it is no second hand-in", write=tree("checkpoints", "ps1", "ps1.ipynb", also=CHECKPOINT)),
    # archives
    Case("zip_plain", "a zip", "the archive's name is the student's", write=zipped("zip_plain.zip", "ps1.ipynb")),
    Case("zip_folder", "a zip", "with the folder that was zipped", write=zipped("zip_folder_ps1.zip", "ps1/ps1.ipynb")),
    Case("zip_named_folder", "a zip", "and a folder of any name", write=zipped("zip_named_folder.zip", "my homework/ps1.ipynb", also={"__MACOSX/._ps1.ipynb": b"x", "my homework/.ipynb_checkpoints/ps1-checkpoint.ipynb": b"{}"})),
    Case("zip_backslash", "a zip", "made on Windows", write=zipped("zip_backslash.zip", "work\\ps1.ipynb")),
    Case("zip_own_name", "a zip", "the file's own name comes first", write=zipped("upload 3.zip", "zip_own_name_ps1.ipynb")),
    Case("in_a_class_zip_1", "a zip", "an archive of several students", write=zipped("class.zip", "in_a_class_zip_1/ps1.ipynb", "in_a_class_zip_2/ps1.ipynb")),
    Case("in_a_class_zip_2", "a zip", "and this is the other", write=lambda *a: None),
    Case("zip_in_folder", "a zip", "in the student's folder", write=lambda f, b: ((f / "zip_in_folder" / "ps1").mkdir(parents=True), zipped("work.zip", "ps1.ipynb")(f / "zip_in_folder" / "ps1", b))),
    Case("zip_in_zip", "a zip in a zip", "read", write=zip_in_zip),
    Case("zip_named_notebook", "a zip", "an archive that is called .ipynb", write=lambda f, b: zipped("zip_named_notebook.ipynb", "ps1.ipynb")(f, b)),
    Case("gzipped", "a zip", "gzip of the file", write=text("gzipped_ps1", ".ipynb.gz", lambda t: gzip.compress(t.encode()))),
    Case("tar_plain", "a zip", "tar", write=tarred("tar_plain.tar", "w")),
    Case("tar_gz", "a zip", "tar.gz", write=tarred("tar_gz.tar.gz", "w:gz")),
    Case("zip_bomb", "zip bomb", "the honest member is read, the others are too large", write=zip_bomb),
    Case("bomb0", "zip bomb", "too large", write=lambda *a: None, problem="more than", **GONE),
    Case("../../evil_one", "zip members that point outside", "nothing is written anywhere", write=zipped("evil.zip", "../../evil_one_ps1.ipynb"), problem="outside", **NOBODY),
    Case("zip_link", "zip members that point outside", "a link in an archive", write=zip_link, problem="link", **NOBODY),
    Case("rar_file", "a zip", "cannot be read here, and says so", write=lambda f, b: (f / "rar_file_ps1.rar").write_bytes(RAR), problem="rar", **NOBODY),
    Case("seven_zip", "a zip", "cannot be read here, and says so", write=lambda f, b: (f / "seven_zip.7z").write_bytes(SEVEN), problem="7z", **NOBODY),
    Case("broken_zip", "a zip", "damaged", write=lambda f, b: (f / "broken_zip.zip").write_bytes(WORD), problem="zip", **NOBODY),
    # links and other files
    Case("link", "links that point outside", "not followed", write=link, problem="link", **GONE),
    Case("dangling", "links that point outside", "not followed", write=dangling, problem="link", **GONE),
    Case("link_to_folder", "links that point outside", "not followed, and named", write=hard_to_find, problem="link", **NOBODY),
    Case("pipe", "links that point outside", "a pipe would wait for ever", write=pipe, problem="ordinary", **GONE),
    Case("folder_as_file", "file missing", "an empty folder", write=folder_as_file, problem="empty", **NOBODY),
    Case("empty_folder", "file missing", "an empty folder in nbgrader's tree", write=empty_folder, problem="empty", **NOBODY),
    Case("exported_py", "file missing", "a script instead of a notebook", write=text("exported_py_ps1", ".py"), problem="ipynb", **NOBODY),
    Case("exported_html", "file missing", "a page instead of a notebook", write=text("exported_html_ps1", ".html", lambda t: HTML), problem="ipynb", **NOBODY),
    Case("html_renamed", "not JSON", "the page of a viewer, saved under the notebook's name", write=text("html_renamed", ".ipynb", lambda t: HTML), problem="web page", **GONE),
    Case("pdf_renamed", "not JSON", "a PDF", write=text("pdf_renamed", ".ipynb", lambda t: PDF), problem="PDF", **GONE),
    Case("script_renamed", "not JSON", "a Python script", write=text("script_renamed", ".ipynb", lambda t: "import math\ndef squares(n): return []\n"), problem="not a notebook", **GONE),
    # encodings and damage
    Case("byte_order_mark", "BOM", "mended", write=text("byte_order_mark", change=lambda t: t.encode("utf-8-sig")), flags="encoding mended"),
    Case("utf_16", "UTF-16", "mended", write=text("utf_16", change=lambda t: non_ascii(t).encode("utf-16")), flags="encoding mended"),
    Case("utf_16_be", "UTF-16", "mended", write=text("utf_16_be", change=lambda t: b"\xfe\xff" + non_ascii(t).encode("utf-16-be")), flags="encoding mended"),
    Case("utf_16_bare", "UTF-16", "without a mark", write=text("utf_16_bare", change=lambda t: t.encode("utf-16-le")), flags="encoding mended"),
    Case("utf_32", "UTF-16", "mended", write=text("utf_32", change=lambda t: t.encode("utf-32")), flags="encoding mended"),
    Case("latin_1", "Latin-1", "mended", write=text("latin_1", change=latin), flags="encoding mended"),
    Case("utf_8", "Latin-1", "as it should be", write=text("utf_8", change=non_ascii)),
    Case("empty", "empty", "no byte", write=text("empty", change=lambda t: ""), problem="empty", **GONE),
    Case("blanks", "empty", "blanks only", write=text("blanks", change=lambda t: " \n\n"), problem="empty", **GONE),
    Case("zeros", "empty", "a disk that was full left zeros", write=text("zeros", change=lambda t: b"\0" * 5000), problem="empty", **GONE),
    Case("truncated", "truncated", "half of it", write=text("truncated", change=lambda t: t[: len(t) // 2]), problem="stops in the middle", **GONE),
    Case("random_bytes", "not JSON", "no text", write=text("random_bytes", change=lambda t: bytes(range(256)) * 8), problem="not a notebook", **GONE),
    Case("a_list", "not JSON", "JSON, but a list", write=text("a_list", change=lambda t: "[1, 2]"), problem="no cells", **GONE),
    Case("no_cells", "not JSON", "JSON, but no notebook", write=text("no_cells", change=lambda t: '{"a": 1}'), problem="cells", **GONE),
    Case("zero_cells", "blank", "a notebook without a cell", write=text("zero_cells", change=lambda t: '{"cells": [], "nbformat": 4}'), flags="cells missing", loses="all", state="graded"),
    Case("merge_conflict", "not JSON", "git's marks in the middle", write=text("merge_conflict", change=lambda t: t.replace('"metadata"', '<<<<<<< HEAD\n "metadata"', 1)), problem="damaged", **GONE),
    Case("very_deep", "not JSON", "a million brackets", write=text("very_deep", change=lambda t: "[" * 1_000_000), problem="not a notebook", **GONE),
    Case("other_students_notebook", "file missing", "another assignment's notebook under this name", write=text("other_students_notebook", change=lambda t: json.dumps({"cells": [{"cell_type": "code", "source": "print(1)", "metadata": {}, "outputs": []}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}})), flags="cells missing", loses="all", state="graded"),
]  # fmt: skip
_ = first
