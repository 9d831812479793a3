-- Key-exchange groups chosen by MX hosts. Unit: MX host with TLS; a host counts for a group when at least one
-- of its addresses chose it, so the shares of hosts whose addresses differ add up to more than the whole.
-- no group: finite-field DHE below TLS 1.3, which OpenSSL gives no group name; or static RSA key exchange. The
-- cipher suite tells them apart. Hosts that gave no answer move the bounds. The twelve commonest.
-- Rules: domains.sql.
FROM shares_of_choices('group', 'any other group');
