"""The command line: without a command it runs a node, with one it talks to a node.

    app         commands and errors ─▶ exit status (`statuses`)
    submitting · looking · following · aborting · running   the commands
    output      JSON, plain text and colours               pictures  what jobs look like as text

Every pool process imports this file, so it loads nothing before it is asked to.
"""


def main() -> int:
    """Do what the arguments say; the exit status is in docs/command-line.md."""
    from scheduler.cli.app import main_of  # noqa: PLC0415 - see above: it loads all commands

    return main_of()
