"""Synthetic national data in the official file formats: everything in it is invented.

Shares, sizes and quirks follow published measures of the real files; identifiers come from ranges that name nobody.

    generate ── specials, persons ── practices, skills, qualifications, names, places, sites
             ── finess_plus   the sites again, in their newer form
             ── mailboxes ── domains
             ── whitelist ── domains
             ── changes    what differs on the following day
    files, numbers, chance   writing, identifiers, randomness: used by all
"""
