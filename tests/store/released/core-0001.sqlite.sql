CREATE TABLE access_grant (
	id VARCHAR(32) NOT NULL, 
	person_id VARCHAR(32) NOT NULL, 
	device_id VARCHAR(32) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	gateway VARCHAR(64) NOT NULL, 
	"plan" VARCHAR(64) NOT NULL, 
	method VARCHAR(64) NOT NULL, 
	language VARCHAR(8) NOT NULL, 
	revision BIGINT NOT NULL, 
	starts_at BIGINT NOT NULL, 
	ends_at BIGINT NOT NULL, 
	idle BIGINT NOT NULL, 
	down BIGINT, 
	up BIGINT, 
	total BIGINT, 
	interim BIGINT NOT NULL, 
	handback TEXT, 
	confirmed_at BIGINT, 
	due_at BIGINT, 
	CONSTRAINT pk_access_grant PRIMARY KEY (id), 
	CONSTRAINT fk_access_grant_device_id FOREIGN KEY(device_id) REFERENCES device (id), 
	CONSTRAINT fk_access_grant_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE agent (
	gateway VARCHAR(64) NOT NULL, 
	sequence BIGINT NOT NULL, 
	boot_id VARCHAR(64) NOT NULL, 
	uptime BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	CONSTRAINT pk_agent PRIMARY KEY (gateway)
);

INSERT INTO "agent" VALUES('tk2-gw',7,'boot',60,100);

CREATE TABLE alembic_core (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_core_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_core" VALUES('0001');

CREATE TABLE attempt (
	subject BLOB NOT NULL, 
	until BIGINT NOT NULL, 
	failures INTEGER NOT NULL, 
	CONSTRAINT pk_attempt PRIMARY KEY (subject)
);

CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	action VARCHAR(64) NOT NULL, 
	subject VARCHAR(128) NOT NULL, 
	detail TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id), 
	CONSTRAINT uq_audit_subject_number UNIQUE (subject, number)
);

INSERT INTO "audit" VALUES(1,100,'ani','adopt','tk2-ap1','{"outcome": "good"}',1,'c35af9f818d5a6889edc82f267a4d6de63e07de60fba83e7e29499ca79b92c0a');

INSERT INTO "audit" VALUES(2,200,'budi','apply','tk2-ap1','{"outcome": "good"}',2,'c48e3a64232397e66b191de881cf74679583401e68cf4707e589ca536c70f6c2');

CREATE TABLE block (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	subject VARCHAR(32) NOT NULL, 
	until BIGINT NOT NULL, 
	reason VARCHAR(200) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(64) NOT NULL, 
	lifted_at BIGINT, 
	lifted_by VARCHAR(64), 
	CONSTRAINT pk_block PRIMARY KEY (id)
);

CREATE TABLE catch_up (
	ap VARCHAR(64) NOT NULL, 
	revision BIGINT NOT NULL, 
	reason VARCHAR(64) NOT NULL, 
	run VARCHAR(32) NOT NULL, 
	queued_at BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	next_at BIGINT NOT NULL, 
	detail TEXT NOT NULL, 
	given_up_at BIGINT, 
	CONSTRAINT pk_catch_up PRIMARY KEY (ap)
);

CREATE TABLE client_address (
	gateway VARCHAR(64) NOT NULL, 
	session VARCHAR(253) NOT NULL, 
	address BLOB NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_client_address PRIMARY KEY (gateway, session)
);

CREATE TABLE code_challenge (
	door BLOB NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	number BLOB NOT NULL, 
	sealed BLOB NOT NULL, 
	expires_at BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	CONSTRAINT pk_code_challenge PRIMARY KEY (door)
);

CREATE TABLE code_message (
	id VARCHAR(32) NOT NULL, 
	challenge_id VARCHAR(32) NOT NULL, 
	number BLOB NOT NULL, 
	device BLOB NOT NULL, 
	gateway VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	price BIGINT NOT NULL, 
	state VARCHAR(64) NOT NULL, 
	proven BOOLEAN NOT NULL, 
	CONSTRAINT pk_code_message PRIMARY KEY (id)
);

CREATE TABLE complaint (
	id VARCHAR(32) NOT NULL, 
	number VARCHAR(16) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	category VARCHAR(64) NOT NULL, 
	text BLOB, 
	contact BLOB, 
	language VARCHAR(8) NOT NULL, 
	created_at BIGINT NOT NULL, 
	assigned_to VARCHAR(64), 
	assigned_at BIGINT, 
	resolved_at BIGINT, 
	answer TEXT, 
	CONSTRAINT pk_complaint PRIMARY KEY (id), 
	CONSTRAINT uq_complaint_number UNIQUE (number)
);

CREATE TABLE complaint_delivery (
	id VARCHAR(32) NOT NULL, 
	number VARCHAR(16) NOT NULL, 
	event VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	due_at BIGINT, 
	attempts INTEGER NOT NULL, 
	outcome VARCHAR(200) NOT NULL, 
	finished_at BIGINT, 
	CONSTRAINT pk_complaint_delivery PRIMARY KEY (id)
);

CREATE TABLE consent (
	id VARCHAR(32) NOT NULL, 
	person_id VARCHAR(32) NOT NULL, 
	purpose VARCHAR(64) NOT NULL, 
	text_version VARCHAR(64) NOT NULL, 
	text_sha256 VARCHAR(64) NOT NULL, 
	language VARCHAR(8) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	given_at BIGINT NOT NULL, 
	withdrawn_at BIGINT, 
	CONSTRAINT pk_consent PRIMARY KEY (id), 
	CONSTRAINT fk_consent_person_id FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);

CREATE TABLE device (
	id VARCHAR(32) NOT NULL, 
	lookup BLOB NOT NULL, 
	sealed BLOB NOT NULL, 
	randomised BOOLEAN NOT NULL, 
	first_seen BIGINT NOT NULL, 
	CONSTRAINT pk_device PRIMARY KEY (id), 
	CONSTRAINT uq_device_lookup UNIQUE (lookup)
);

CREATE TABLE erasure (
	id VARCHAR(32) NOT NULL, 
	person_id VARCHAR(32) NOT NULL, 
	asked_at BIGINT NOT NULL, 
	asked_by VARCHAR(64) NOT NULL, 
	done_at BIGINT, 
	CONSTRAINT pk_erasure PRIMARY KEY (id)
);

CREATE TABLE gateway_restart (
	gateway VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	cause VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_gateway_restart PRIMARY KEY (gateway)
);

CREATE TABLE host_key (
	ap VARCHAR(64) NOT NULL, 
	"key" TEXT NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	pinned_at BIGINT NOT NULL, 
	pinned_by VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_host_key PRIMARY KEY (ap)
);

CREATE TABLE identity (
	person_id VARCHAR(32) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	lookup BLOB NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_identity PRIMARY KEY (person_id), 
	CONSTRAINT fk_identity_person_id FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE, 
	CONSTRAINT uq_identity_lookup UNIQUE (lookup)
);

CREATE TABLE journal_position (
	file VARCHAR(32) NOT NULL, 
	sequence BIGINT NOT NULL, 
	applied_at BIGINT NOT NULL, 
	CONSTRAINT pk_journal_position PRIMARY KEY (file)
);

CREATE TABLE legal_hold (
	id VARCHAR(32) NOT NULL, 
	person_id VARCHAR(32) NOT NULL, 
	until BIGINT NOT NULL, 
	reason VARCHAR(200) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(64) NOT NULL, 
	lifted_at BIGINT, 
	lifted_by VARCHAR(64), 
	CONSTRAINT pk_legal_hold PRIMARY KEY (id)
);

CREATE TABLE member (
	person_id VARCHAR(32) NOT NULL, 
	password_hash TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	CONSTRAINT pk_member PRIMARY KEY (person_id), 
	CONSTRAINT fk_member_person_id FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);

CREATE TABLE meta (
	name VARCHAR(64) NOT NULL, 
	value BLOB NOT NULL, 
	CONSTRAINT pk_meta PRIMARY KEY (name)
);

CREATE TABLE oidc_login (
	id VARCHAR(32) NOT NULL, 
	sealed BLOB NOT NULL, 
	begun_at BIGINT NOT NULL, 
	back_at BIGINT, 
	grant_id VARCHAR(32), 
	door BLOB, 
	proof BLOB, 
	proven_at BIGINT, 
	CONSTRAINT pk_oidc_login PRIMARY KEY (id)
);

CREATE TABLE person (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_person PRIMARY KEY (id)
);

CREATE TABLE push (
	number INTEGER NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	run VARCHAR(32) NOT NULL, 
	ap VARCHAR(64) NOT NULL, 
	revision BIGINT NOT NULL, 
	manifest VARCHAR(64) NOT NULL, 
	planned_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	outcome VARCHAR(64), 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_push PRIMARY KEY (number), 
	CONSTRAINT fk_push_run FOREIGN KEY(run) REFERENCES push_run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_push_id UNIQUE (id)
);

CREATE TABLE push_run (
	id VARCHAR(32) NOT NULL, 
	action VARCHAR(64) NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	started_at BIGINT NOT NULL, 
	settings TEXT NOT NULL, 
	ended_at BIGINT, 
	stopped TEXT NOT NULL, 
	CONSTRAINT pk_push_run PRIMARY KEY (id)
);

CREATE TABLE remembered_device (
	id VARCHAR(32) NOT NULL, 
	person_id VARCHAR(32) NOT NULL, 
	device_id VARCHAR(32) NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_remembered_device PRIMARY KEY (id), 
	CONSTRAINT fk_remembered_device_device_id FOREIGN KEY(device_id) REFERENCES device (id) ON DELETE CASCADE, 
	CONSTRAINT fk_remembered_device_person_id FOREIGN KEY(person_id) REFERENCES person (id) ON DELETE CASCADE
);

CREATE TABLE revision (
	number INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	activated_at BIGINT NOT NULL, 
	activated_by VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_revision PRIMARY KEY (number)
);

CREATE TABLE session (
	id VARCHAR(32) NOT NULL, 
	gateway VARCHAR(64) NOT NULL, 
	acct_session_id VARCHAR(253) NOT NULL, 
	device_id VARCHAR(32) NOT NULL, 
	ticket_id VARCHAR(32) NOT NULL, 
	grant_id VARCHAR(32), 
	person_id VARCHAR(32), 
	site VARCHAR(64) NOT NULL, 
	started_at BIGINT NOT NULL, 
	last_at BIGINT NOT NULL, 
	seconds BIGINT NOT NULL, 
	down BIGINT NOT NULL, 
	up BIGINT NOT NULL, 
	stopped_at BIGINT, 
	stopped_cause VARCHAR(64), 
	presumed_at BIGINT, 
	presumed_cause VARCHAR(64), 
	ended_at BIGINT, 
	start_seen BOOLEAN NOT NULL, 
	latest_start BIGINT NOT NULL, 
	last_bytes BIGINT NOT NULL, 
	heard BIGINT NOT NULL, 
	CONSTRAINT pk_session PRIMARY KEY (id)
);

CREATE TABLE session_order (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	session_id VARCHAR(32), 
	device_id VARCHAR(32), 
	stay VARCHAR(64), 
	gateway VARCHAR(64) NOT NULL, 
	channel VARCHAR(64) NOT NULL, 
	reason VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	claimed_by VARCHAR(64), 
	claimed_until BIGINT, 
	state VARCHAR(64) NOT NULL, 
	outcome VARCHAR(200), 
	finished_at BIGINT, 
	CONSTRAINT pk_session_order PRIMARY KEY (id), 
	CONSTRAINT fk_session_order_session_id FOREIGN KEY(session_id) REFERENCES session (id)
);

CREATE TABLE ticket (
	id VARCHAR(32) NOT NULL, 
	grant_id VARCHAR(32) NOT NULL, 
	gateway VARCHAR(64) NOT NULL, 
	expires_at BIGINT NOT NULL, 
	redeemed_at BIGINT, 
	request_authenticator BLOB, 
	CONSTRAINT pk_ticket PRIMARY KEY (id), 
	CONSTRAINT fk_ticket_grant_id FOREIGN KEY(grant_id) REFERENCES access_grant (id)
);

CREATE TABLE voucher (
	id VARCHAR(32) NOT NULL, 
	lookup BLOB NOT NULL, 
	batch VARCHAR(32) NOT NULL, 
	serial INTEGER NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	"plan" VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	valid BIGINT NOT NULL, 
	used_at BIGINT, 
	person_id VARCHAR(32), 
	revoked_at BIGINT, 
	CONSTRAINT pk_voucher PRIMARY KEY (id), 
	CONSTRAINT fk_voucher_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT uq_voucher_lookup UNIQUE (lookup)
);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

CREATE INDEX ix_block_subject ON block (subject);

CREATE INDEX ix_code_message_at ON code_message (at);

CREATE INDEX ix_code_message_challenge_id ON code_message (challenge_id);

CREATE INDEX ix_complaint_delivery_due_at ON complaint_delivery (due_at);

CREATE INDEX ix_oidc_login_door ON oidc_login (door);

CREATE INDEX ix_oidc_login_grant_id ON oidc_login (grant_id);

CREATE INDEX ix_legal_hold_person_id ON legal_hold (person_id);

CREATE INDEX ix_erasure_person_id ON erasure (person_id);

CREATE INDEX ix_complaint_site ON complaint (site);

CREATE INDEX ix_push_ap_number ON push (ap, number);

CREATE INDEX ix_push_run ON push (run);

CREATE INDEX ix_access_grant_device_id ON access_grant (device_id);

CREATE INDEX ix_access_grant_due_at ON access_grant (due_at) WHERE due_at IS NOT NULL;

CREATE INDEX ix_access_grant_gateway_ends_at ON access_grant (gateway, ends_at);

CREATE INDEX ix_access_grant_person_id ON access_grant (person_id);

CREATE INDEX ix_consent_person_id ON consent (person_id);

CREATE INDEX ix_voucher_batch ON voucher (batch);

CREATE INDEX ix_remembered_device_device_id ON remembered_device (device_id);

CREATE INDEX ix_remembered_device_person_id ON remembered_device (person_id);

CREATE INDEX ix_session_person_id ON session (person_id);

CREATE INDEX ix_session_started_at ON session (started_at);

CREATE INDEX ix_session_running ON session (gateway) WHERE ended_at IS NULL;

CREATE INDEX ix_session_classless ON session (device_id) WHERE ticket_id = '';

CREATE INDEX ix_ticket_grant_id ON ticket (grant_id);

CREATE INDEX ix_session_order_session_id ON session_order (session_id);

CREATE INDEX ix_session_order_state_channel_due_at ON session_order (state, channel, due_at);

CREATE UNIQUE INDEX uq_session_order_pending ON session_order (session_id) WHERE state = 'pending'
