SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_telemetry (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.export (
    target character varying(64) NOT NULL,
    watermark bigint NOT NULL
);
CREATE TABLE public.lease (
    name character varying(64) NOT NULL,
    holder character varying(64) NOT NULL,
    until bigint NOT NULL
);
CREATE TABLE public.maintenance (
    id character varying(32) NOT NULL,
    site character varying(64) NOT NULL,
    from_at bigint NOT NULL,
    to_at bigint NOT NULL,
    ticket character varying(100) NOT NULL,
    reason character varying(200) NOT NULL,
    recorded_by character varying(64) NOT NULL,
    recorded_at bigint NOT NULL,
    withdrawn_at bigint
);
CREATE TABLE public.portal_alarm (
    site character varying(64) NOT NULL,
    since bigint NOT NULL
);
CREATE TABLE public.portal_count (
    node character varying(64) NOT NULL,
    gateway character varying(64) NOT NULL,
    outcome character varying(64) NOT NULL,
    value bigint NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.portal_hour (
    site character varying(64) NOT NULL,
    at bigint NOT NULL,
    shown bigint NOT NULL,
    admitted bigint NOT NULL
);
CREATE TABLE public.radius_count (
    node character varying(64) NOT NULL,
    gateway character varying(64) NOT NULL,
    outcome character varying(64) NOT NULL,
    value bigint NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.sample (
    at bigint NOT NULL,
    ap character varying(64) NOT NULL,
    good boolean NOT NULL,
    monitor boolean NOT NULL,
    rtt_us integer
);
CREATE TABLE public.state_interval (
    ap character varying(64) NOT NULL,
    from_at bigint NOT NULL,
    to_at bigint NOT NULL,
    state character varying(8) NOT NULL,
    cause character varying(64) NOT NULL
);
CREATE TABLE public.tracker (
    ap character varying(64) NOT NULL,
    state text NOT NULL
);
INSERT INTO public.alembic_telemetry VALUES ('0001');
ALTER TABLE ONLY public.alembic_telemetry
    ADD CONSTRAINT alembic_telemetry_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.export
    ADD CONSTRAINT pk_export PRIMARY KEY (target);
ALTER TABLE ONLY public.lease
    ADD CONSTRAINT pk_lease PRIMARY KEY (name);
ALTER TABLE ONLY public.maintenance
    ADD CONSTRAINT pk_maintenance PRIMARY KEY (id);
ALTER TABLE ONLY public.portal_alarm
    ADD CONSTRAINT pk_portal_alarm PRIMARY KEY (site);
ALTER TABLE ONLY public.portal_count
    ADD CONSTRAINT pk_portal_count PRIMARY KEY (node, gateway, outcome);
ALTER TABLE ONLY public.portal_hour
    ADD CONSTRAINT pk_portal_hour PRIMARY KEY (site, at);
ALTER TABLE ONLY public.radius_count
    ADD CONSTRAINT pk_radius_count PRIMARY KEY (node, gateway, outcome);
ALTER TABLE ONLY public.sample
    ADD CONSTRAINT pk_sample PRIMARY KEY (at, ap);
ALTER TABLE ONLY public.state_interval
    ADD CONSTRAINT pk_state_interval PRIMARY KEY (ap, from_at);
ALTER TABLE ONLY public.tracker
    ADD CONSTRAINT pk_tracker PRIMARY KEY (ap);
