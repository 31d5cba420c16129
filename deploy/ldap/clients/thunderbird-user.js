// Thunderbird: as user.js in a profile, or by hand in the address book: New > LDAP directory. It gives the To line and the book.
user_pref("ldap_2.servers.annuaire.description", "annuaire");
user_pref("ldap_2.servers.annuaire.dirType", 0);
user_pref("ldap_2.servers.annuaire.filename", "ldap-annuaire.sqlite");
user_pref("ldap_2.servers.annuaire.uri", "ldaps://annuaire.example:636/ou=bal,dc=mssante,dc=fr??sub?(objectClass=*)");
// slapd cuts at 50 and says so; a larger number changes nothing.
user_pref("ldap_2.servers.annuaire.maxHits", 50);
user_pref("ldap_2.autoComplete.useDirectory", true);
user_pref("ldap_2.autoComplete.directoryServer", "ldap_2.servers.annuaire");
