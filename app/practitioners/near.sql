-- For each word asked: words of the dictionary that have one of its forms in common, and words that sound like it.
SELECT false AS sounds, f.part, f.word, d.word
FROM unnest(%(part_of_form)s::text[], %(word_of_form)s::text[], %(forms)s::text[]) AS f (part, word, form)
CROSS JOIN LATERAL (SELECT x.word FROM name_deletion x WHERE x.part = f.part AND x.deletion = f.form OFFSET 0) d
UNION
SELECT true, q.part, q.word, w.word
FROM (SELECT u.part, u.word, name_sound(u.word) AS sound FROM unnest(%(parts)s::text[], %(words)s::text[]) AS u (part, word)) q
CROSS JOIN LATERAL (SELECT x.word FROM name_word x WHERE x.part = q.part AND x.sound = q.sound OFFSET 0) w
WHERE length(q.sound) > 1
