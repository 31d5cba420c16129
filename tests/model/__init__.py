"""The directory beside a model of it in plain Python: hypothesis looks for a history after which the two differ.

    directory   what the registry holds and the world may see, as the documents say it (docs/writing, trust, notices)
    judged      what a write is answered, by the rules in their order
    runs        what files do to the registry, and whether a run can be taken back
    system      the real thing: a database, the API as a process that can be killed, importers and workers that can be
    follower    a copy of the directory that knows the feed and nothing else
    checks      the invariants of reliability (I1 to I9), each after every step
    machine     the state machine; writes, files, trust, moves, exports, crashes: its rules; histories: all of them
    test_day    a history that is written down, in which every rule happens once

`make test-model` looks longer and at other histories each time; `make test` at the day and the same few each time.
"""
