-- Whom each bound caller was shown on which day, and how many that were. A crash empties both: a budget is a brake, not a
-- record. Neither says in clear who looked for whom (app/budgets/ledger.py).

CREATE UNLOGGED TABLE disclosure (
  day date NOT NULL,
  caller text COLLATE "C" NOT NULL,
  person bytea NOT NULL,
  CONSTRAINT pk_disclosure PRIMARY KEY (day, caller, person)
);
CREATE UNLOGGED TABLE disclosure_day (
  day date NOT NULL,
  caller text COLLATE "C" NOT NULL,
  seen integer NOT NULL,
  CONSTRAINT pk_disclosure_day PRIMARY KEY (day, caller)
);

-- Charge a caller for those of `asked` (distinct, in order) that it has not seen today, as far as its budget goes.
-- `granted` = how many of them, from the first, may be shown; with `whole`, all or none. `ends` = seconds left of the day.
-- Parallel requests of one caller queue at its row of disclosure_day: together they are granted no more than the budget.
CREATE FUNCTION disclose(asked_caller text, asked bytea[], budget integer, whole boolean)
RETURNS TABLE (today date, seen integer, granted integer, ends integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  added integer;
BEGIN
  -- A day begins when it does in France.
  today := (now() AT TIME ZONE 'Europe/Paris')::date;
  ends := ceil(extract(epoch FROM (today + 1)::timestamp AT TIME ZONE 'Europe/Paris' - now()));
  INSERT INTO disclosure_day (day, caller, seen) VALUES (today, asked_caller, 0) ON CONFLICT DO NOTHING;
  SELECT d.seen INTO STRICT seen FROM disclosure_day d WHERE d.day = today AND d.caller = asked_caller FOR UPDATE;
  -- A statement of its own, after the lock: it sees what the request before it wrote.
  SELECT count(*) FILTER (WHERE n.needed = 0 OR n.needed <= budget - seen) INTO granted FROM (
    SELECT count(*) FILTER (WHERE s.person IS NULL) OVER (ORDER BY a.position) AS needed
    FROM unnest(asked) WITH ORDINALITY AS a (person, position)
    LEFT JOIN disclosure s ON s.day = today AND s.caller = asked_caller AND s.person = a.person) n;
  IF whole AND granted < cardinality(asked) THEN
    granted := 0;
  END IF;
  INSERT INTO disclosure (day, caller, person)
    SELECT today, asked_caller, p FROM unnest(asked[:granted]) p ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS added = ROW_COUNT;
  IF added > 0 THEN
    UPDATE disclosure_day d SET seen = d.seen + added WHERE d.day = today AND d.caller = asked_caller
      RETURNING d.seen INTO seen;
  END IF;
  RETURN NEXT;
END $$;
