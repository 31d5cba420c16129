-- luhn_pair as 0006 made it.

CREATE OR REPLACE FUNCTION luhn_pair(number bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (number % 10 + number / 10 % 10 * 2 - CASE WHEN number % 100 >= 50 THEN 9 ELSE 0 END)::integer
$$;
