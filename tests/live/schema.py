"""What PostgreSQL's catalogue says of the addon's tables and columns, to compare databases by."""

from support import query

OURS = "mfa|authenticator|recovery_code|help_code|users_device"
"""Names of tables; in tables of others, columns whose names begin with ``mfa_``."""

COLUMNS = """
    SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
      FROM information_schema.columns
     WHERE table_schema = 'public' AND (table_name ~ %s OR column_name ~ '^mfa_')
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
      FROM pg_constraint
     WHERE conrelid::regclass::text ~ %s OR pg_get_constraintdef(oid) ~ 'mfa_'
"""
INDEXES = """
    SELECT tablename, indexname, indexdef FROM pg_indexes
     WHERE schemaname = 'public' AND (tablename ~ %s OR indexdef ~ 'mfa_')
"""
TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
     WHERE NOT tgisinternal AND tgrelid::regclass::text ~ %s
"""


def schema_of(database):
    """Return the set of all that there is of the addon in a database, line by line."""
    return {
        row
        for sql in (COLUMNS, CONSTRAINTS, INDEXES, TRIGGERS)
        for row in query(sql, OURS, name=database)
    }
