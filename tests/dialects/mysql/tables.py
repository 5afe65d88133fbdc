"""CREATE statements of tables that reflecting and creating again must preserve."""

from __future__ import annotations

__all__ = ["BOTH", "MARIADB", "MYSQL"]

NUMBERS = """
CREATE TABLE numbers (
    id INTEGER PRIMARY KEY AUTO_INCREMENT COMMENT 'it''s \\\\ a "c"',
    flag BOOL DEFAULT TRUE, tiny TINYINT DEFAULT -3, small SMALLINT UNSIGNED, medium MEDIUMINT,
    padded INT(8) UNSIGNED ZEROFILL, big BIGINT NOT NULL DEFAULT 5,
    plain NUMERIC, price DECIMAL(10,2) DEFAULT 1.5, positive DECIMAL(5) UNSIGNED,
    single FLOAT DEFAULT 1.5, sized FLOAT(10,2), precise DOUBLE PRECISION DEFAULT 1e10,
    bit1 BIT, bits BIT(8) DEFAULT b'101', sum INT DEFAULT (1 + 2), year4 YEAR DEFAULT 2020
)
"""
TEXTS = """
CREATE TABLE texts (
    c CHAR(5) DEFAULT 'it''s', v VARCHAR(50) NOT NULL DEFAULT 'a\\\\b',
    blank VARCHAR(20) DEFAULT '',
    nothing VARCHAR(10) DEFAULT NULL, word VARCHAR(10) DEFAULT 'NULL',
    line VARCHAR(9) DEFAULT '\\n',
    number VARCHAR(9) DEFAULT '5', percent VARCHAR(20) DEFAULT '50% %s :x',
    binary_text VARCHAR(10) COLLATE utf8mb4_bin, latin VARCHAR(10) CHARACTER SET latin1,
    b BINARY(16), vb VARBINARY(10) DEFAULT 'ab', bl BLOB, tx TEXT, mt MEDIUMTEXT, lt LONGTEXT,
    letter ENUM('a','b''c','d\\\\e','x,y)') NOT NULL DEFAULT 'x,y)',
    letters SET('a','b') DEFAULT 'a,b',
    said TEXT DEFAULT ('abc'), unique_id VARCHAR(36) DEFAULT (uuid()),
    joined VARCHAR(99) DEFAULT (concat('it''s \\\\ ', '"x"'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci COMMENT='tab''le \\\\ x'
"""
TIMES = """
CREATE TABLE times (
    d DATE DEFAULT '2020-01-01', t TIME DEFAULT '10:00', t3 TIME(3), now_d DATE DEFAULT (curdate()),
    dt DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    dt6 DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), called DATETIME DEFAULT (now()),
    date_of_now DATE DEFAULT (now()),
    ts TIMESTAMP NULL, tn TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    touched TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP,
    ts3 TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    changed DATETIME NOT NULL ON UPDATE CURRENT_TIMESTAMP
)
"""
DOCUMENTS = """
CREATE TABLE documents (
    doc JSON, required JSON NOT NULL, filled JSON DEFAULT (json_object()), place GEOMETRY NOT NULL,
    spot POINT, body TEXT, SPATIAL KEY by_place (place), FULLTEXT KEY by_body (body)
)
"""
GENERATED = """
CREATE TABLE derived (
    a INT, b VARCHAR(20), double_a INT GENERATED ALWAYS AS (a * 2) VIRTUAL COMMENT 'twice',
    triple_a INT AS (a * 3) STORED, said VARCHAR(50) AS (concat(b, 'it''s \\\\')) VIRTUAL,
    KEY by_triple (triple_a)
)
"""
KEYS = """
CREATE TABLE `the keys` (
    a INT, b INT NOT NULL, c VARCHAR(50), d TEXT, `we``ird` INT DEFAULT 3, `select` INT,
    PRIMARY KEY (b, a), UNIQUE KEY uq (a, c(10)), UNIQUE (`select`), KEY ix (c DESC, a),
    KEY prefixed (d(20)) COMMENT 'it''s', CONSTRAINT positive CHECK (a > 0 AND c <> 'it''s \\\\'),
    CHECK (`we``ird` > 5), CONSTRAINT `odd name` CHECK (c LIKE '%a')
)
"""
PARENT = "CREATE TABLE parent (x INT, y INT, z INT UNIQUE, PRIMARY KEY (x, y))"
CHILD = """
CREATE TABLE child (
    id INT PRIMARY KEY, x INT, y INT, z INT, mother INT, other INT,
    CONSTRAINT by_two FOREIGN KEY (x, y) REFERENCES parent (x, y) ON DELETE CASCADE,
    FOREIGN KEY (z) REFERENCES parent (z) ON UPDATE SET NULL ON DELETE RESTRICT,
    CONSTRAINT to_self FOREIGN KEY (mother) REFERENCES child (id), KEY by_other (other),
    CONSTRAINT indexed FOREIGN KEY (other) REFERENCES child (id) ON DELETE SET NULL
)
"""
OTHER = """
CREATE TABLE other (a INT, b VARCHAR(10), KEY by_a USING HASH (a))
    ENGINE=MEMORY DEFAULT CHARSET=latin1 COLLATE=latin1_bin
"""
FORMAT = "CREATE TABLE format (a TEXT) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8 STATS_PERSISTENT=0"
VIEW = """
CREATE VIEW seen AS SELECT c.id, p.z AS zed, concat(p.x, 'it''s') AS said
    FROM child c JOIN parent p ON p.x = c.x WHERE p.y > 3
"""
VIEW_OF_VIEW = "CREATE VIEW again AS SELECT id FROM seen WHERE id < 5 WITH CASCADED CHECK OPTION"

BOTH = (
    *(NUMBERS, TEXTS, TIMES, DOCUMENTS, GENERATED, KEYS, PARENT, CHILD, OTHER, FORMAT),
    *(VIEW, VIEW_OF_VIEW),
)

MARIADB = (
    "CREATE TABLE own (u UUID DEFAULT uuid(), i INET6, i4 INET4, hidden INT INVISIBLE, c INT, "
    "KEY ignored (c) IGNORED)",
    "CREATE TABLE checked (a INT CHECK (a > 0), b INT NOT NULL DEFAULT 3 COMMENT 'x' "
    "CHECK (b > a), twice INT AS (a * 2) STORED COMMENT 'c' CHECK (twice > 1), "
    "doc LONGTEXT CHECK (json_valid(a)))",
    "CREATE TABLE versioned (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING",
    "CREATE TABLE hashed (a TEXT, UNIQUE KEY by_a (a))",
    "CREATE SEQUENCE plain",
    "CREATE SEQUENCE down INCREMENT BY -1",
    "CREATE SEQUENCE other_one START WITH 5 INCREMENT BY 2 MINVALUE 1 MAXVALUE 100 CACHE 10 CYCLE",
    "CREATE TABLE counted (id INT DEFAULT (nextval(plain)))",
)

MYSQL = (
    "CREATE TABLE own (id INT, hidden INT INVISIBLE, name VARCHAR(20), doc JSON, "
    "place POINT NOT NULL SRID 4326, KEY unseen (id) INVISIBLE, KEY by_sum ((id + 1)), "
    "KEY by_lower ((lower(name)) DESC, id), KEY by_doc ((CAST(doc AS UNSIGNED ARRAY))), "
    "UNIQUE KEY by_text ((concat(name, 'it''s \\\\'))))",
    "CREATE TABLE checked (a INT CHECK (a > 0), b INT, "
    "CONSTRAINT loose CHECK (b > 0) NOT ENFORCED, "
    "twice INT AS (a * 2) VIRTUAL NOT NULL COMMENT 'c')",
)
