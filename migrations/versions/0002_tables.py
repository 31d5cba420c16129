"""The registry and the publication as tables, with their constraints and indexes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.create_table(
        "alias",
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("alias", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("kind", "alias", "key", name=op.f("pk_alias")),
    )
    op.create_index(op.f("ix_alias_kind_key"), "alias", ["kind", "key"], unique=False)
    op.create_table(
        "change",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("operation IN ('put', 'delete')", name=op.f("ck_change_operation")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_change")),
    )
    op.create_table(
        "code_label",
        sa.Column("value_set", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("coded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("value_set", "code", name=op.f("pk_code_label")),
    )
    op.create_table(
        "code_system",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("oid", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_system")),
    )
    op.create_table(
        "directory",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("edition", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_directory_singleton")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_directory")),
        postgresql_with={"fillfactor": "10"},
    )
    op.create_table(
        "file_label",
        sa.Column("value_set", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("value_set", "code", "source", name=op.f("pk_file_label")),
    )
    op.create_table(
        "import_run",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("stamp", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("lines_read", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lines_accepted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lines_rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lines_blank", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("diff", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("guards", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("edition_before", sa.Integer(), nullable=True),
        sa.Column("edition_after", sa.Integer(), nullable=True),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('planned', 'applied', 'refused', 'undone', 'failed')", name=op.f("ck_import_run_state")
        ),
        sa.CheckConstraint(
            "lines_read = lines_accepted + lines_rejected + lines_blank", name=op.f("ck_import_run_lines")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    op.create_table(
        "mailbox_search",
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("domain", sa.Text(collation="C"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("practitioners", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("organizations", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mailbox_search")),
    )
    op.create_index(op.f("ix_mailbox_search_domain_key"), "mailbox_search", ["domain", "key"], unique=False)
    op.create_index(
        op.f("ix_mailbox_search_organizations"),
        "mailbox_search",
        ["organizations"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("ix_mailbox_search_practitioners"),
        "mailbox_search",
        ["practitioners"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(op.f("ix_mailbox_search_type_key"), "mailbox_search", ["type", "key"], unique=False)
    op.create_table(
        "operator",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.CheckConstraint("state IN ('candidate', 'active', 'suspended', 'left')", name=op.f("ck_operator_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator")),
    )
    op.create_table(
        "organization",
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_organization")),
    )
    op.create_table(
        "organization_search",
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.Column("city_key", sa.Text(collation="C"), nullable=True),
        sa.Column("postal_code", sa.Text(collation="C"), nullable=True),
        sa.Column("department", sa.Text(collation="C"), nullable=True),
        sa.Column("type", sa.Text(collation="C"), nullable=True),
        sa.Column("parent", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("name_key", "key", name=op.f("pk_organization_search")),
    )
    op.create_index(
        op.f("ix_organization_search_city_key_name_key_key"),
        "organization_search",
        ["city_key", "name_key", "key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_organization_search_department_name_key_key"),
        "organization_search",
        ["department", "name_key", "key"],
        unique=False,
    )
    op.create_index(op.f("ix_organization_search_key"), "organization_search", ["key"], unique=False)
    op.create_index(
        op.f("ix_organization_search_name_key_key"), "organization_search", ["name_key", "key"], unique=False
    )
    op.create_index(
        op.f("ix_organization_search_parent_name_key_key"),
        "organization_search",
        ["parent", "name_key", "key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_organization_search_postal_code_name_key_key"),
        "organization_search",
        ["postal_code", "name_key", "key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_organization_search_type_name_key_key"),
        "organization_search",
        ["type", "name_key", "key"],
        unique=False,
    )
    op.create_table(
        "pending",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("run", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('mailbox', 'organization', 'practitioner', 'domain', 'operator', 'source') OR kind LIKE 'code/%'",
            name=op.f("ck_pending_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending")),
    )
    op.create_index(op.f("ix_pending_kind_key"), "pending", ["kind", "key"], unique=False)
    op.create_table(
        "practitioner",
        sa.Column("national_id", sa.Text(collation="C"), nullable=False),
        sa.Column("rpps", sa.Text(collation="C"), nullable=True),
        sa.Column("civility", sa.Text(collation="C"), nullable=True),
        sa.Column("register_state", sa.Text(), nullable=False),
        sa.Column("warnings", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            "register_state IN ('unknown', 'active', 'closed')", name=op.f("ck_practitioner_register_state")
        ),
        sa.PrimaryKeyConstraint("national_id", name=op.f("pk_practitioner")),
    )
    op.create_table(
        "practitioner_search",
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("family_key", sa.Text(collation="C"), nullable=False),
        sa.Column("given_key", sa.Text(collation="C"), nullable=False),
        sa.Column("professions", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("specialties", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("departments", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("postal_codes", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("cities", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("organizations", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("has_mailbox", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_practitioner_search")),
    )
    op.create_index(
        op.f("ix_practitioner_search_cities"), "practitioner_search", ["cities"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("ix_practitioner_search_departments"),
        "practitioner_search",
        ["departments"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("ix_practitioner_search_family_key_given_key_key"),
        "practitioner_search",
        ["family_key", "given_key", "key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_practitioner_search_given_key_key"), "practitioner_search", ["given_key", "key"], unique=False
    )
    op.create_index(
        op.f("ix_practitioner_search_organizations"),
        "practitioner_search",
        ["organizations"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("ix_practitioner_search_postal_codes"),
        "practitioner_search",
        ["postal_codes"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("ix_practitioner_search_professions"),
        "practitioner_search",
        ["professions"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index(
        op.f("ix_practitioner_search_specialties"),
        "practitioner_search",
        ["specialties"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_table(
        "publication",
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("slot", sa.Integer(), sa.Computed("digest_slot(kind, key)", persisted=True), nullable=False),
        sa.CheckConstraint("kind IN ('mailbox', 'organization', 'practitioner')", name=op.f("ck_publication_kind")),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_publication")),
    )
    op.create_index(
        "ix_publication_digest",
        "publication",
        ["slot", "kind", "key"],
        unique=False,
        postgresql_include=["fingerprint"],
    )
    op.create_table(
        "withdrawn",
        sa.Column("address", sa.Text(collation="C"), nullable=False),
        sa.Column("since", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("successor", sa.Text(collation="C"), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_withdrawn")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("operator", sa.Text(collation="C"), nullable=True),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'publish', 'admin', 'audit'] AND cardinality(scopes) > 0",
            name=op.f("ck_api_key_scopes"),
        ),
        sa.ForeignKeyConstraint(["operator"], ["operator.id"], name=op.f("fk_api_key_operator")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    op.create_table(
        "code",
        sa.Column("system", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["system"], ["code_system.id"], name=op.f("fk_code_system")),
        sa.PrimaryKeyConstraint("system", "code", name=op.f("pk_code")),
    )
    op.create_table(
        "code_binding",
        sa.Column("value_set", sa.Text(collation="C"), nullable=False),
        sa.Column("system", sa.Text(collation="C"), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["system"], ["code_system.id"], name=op.f("fk_code_binding_system")),
        sa.PrimaryKeyConstraint("value_set", "system", name=op.f("pk_code_binding")),
    )
    op.create_table(
        "import_reject",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("run", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("column", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["import_run.id"], name=op.f("fk_import_reject_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_reject")),
    )
    op.create_index(op.f("ix_import_reject_run"), "import_reject", ["run"], unique=False)
    op.create_table(
        "mailbox",
        sa.Column("address", sa.Text(collation="C"), nullable=False),
        sa.Column("domain", sa.Text(collation="C"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("dematerialization", sa.Boolean(), nullable=True),
        sa.Column("unlisted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("responsible", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("successor", sa.Text(collation="C"), nullable=True),
        sa.Column("operator", sa.Text(collation="C"), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("warnings", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "address = lower(address) AND address ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("ck_mailbox_address")
        ),
        sa.CheckConstraint("domain = split_part(address, '@', 2)", name=op.f("ck_mailbox_domain")),
        sa.CheckConstraint("state IN ('active', 'suspended', 'withdrawn')", name=op.f("ck_mailbox_state")),
        sa.CheckConstraint("type IN ('PER', 'ORG', 'APP', 'CAB')", name=op.f("ck_mailbox_type")),
        sa.CheckConstraint("length(address) <= 254", name=op.f("ck_mailbox_length")),
        sa.CheckConstraint("rank >= 1", name=op.f("ck_mailbox_rank")),
        sa.ForeignKeyConstraint(["operator"], ["operator.id"], name=op.f("fk_mailbox_operator")),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_mailbox")),
    )
    op.create_index(op.f("ix_mailbox_domain"), "mailbox", ["domain"], unique=False)
    op.create_table(
        "operator_certificate",
        sa.Column("dn", sa.Text(collation="C"), nullable=False),
        sa.Column("operator", sa.Text(collation="C"), nullable=False),
        sa.Column("listed_as", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["operator"], ["operator.id"], name=op.f("fk_operator_certificate_operator")),
        sa.PrimaryKeyConstraint("dn", name=op.f("pk_operator_certificate")),
    )
    op.create_index(op.f("ix_operator_certificate_operator"), "operator_certificate", ["operator"], unique=False)
    op.create_table(
        "organization_record",
        sa.Column("organization", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("finess", sa.Text(collation="C"), nullable=True),
        sa.Column("siret", sa.Text(collation="C"), nullable=True),
        sa.Column("siren", sa.Text(collation="C"), nullable=True),
        sa.Column("parent", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "national_ids", postgresql.ARRAY(sa.Text(collation="C")), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "technical_ids", postgresql.ARRAY(sa.Text(collation="C")), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("long_name", sa.Text(), nullable=True),
        sa.Column("trade_name", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(collation="C"), nullable=True),
        sa.Column("sector", sa.Text(collation="C"), nullable=True),
        sa.Column("opened", sa.Date(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("building", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("repetition", sa.Text(), nullable=True),
        sa.Column("street_type", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("distribution", sa.Text(), nullable=True),
        sa.Column("line6", sa.Text(), nullable=True),
        sa.Column("commune", sa.Text(collation="C"), nullable=True),
        sa.Column("postal_code", sa.Text(collation="C"), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(collation="C"), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("warnings", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("kind IN ('LEGAL_ENTITY', 'GEOGRAPHICAL_ENTITY')", name=op.f("ck_organization_record_kind")),
        sa.ForeignKeyConstraint(
            ["organization"], ["organization.key"], name=op.f("fk_organization_record_organization")
        ),
        sa.PrimaryKeyConstraint("organization", "source", name=op.f("pk_organization_record")),
    )
    op.create_table(
        "practice",
        sa.Column("practitioner", sa.Text(collation="C"), nullable=False),
        sa.Column("profession", sa.Text(collation="C"), nullable=False),
        sa.Column("category", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text(collation="C"), nullable=True),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.national_id"], name=op.f("fk_practice_practitioner")),
        sa.PrimaryKeyConstraint("practitioner", "profession", "category", name=op.f("pk_practice")),
    )
    op.create_table(
        "skill",
        sa.Column("practitioner", sa.Text(collation="C"), nullable=False),
        sa.Column("profession", sa.Text(collation="C"), nullable=False),
        sa.Column("category", sa.Text(collation="C"), nullable=False),
        sa.Column("skill_type", sa.Text(collation="C"), nullable=False),
        sa.Column("skill", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(["practitioner"], ["practitioner.national_id"], name=op.f("fk_skill_practitioner")),
        sa.PrimaryKeyConstraint(
            "practitioner", "profession", "category", "skill_type", "skill", "source", name=op.f("pk_skill")
        ),
    )
    op.create_table(
        "source",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("loaded", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("run", sa.Text(collation="C"), nullable=True),
        sa.Column("stamp", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["import_run.id"], name=op.f("fk_source_run")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_source")),
    )
    op.create_table(
        "domain",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("certificate", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("responsible_contact", sa.Text(), nullable=True),
        sa.Column("support_contact", sa.Text(), nullable=True),
        sa.Column("source_updated", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("name = lower(name) AND name !~ '[@[:space:]]'", name=op.f("ck_domain_name")),
        sa.ForeignKeyConstraint(["certificate"], ["operator_certificate.dn"], name=op.f("fk_domain_certificate")),
        sa.PrimaryKeyConstraint("name", "certificate", name=op.f("pk_domain")),
    )
    op.create_index(op.f("ix_domain_certificate"), "domain", ["certificate"], unique=False)
    op.create_table(
        "mailbox_attachment",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("address", sa.Text(collation="C"), nullable=False),
        sa.Column("practitioner", sa.Text(collation="C"), nullable=True),
        sa.Column("organization", sa.Text(collation="C"), nullable=True),
        sa.Column("title", sa.Text(collation="C"), nullable=True),
        sa.Column("family", sa.Text(), nullable=True),
        sa.Column("given", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(collation="C"), nullable=True),
        sa.Column("profession", sa.Text(collation="C"), nullable=True),
        sa.Column("skill", sa.Text(collation="C"), nullable=True),
        sa.Column("organization_name", sa.Text(), nullable=True),
        sa.Column("trade_name", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("building", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("repetition", sa.Text(), nullable=True),
        sa.Column("street_type", sa.Text(), nullable=True),
        sa.Column("street", sa.Text(), nullable=True),
        sa.Column("distribution", sa.Text(), nullable=True),
        sa.Column("line6", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(collation="C"), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(collation="C"), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["address"], ["mailbox.address"], name=op.f("fk_mailbox_attachment_address")),
        sa.ForeignKeyConstraint(
            ["organization"], ["organization.key"], name=op.f("fk_mailbox_attachment_organization")
        ),
        sa.ForeignKeyConstraint(
            ["practitioner"], ["practitioner.national_id"], name=op.f("fk_mailbox_attachment_practitioner")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox_attachment")),
    )
    op.create_index(op.f("ix_mailbox_attachment_organization"), "mailbox_attachment", ["organization"], unique=False)
    op.create_index(op.f("ix_mailbox_attachment_practitioner"), "mailbox_attachment", ["practitioner"], unique=False)
    op.create_index(
        "uq_mailbox_attachment_address_practitioner_organization",
        "mailbox_attachment",
        ["address", "practitioner", "organization"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        op.f("ix_organization_record_type"),
        "organization_record",
        ["type"],
        postgresql_where=sa.text("type IS NOT NULL"),
    )
    op.create_table(
        "practitioner_role",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("practitioner", sa.Text(collation="C"), nullable=False),
        sa.Column("profession", sa.Text(collation="C"), nullable=False),
        sa.Column("category", sa.Text(collation="C"), nullable=False),
        sa.Column("organization", sa.Text(collation="C"), nullable=True),
        sa.Column("mode", sa.Text(collation="C"), nullable=True),
        sa.Column("sector", sa.Text(collation="C"), nullable=True),
        sa.Column("pharmacist_section", sa.Text(collation="C"), nullable=True),
        sa.Column("role", sa.Text(collation="C"), nullable=True),
        sa.Column("kind", sa.Text(collation="C"), nullable=True),
        sa.Column("authority", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("phone_2", sa.Text(), nullable=True),
        sa.Column("fax", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["organization"], ["organization.key"], name=op.f("fk_practitioner_role_organization")),
        sa.ForeignKeyConstraint(
            ["practitioner", "profession", "category"],
            ["practice.practitioner", "practice.profession", "practice.category"],
            name=op.f("fk_practitioner_role_practitioner_profession_category"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practitioner_role")),
    )
    op.create_index(op.f("ix_practitioner_role_organization"), "practitioner_role", ["organization"], unique=False)
    op.create_index(
        op.f("ix_practitioner_role_practitioner_profession_category"),
        "practitioner_role",
        ["practitioner", "profession", "category"],
        unique=False,
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.drop_index(op.f("ix_practitioner_role_practitioner_profession_category"), table_name="practitioner_role")
    op.drop_index(op.f("ix_practitioner_role_organization"), table_name="practitioner_role")
    op.drop_table("practitioner_role")
    op.drop_index(
        "uq_mailbox_attachment_address_practitioner_organization",
        table_name="mailbox_attachment",
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_mailbox_attachment_practitioner"), table_name="mailbox_attachment")
    op.drop_index(op.f("ix_mailbox_attachment_organization"), table_name="mailbox_attachment")
    op.drop_table("mailbox_attachment")
    op.drop_index(op.f("ix_domain_certificate"), table_name="domain")
    op.drop_table("domain")
    op.drop_table("source")
    op.drop_table("skill")
    op.drop_table("practice")
    op.drop_index(op.f("ix_organization_record_type"), table_name="organization_record")
    op.drop_table("organization_record")
    op.drop_index(op.f("ix_operator_certificate_operator"), table_name="operator_certificate")
    op.drop_table("operator_certificate")
    op.drop_index(op.f("ix_mailbox_domain"), table_name="mailbox")
    op.drop_table("mailbox")
    op.drop_index(op.f("ix_import_reject_run"), table_name="import_reject")
    op.drop_table("import_reject")
    op.drop_table("code_binding")
    op.drop_table("code")
    op.drop_table("api_key")
    op.drop_table("withdrawn")
    op.drop_index("ix_publication_digest", table_name="publication", postgresql_include=["fingerprint"])
    op.drop_table("publication")
    op.drop_index(op.f("ix_practitioner_search_specialties"), table_name="practitioner_search", postgresql_using="gin")
    op.drop_index(op.f("ix_practitioner_search_professions"), table_name="practitioner_search", postgresql_using="gin")
    op.drop_index(op.f("ix_practitioner_search_postal_codes"), table_name="practitioner_search", postgresql_using="gin")
    op.drop_index(
        op.f("ix_practitioner_search_organizations"), table_name="practitioner_search", postgresql_using="gin"
    )
    op.drop_index(op.f("ix_practitioner_search_given_key_key"), table_name="practitioner_search")
    op.drop_index(op.f("ix_practitioner_search_family_key_given_key_key"), table_name="practitioner_search")
    op.drop_index(op.f("ix_practitioner_search_departments"), table_name="practitioner_search", postgresql_using="gin")
    op.drop_index(op.f("ix_practitioner_search_cities"), table_name="practitioner_search", postgresql_using="gin")
    op.drop_table("practitioner_search")
    op.drop_table("practitioner")
    op.drop_index(op.f("ix_pending_kind_key"), table_name="pending")
    op.drop_table("pending")
    op.drop_index(op.f("ix_organization_search_type_name_key_key"), table_name="organization_search")
    op.drop_index(op.f("ix_organization_search_postal_code_name_key_key"), table_name="organization_search")
    op.drop_index(op.f("ix_organization_search_parent_name_key_key"), table_name="organization_search")
    op.drop_index(op.f("ix_organization_search_name_key_key"), table_name="organization_search")
    op.drop_index(op.f("ix_organization_search_key"), table_name="organization_search")
    op.drop_index(op.f("ix_organization_search_department_name_key_key"), table_name="organization_search")
    op.drop_index(op.f("ix_organization_search_city_key_name_key_key"), table_name="organization_search")
    op.drop_table("organization_search")
    op.drop_table("organization")
    op.drop_table("operator")
    op.drop_index(op.f("ix_mailbox_search_type_key"), table_name="mailbox_search")
    op.drop_index(op.f("ix_mailbox_search_practitioners"), table_name="mailbox_search", postgresql_using="gin")
    op.drop_index(op.f("ix_mailbox_search_organizations"), table_name="mailbox_search", postgresql_using="gin")
    op.drop_index(op.f("ix_mailbox_search_domain_key"), table_name="mailbox_search")
    op.drop_table("mailbox_search")
    op.drop_table("import_run")
    op.drop_table("file_label")
    op.drop_table("directory")
    op.drop_table("code_system")
    op.drop_table("code_label")
    op.drop_table("change")
    op.drop_index(op.f("ix_alias_kind_key"), table_name="alias")
    op.drop_table("alias")
