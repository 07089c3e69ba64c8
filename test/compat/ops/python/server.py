"""Starts charms in Python without paying for the interpreter's start: each hook is a child forked with ops already loaded.

A line in is {"charm", "env", "stderr"}; a line out is {"exitCode"}. A hook is a process of its own, in an environment of its own.
"""

import json
import os
import runpy
import sys

import ops  # noqa: F401 -- loaded once, for all children


def hook(request):
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(os.path.dirname(os.path.dirname(request["charm"])))
    error = os.open(request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(error, 1)
    os.dup2(error, 2)
    sys.argv = [request["charm"]]
    runpy.run_path(request["charm"], run_name="__main__")


def exit_code_of(request):
    try:
        hook(request)
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = exit_code_of(json.loads(line))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"exitCode": os.waitstatus_to_exitcode(status)}), flush=True)
