CREATE TABLE alembic_telemetry (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_telemetry_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_telemetry" VALUES('0001');

CREATE TABLE export (
	target VARCHAR(64) NOT NULL, 
	watermark BIGINT NOT NULL, 
	CONSTRAINT pk_export PRIMARY KEY (target)
);

CREATE TABLE lease (
	name VARCHAR(64) NOT NULL, 
	holder VARCHAR(64) NOT NULL, 
	until BIGINT NOT NULL, 
	CONSTRAINT pk_lease PRIMARY KEY (name)
);

CREATE TABLE maintenance (
	id VARCHAR(32) NOT NULL, 
	site VARCHAR(64) NOT NULL, 
	from_at BIGINT NOT NULL, 
	to_at BIGINT NOT NULL, 
	ticket VARCHAR(100) NOT NULL, 
	reason VARCHAR(200) NOT NULL, 
	recorded_by VARCHAR(64) NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	withdrawn_at BIGINT, 
	CONSTRAINT pk_maintenance PRIMARY KEY (id)
);

CREATE TABLE portal_alarm (
	site VARCHAR(64) NOT NULL, 
	since BIGINT NOT NULL, 
	CONSTRAINT pk_portal_alarm PRIMARY KEY (site)
);

CREATE TABLE portal_count (
	node VARCHAR(64) NOT NULL, 
	gateway VARCHAR(64) NOT NULL, 
	outcome VARCHAR(64) NOT NULL, 
	value BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_portal_count PRIMARY KEY (node, gateway, outcome)
);

CREATE TABLE portal_hour (
	site VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	shown BIGINT NOT NULL, 
	admitted BIGINT NOT NULL, 
	CONSTRAINT pk_portal_hour PRIMARY KEY (site, at)
);

CREATE TABLE radius_count (
	node VARCHAR(64) NOT NULL, 
	gateway VARCHAR(64) NOT NULL, 
	outcome VARCHAR(64) NOT NULL, 
	value BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_radius_count PRIMARY KEY (node, gateway, outcome)
);

CREATE TABLE sample (
	at BIGINT NOT NULL, 
	ap VARCHAR(64) NOT NULL, 
	good BOOLEAN NOT NULL, 
	monitor BOOLEAN NOT NULL, 
	rtt_us INTEGER, 
	CONSTRAINT pk_sample PRIMARY KEY (at, ap)
)
 WITHOUT ROWID

;

CREATE TABLE state_interval (
	ap VARCHAR(64) NOT NULL, 
	from_at BIGINT NOT NULL, 
	to_at BIGINT NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	cause VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_state_interval PRIMARY KEY (ap, from_at)
)
 WITHOUT ROWID

;

CREATE TABLE tracker (
	ap VARCHAR(64) NOT NULL, 
	state TEXT NOT NULL, 
	CONSTRAINT pk_tracker PRIMARY KEY (ap)
)
