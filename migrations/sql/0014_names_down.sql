-- Takes the dictionary of names away.
DROP TRIGGER enter_names_inserted ON practitioner_search;
DROP TRIGGER enter_names_updated ON practitioner_search;
DROP TRIGGER leave_names_updated ON practitioner_search;
DROP TRIGGER leave_names_deleted ON practitioner_search;
DROP TRIGGER clear_names_truncated ON practitioner_search;
DROP FUNCTION follow_names, fill_names, clear_names, leave_names, enter_names, remove_names, add_names,
  name_sound, name_deletions, name_tokens, name_particles;
DROP INDEX ix_practitioner_search_beginnings;
DROP TABLE name_deletion, name_word, name_token;
