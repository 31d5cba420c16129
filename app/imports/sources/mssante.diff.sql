-- What differs between the extraction and the registry, whose documents change, and the plan.
-- The extraction speaks only of PER and ORG that it brought and that are not on the red list: all others are left alone.
ANALYZE new_mailbox;

CREATE TEMP TABLE known_mailbox ON COMMIT DROP AS
SELECT address, type, service, dematerialization, state, warnings,
  source = 'mssante' AND NOT unlisted AND type IN ('PER', 'ORG') AS is_ours
FROM mailbox;
ANALYZE known_mailbox;

CREATE TEMP TABLE attachment_change ON COMMIT DROP AS
SELECT * FROM (
  SELECT coalesce(n.address, a.address) AS address, coalesce(n.practitioner, a.practitioner) AS practitioner,
    coalesce(n.organization, a.organization) AS organization,
    CASE WHEN n.address IS NULL THEN 'delete' WHEN a.address IS NULL THEN 'insert'
      WHEN (a.title, a.family, a.given, a.category, a.profession, a.skill, a.organization_name, a.trade_name, a.recipient, a.building,
            a.number, a.repetition, a.street_type, a.street, a.distribution, a.line6, a.postal_code, a.city, a.department, a.country)
        IS DISTINCT FROM
           (n.title, n.family, n.given, n.category, n.profession, n.skill, n.organization_name, n.trade_name, n.recipient, n.building,
            n.number, n.repetition, n.street_type, n.street, n.distribution, n.line6, n.postal_code, n.city, n.department, n.country)
      THEN 'update' END AS action
  FROM (SELECT n.* FROM new_attachment n LEFT JOIN known_mailbox k ON k.address = n.address WHERE coalesce(k.is_ours, true)) n
  FULL JOIN (SELECT a.* FROM mailbox_attachment a JOIN known_mailbox k ON k.address = a.address JOIN new_mailbox m ON m.address = a.address
             WHERE k.is_ours) a
    ON a.address = n.address AND coalesce(a.practitioner, '') = coalesce(n.practitioner, '')
    AND coalesce(a.organization, '') = coalesce(n.organization, '')) compared
WHERE action IS NOT NULL;
ANALYZE attachment_change;

CREATE TEMP TABLE mailbox_change ON COMMIT DROP AS
SELECT coalesce(n.address, k.address) AS address,
  CASE WHEN k.address IS NULL THEN 'create' WHEN NOT k.is_ours THEN 'same' WHEN n.address IS NULL THEN 'close'
    WHEN k.state = 'withdrawn' THEN 'create'
    WHEN a.address IS NOT NULL OR (k.type, k.service, k.dematerialization) IS DISTINCT FROM (n.type, n.service, n.dematerialization) THEN 'update'
    WHEN k.warnings <> n.warnings THEN 'note'
    ELSE 'same' END AS action
FROM new_mailbox n
FULL JOIN known_mailbox k ON k.address = n.address
LEFT JOIN (SELECT DISTINCT address FROM attachment_change) a ON a.address = n.address
-- The public file never holds a suspended mailbox, so its absence says nothing; closing it would also forget the suspension.
WHERE n.address IS NOT NULL OR (k.is_ours AND k.state = 'active');

-- A holder who is detached is found by no dependency any more, so it is named here.
CREATE TEMP TABLE seen_change ON COMMIT DROP AS
SELECT 'mailbox' AS kind, address AS key FROM mailbox_change WHERE action IN ('create', 'update', 'close')
UNION
SELECT 'practitioner', practitioner FROM attachment_change WHERE action = 'delete' AND practitioner IS NOT NULL;

INSERT INTO plan (kind, key, action)
SELECT 'mailbox', address, CASE action WHEN 'note' THEN 'update' ELSE action END FROM mailbox_change;

CREATE TEMP TABLE plan_warning ON COMMIT DROP AS
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM attachment_row) - (SELECT count(*) FROM new_attachment) AS entities
  UNION ALL
  SELECT 'practitioner.unknown', count(DISTINCT n.practitioner) FROM new_attachment n
  LEFT JOIN practitioner p ON p.national_id = n.practitioner
  WHERE n.practitioner IS NOT NULL AND coalesce(p.register_state, 'unknown') = 'unknown'
  UNION ALL
  SELECT unnest(warnings), count(*) FROM new_mailbox GROUP BY 1) warned
WHERE entities > 0;
