"""The command line: without a command it runs a node, with one it calls a node.

    app           the table of commands; turns errors into exit statuses
    run_node      runs a node
    migrate       brings the schema of the store up to date
    submit, read, follow, abort
                  the commands; `read` has list, show, tasks and nodes
    doctor        says what keeps a node from starting here
    operators/    pauses and tokens
    init/         makes the files of a first node
    node_url      where a node is: from an option, the environment, or the configuration
    options       the arguments and options that several commands have
    exit_status   the exit statuses
    streams       makes the standard streams usable
    terminal      prints JSON, plain text, or colours
    rendering     jobs, handlers and nodes as text
    progress      shows the events of a watched job

Every pool process imports this file, so it imports nothing until `main` is called.
"""


def main() -> int:
    """Run the command that the arguments name; docs/command-line.md has the exit statuses."""
    from scheduler.cli.streams import prepare_streams  # noqa: PLC0415 - see above

    prepare_streams()
    from scheduler.cli.run_node import is_alone, run_alone  # noqa: PLC0415 - see above

    if is_alone():
        return run_alone()
    from scheduler.cli.app import run_command  # noqa: PLC0415 - it imports all commands, see above

    return run_command()
