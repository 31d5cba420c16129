"""`make soak`: half of what this machine can carry, for ten minutes, and whether anything grows that should not.

traffic     what is asked: look-ups, searches, lives of mailboxes, the feed, LDAP; one in a hundred is broken off
capacity    how much of it this machine carries, measured first
samples     memory, open files, threads of each process, and its connections, while it runs
judge       whether a series of samples grows: a leak
run         all of it, and the table
"""
