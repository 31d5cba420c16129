-- Takes away the words of structures.
DROP TRIGGER structures_inserted ON organization_search;
DROP TRIGGER structures_updated ON organization_search;
DROP TRIGGER structures_updated_from ON organization_search;
DROP TRIGGER structures_deleted ON organization_search;
DROP TRIGGER structures_truncated ON organization_search;
DROP FUNCTION follow_structures();
DROP FUNCTION fill_structures(regclass);
DROP FUNCTION structures_cleared();
DROP FUNCTION structures_went();
DROP FUNCTION structures_came();
DROP FUNCTION refresh_structures(text[]);
DROP FUNCTION structure_deletions(text);
DROP FUNCTION structure_label(text, text[], text, text);
DROP FUNCTION structure_words(text);
DROP FUNCTION structure_spelled(text);
DROP FUNCTION structure_abbreviations();
DROP FUNCTION structure_articles();
DROP TABLE structure_deletion, structure_word, structure_posting, structure_label;
