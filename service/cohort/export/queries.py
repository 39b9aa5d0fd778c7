"""What DuckDB is asked: each line once, then those of patients with an operation."""

from typing import Final

__all__ = ["OPERATED", "OTHER_VERSIONS", "SCAN", "SORTED", "TABLES"]

TABLES: Final = """
CREATE TABLE lines (
    file UINTEGER, kind VARCHAR, weight UTINYINT, name UBIGINT,
    patient VARCHAR, base VARCHAR, text VARCHAR
);
CREATE TABLE versions (file UINTEGER, name UBIGINT)
"""
#: Weight 2: an operation.
OPERATED: Final = """
CREATE TABLE operated AS
SELECT DISTINCT patient FROM lines WHERE weight = 2 AND patient IS NOT NULL
"""
#: One row for each line that is not blank, in the order of the file. Most are told by
#: their type alone; the patient is looked for where the line may matter. Read again, it
#: gives the other versions of what matters.
SCAN: Final = r"""
WITH parsed AS (
    SELECT json AS text, json_extract_string(
        json, ['$.resourceType', '$.id', '$.code', '$.subject.reference']
    ) AS part
    FROM read_ndjson_objects(
        $path, ignore_errors = true, format = 'newline_delimited',
        maximum_object_size = $longest
    )
), weighed AS (
    SELECT
        text, part[1] AS kind, part[2] AS id,
        split_part(part[4], '/_history/', 1) AS subject,
        kind IN ('Procedure', 'Observation', 'Condition') AS has_code,
        CASE WHEN has_code AND id IS NOT NULL THEN hash(kind, id) END AS name,
        CASE WHEN kind IN ('Patient', 'Encounter') THEN 1
            WHEN has_code THEN weigh(kind, coalesce(part[3], ''))
            ELSE 0 END AS weight,
        weight > 0 OR $again AS is_kept
    FROM parsed
)
INSERT INTO lines SELECT
    $file,
    CASE WHEN regexp_full_match(kind, '[A-Za-z]{1,64}') THEN kind END,
    weight,
    name,
    CASE WHEN NOT is_kept THEN NULL
        WHEN kind = 'Patient' THEN id
        WHEN starts_with(subject, 'urn:uuid:') THEN subject[10:]
        ELSE nullif(regexp_extract(
            subject, '^(?:(?i:https?://).*/)?Patient/([^/]+)$', 1), '') END,
    CASE WHEN is_kept THEN nullif(regexp_extract(
        subject, '^((?i:https?://).*)/Patient/[^/]+$', 1), '') END,
    CASE WHEN is_kept THEN text END
FROM weighed
WHERE NOT $again OR (
    weight = 0 AND name IN (SELECT name FROM versions WHERE file = $file)
)
"""
#: A newer version of what matters may say something else, and then that counts.
OTHER_VERSIONS: Final = """
INSERT INTO versions
SELECT DISTINCT file, name FROM lines
WHERE weight = 0 AND name IN (
    SELECT name FROM lines SEMI JOIN operated USING (patient) WHERE name IS NOT NULL
)
"""
SORTED: Final = """
SELECT patient, kind, text, file, rowid AS number
FROM lines SEMI JOIN operated USING (patient)
WHERE text IS NOT NULL
ORDER BY patient, kind, file, number
"""
