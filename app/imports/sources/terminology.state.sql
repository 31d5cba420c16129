-- New state of code systems: a table is known by its number (TRE_R38), whatever words follow it. Codes printed twice: the lowest label.
CREATE UNLOGGED TABLE known_system AS
SELECT s.system, coalesce((SELECT min(c.id) FROM code_system c WHERE split_part(c.id, '-', 1) = split_part(s.system, '-', 1)), s.system) AS id,
  s.oid
FROM (SELECT system, min(oid COLLATE "C") AS oid FROM stage GROUP BY system) s;

CREATE UNLOGGED TABLE new_code_system AS
SELECT k.id, coalesce(min(k.oid), (SELECT c.oid FROM code_system c WHERE c.id = k.id)) AS oid FROM known_system k GROUP BY k.id;

CREATE UNLOGGED TABLE new_code AS
SELECT k.id AS system, s.code, min(s.label COLLATE "C") AS label FROM stage s JOIN known_system k ON k.system = s.system GROUP BY k.id, s.code;

INSERT INTO plan_warning
SELECT code, entities FROM (
  SELECT 'line.repeated' AS code, (SELECT count(*) FROM stage) - (SELECT count(*) FROM new_code) AS entities
  UNION ALL
  SELECT 'system.unbound', count(*) FROM new_code_system n WHERE NOT EXISTS (SELECT FROM code_binding b WHERE b.system = n.id)) warned
WHERE entities > 0;
