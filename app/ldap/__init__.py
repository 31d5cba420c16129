"""The LDAP channel: a copy of the publication in slapd, for mail clients and servers. It reads the publication alone.

    documents   rows of the publication, and the changes after a cursor          (SQL)
    entries     document → entry, pure                   values    text as slapd takes and compares it
    tree        names of the DIT, escaping               ldif      entry → LDIF
    operations  what is written to a tree                client    the only module that knows ldap3
    members     a transaction's writes, one by one                ber       their bytes
    batch       stored entry and document → add, modify or delete; one transaction, healed when refused
    compare     the whole tree against the publication
    sync        follows the log of changes               rebuild   a whole tree
    verify      proves that both are equal               lock      one exporter at a time

The cursor is kept in the tree itself (`annuaireEdition`, moved in the transaction of its entries), so whatever is lost
with the tree is lost together with its cursor, and syncing again starts exactly there.
"""
