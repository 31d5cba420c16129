"""The LDAP channel: pure tables of cases, then a real slapd beside a real PostgreSQL."""
