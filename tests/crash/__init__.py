"""Runs that are killed at any moment, resumed, and compared with one that was never stopped.

`campaign` starts real training processes of one backend, ends them with SIGKILL (some with SIGTERM or SIGINT) at random
moments: of their CPU time, of a phase of their work, before or after an operation on files, at a byte of a file. It
damages checkpoints between, goes on as a person would, and compares what is there at the end, bit for bit.
`test_crash.py` is the short form; the long form:

    python -m tests.crash --backend torch --kills 500
    python -m tests.crash --backend tensorflow --kills 500

Most processes are forked from one that has imported the framework and done nothing else with it (`zygote`), since the
import takes longer than the run; every twentieth is started anew. `phases` knows what a process is doing, so that a
kill can be aimed at what is over in a millisecond, and so that it can be said where kills have hit.

`test_stops.py` ends a run before and after every single operation on files, and inside of each write;
`test_full_disk.py` trains on a disk that fills up and in a folder that turns read-only.
"""
