-- What the migrations make of an empty SQLite file, in a few milliseconds: a newcomer's first start need not wait for
-- Alembic. A test compares the two; after a new migration this is `.dump` of a file that `arouter migrate` has made.
BEGIN IMMEDIATE;
CREATE TABLE accounts (
  id VARCHAR(64) NOT NULL,
  name VARCHAR(256) NOT NULL,
  providers TEXT,
  disabled BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT,
  revision BIGINT NOT NULL, default_model VARCHAR(256),
  PRIMARY KEY (id)
);
INSERT INTO "accounts" VALUES('default','Default',NULL,0,strftime('%s','now'),strftime('%s','now'),NULL,1,NULL);
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE catalogue_models (
  provider VARCHAR(255) NOT NULL,
  name VARCHAR(1024) NOT NULL,
  first_seen BIGINT NOT NULL,
  listed BOOLEAN NOT NULL,
  created BIGINT,
  details TEXT NOT NULL,
  PRIMARY KEY (provider, name)
);
CREATE TABLE catalogue_providers (
  provider VARCHAR(255) NOT NULL,
  synced_at BIGINT NOT NULL,
  PRIMARY KEY (provider)
);
CREATE TABLE directory (
  id INTEGER NOT NULL,
  revision BIGINT NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "directory" VALUES(1,1);
CREATE TABLE keys (
  hash VARCHAR(64) NOT NULL,
  name VARCHAR(256) NOT NULL,
  label VARCHAR(32) NOT NULL,
  key_type VARCHAR(16) NOT NULL,
  account VARCHAR(64),
  disabled BOOLEAN NOT NULL,
  limit_nanos BIGINT,
  limit_reset VARCHAR(16),
  allowed_providers TEXT,
  allowed_models TEXT,
  requests_per_minute INTEGER,
  requests_per_day INTEGER,
  tokens_per_minute INTEGER,
  expires_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT,
  revision BIGINT NOT NULL, expires_ms INTEGER, created_revision BIGINT DEFAULT '0' NOT NULL,
  PRIMARY KEY (hash),
  FOREIGN KEY(account) REFERENCES accounts (id)
);
CREATE TABLE usage (
  generation_id VARCHAR(64) NOT NULL,
  attempt INTEGER NOT NULL,
  account VARCHAR(64),
  key_hash VARCHAR(64) NOT NULL,
  model VARCHAR(1024) NOT NULL,
  provider VARCHAR(255) NOT NULL,
  created_ms BIGINT NOT NULL,
  latency_ms INTEGER NOT NULL,
  first_token_ms INTEGER,
  status VARCHAR(32) NOT NULL,
  stream BOOLEAN NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL,
  cost_nanos BIGINT NOT NULL,
  estimated BOOLEAN NOT NULL,
  PRIMARY KEY (generation_id, attempt)
);
CREATE TABLE usage_daily (
  day DATE NOT NULL,
  key_hash VARCHAR(64) NOT NULL,
  model VARCHAR(1024) NOT NULL,
  account VARCHAR(64),
  requests BIGINT NOT NULL,
  prompt_tokens BIGINT NOT NULL,
  completion_tokens BIGINT NOT NULL,
  cost_nanos BIGINT NOT NULL,
  PRIMARY KEY (day, key_hash, model)
);
CREATE TABLE audit_events (
  revision BIGINT NOT NULL,
  position INTEGER NOT NULL,
  created_ms BIGINT NOT NULL,
  action VARCHAR(16) NOT NULL,
  resource VARCHAR(16) NOT NULL,
  key_hash VARCHAR(64),
  account VARCHAR(64),
  actor TEXT NOT NULL,
  "before" TEXT,
  "after" TEXT,
  PRIMARY KEY (revision, position)
);
CREATE INDEX audit_events_by_time ON audit_events (created_ms);
CREATE INDEX audit_events_by_account ON audit_events (account, revision, position);
CREATE INDEX audit_events_by_key ON audit_events (key_hash, revision, position);
CREATE INDEX ix_accounts_revision ON accounts (revision);
CREATE INDEX ix_keys_account ON keys (account);
CREATE INDEX ix_keys_revision ON keys (revision);
CREATE INDEX usage_by_time ON usage (created_ms);
CREATE INDEX ix_usage_daily_account ON usage_daily (account);
CREATE INDEX usage_daily_by_key ON usage_daily (key_hash, day);
COMMIT;
