-- Cipher suites chosen by MX hosts, OpenSSL's names. Unit: MX host with TLS; a host counts for a suite when
-- at least one of its addresses chose it, so the shares of hosts whose addresses differ add up to more than
-- the whole. Hosts that gave no answer move the bounds. The twelve commonest; "any other suite" = some suite
-- beyond them. Rules: domains.sql.
FROM shares_of_choices('cipher suite', 'any other suite');
