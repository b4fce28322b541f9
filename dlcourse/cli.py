"""The door: parses a command line, calls one function of staff/, prints. A command imports only what it runs."""

import argparse
import os
import sys

from dlcourse.staff import StaffError


def main(argv=None) -> int:
    """Run one command; returns its exit status. A problem that a person can mend is a line on stderr and status 2."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.run is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        return args.run(args)
    except StaffError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # `dlcourse build | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="dlcourse",
        description="Run the course: build its notebooks, make nbgrader's course folder.",
        epilog="`dlcourse COMMAND --help` says more about a command.",
        formatter_class=_Help,
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (_add_build, _add_init_course):
        add(commands)
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog):
        super().__init__(prog, max_help_position=24, width=100)


def _command(commands, name, run, sentence, epilog):
    """A command whose help is one sentence, the options, then `epilog`: what to know, exit status, examples."""
    parser = commands.add_parser(name, help=sentence, description=sentence, epilog=epilog, formatter_class=_Help)
    parser._positionals.title = parser._optionals.title = None  # one list of arguments, without headings
    parser.set_defaults(run=run)
    return parser


# ---- build


def _add_build(commands):
    parser = _command(
        commands,
        "build",
        _build,
        "Build the student's notebook beside each source of labs/ and homework/.",
        "All problems of a source are named with file and line; nothing is written for a source that has one.\n"
        "Exit status: 0 all built, 1 with --check: some notebook is stale (named above), 2 wrong use or source.\n"
        "  dlcourse build lab01_line\n"
        "  dlcourse build --check",
    )
    parser.add_argument("ids", metavar="ID", nargs="*", help="assignments, such as lab01_line (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; name the notebooks that are stale")
    text = "a folder of private tests, <ID>.py: check them with the sources; students' notebooks have none of them"
    parser.add_argument("--private", metavar="DIR", help=text)


def _build(args) -> int:
    from dlcourse.staff import notebooks

    root = notebooks.find_root()
    stale, wrong = [], []
    for id in dict.fromkeys(args.ids or notebooks.assignments(root)):
        try:
            path = notebooks.build(root, id, private=args.private, check_only=args.check)
            print(f"{notebooks.shown(path)}{': fresh' if args.check else ''}", flush=True)
        except notebooks.StaleError as error:
            stale.append(str(error))
        except StaffError as error:
            wrong.append(str(error))
    for line in dict.fromkeys(stale + wrong):
        print(line, file=sys.stderr)
    return 2 if wrong else 1 if stale else 0


# ---- init-course


def _add_init_course(commands):
    parser = _command(
        commands,
        "init-course",
        _init_course,
        "Make nbgrader's course folder DIR from the sources, with gradebook, source/ and release/.",
        "Run it again after a change: scores, submissions and students stay.\n"
        "Exit status: 0 made, 2 wrong use, source or roster (nothing of that assignment is changed).\n"
        "  dlcourse init-course ../course --roster roster.csv\n"
        "  dlcourse init-course ../course --private ../private-tests",
    )
    parser.add_argument("directory", metavar="DIR", help="a new or empty folder, or a course folder made before")
    text = "students: CSV with the columns id, first_name, last_name, email (id alone will do)"
    parser.add_argument("--roster", metavar="FILE", help=text)
    text = "a folder of private tests, <ID>.py: they go into source/ and the gradebook, not to students"
    parser.add_argument("--private", metavar="DIR", help=text)


def _init_course(args) -> int:
    from dlcourse.staff import course_folder, notebooks

    made = course_folder.init_course(notebooks.find_root(), args.directory, args.roster, args.private)
    print(f"{notebooks.shown(made.path)}: {len(made.assignments)} assignments, {made.students} students")
    return 0


if __name__ == "__main__":
    sys.exit(main())
