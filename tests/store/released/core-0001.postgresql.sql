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
CREATE FUNCTION public.audit_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.access_grant (
    id character varying(32) NOT NULL,
    person_id character varying(32) NOT NULL,
    device_id character varying(32) NOT NULL,
    site character varying(64) NOT NULL,
    gateway character varying(64) NOT NULL,
    plan character varying(64) NOT NULL,
    method character varying(64) NOT NULL,
    language character varying(8) NOT NULL,
    revision bigint NOT NULL,
    starts_at bigint NOT NULL,
    ends_at bigint NOT NULL,
    idle bigint NOT NULL,
    down bigint,
    up bigint,
    total bigint,
    interim bigint NOT NULL,
    handback text,
    confirmed_at bigint,
    due_at bigint
);
CREATE TABLE public.agent (
    gateway character varying(64) NOT NULL,
    sequence bigint NOT NULL,
    boot_id character varying(64) NOT NULL,
    uptime bigint NOT NULL,
    seen_at bigint NOT NULL
);
CREATE TABLE public.alembic_core (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.attempt (
    subject bytea NOT NULL,
    until bigint NOT NULL,
    failures integer NOT NULL
);
CREATE TABLE public.audit (
    id bigint NOT NULL,
    at bigint NOT NULL,
    who character varying(64) NOT NULL,
    action character varying(64) NOT NULL,
    subject character varying(128) NOT NULL,
    detail text NOT NULL,
    number bigint NOT NULL,
    hash character varying(64) NOT NULL
);
CREATE SEQUENCE public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.audit_id_seq OWNED BY public.audit.id;
CREATE TABLE public.block (
    id character varying(32) NOT NULL,
    kind character varying(64) NOT NULL,
    subject character varying(32) NOT NULL,
    until bigint NOT NULL,
    reason character varying(200) NOT NULL,
    created_at bigint NOT NULL,
    created_by character varying(64) NOT NULL,
    lifted_at bigint,
    lifted_by character varying(64)
);
CREATE TABLE public.catch_up (
    ap character varying(64) NOT NULL,
    revision bigint NOT NULL,
    reason character varying(64) NOT NULL,
    run character varying(32) NOT NULL,
    queued_at bigint NOT NULL,
    tries integer NOT NULL,
    next_at bigint NOT NULL,
    detail text NOT NULL,
    given_up_at bigint
);
CREATE TABLE public.client_address (
    gateway character varying(64) NOT NULL,
    session character varying(253) NOT NULL,
    address bytea NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.code_challenge (
    door bytea NOT NULL,
    id character varying(32) NOT NULL,
    number bytea NOT NULL,
    sealed bytea NOT NULL,
    expires_at bigint NOT NULL,
    tries integer NOT NULL
);
CREATE TABLE public.code_message (
    id character varying(32) NOT NULL,
    challenge_id character varying(32) NOT NULL,
    number bytea NOT NULL,
    device bytea NOT NULL,
    gateway character varying(64) NOT NULL,
    at bigint NOT NULL,
    price bigint NOT NULL,
    state character varying(64) NOT NULL,
    proven boolean NOT NULL
);
CREATE TABLE public.complaint (
    id character varying(32) NOT NULL,
    number character varying(16) NOT NULL,
    site character varying(64) NOT NULL,
    category character varying(64) NOT NULL,
    text bytea,
    contact bytea,
    language character varying(8) NOT NULL,
    created_at bigint NOT NULL,
    assigned_to character varying(64),
    assigned_at bigint,
    resolved_at bigint,
    answer text
);
CREATE TABLE public.complaint_delivery (
    id character varying(32) NOT NULL,
    number character varying(16) NOT NULL,
    event character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    due_at bigint,
    attempts integer NOT NULL,
    outcome character varying(200) NOT NULL,
    finished_at bigint
);
CREATE TABLE public.consent (
    id character varying(32) NOT NULL,
    person_id character varying(32) NOT NULL,
    purpose character varying(64) NOT NULL,
    text_version character varying(64) NOT NULL,
    text_sha256 character varying(64) NOT NULL,
    language character varying(8) NOT NULL,
    site character varying(64) NOT NULL,
    given_at bigint NOT NULL,
    withdrawn_at bigint
);
CREATE TABLE public.device (
    id character varying(32) NOT NULL,
    lookup bytea NOT NULL,
    sealed bytea NOT NULL,
    randomised boolean NOT NULL,
    first_seen bigint NOT NULL
);
CREATE TABLE public.erasure (
    id character varying(32) NOT NULL,
    person_id character varying(32) NOT NULL,
    asked_at bigint NOT NULL,
    asked_by character varying(64) NOT NULL,
    done_at bigint
);
CREATE TABLE public.gateway_restart (
    gateway character varying(64) NOT NULL,
    at bigint NOT NULL,
    cause character varying(64) NOT NULL
);
CREATE TABLE public.host_key (
    ap character varying(64) NOT NULL,
    key text NOT NULL,
    fingerprint character varying(64) NOT NULL,
    pinned_at bigint NOT NULL,
    pinned_by character varying(64) NOT NULL
);
CREATE TABLE public.identity (
    person_id character varying(32) NOT NULL,
    kind character varying(64) NOT NULL,
    lookup bytea NOT NULL,
    sealed bytea NOT NULL
);
CREATE TABLE public.journal_position (
    file character varying(32) NOT NULL,
    sequence bigint NOT NULL,
    applied_at bigint NOT NULL
);
CREATE TABLE public.legal_hold (
    id character varying(32) NOT NULL,
    person_id character varying(32) NOT NULL,
    until bigint NOT NULL,
    reason character varying(200) NOT NULL,
    created_at bigint NOT NULL,
    created_by character varying(64) NOT NULL,
    lifted_at bigint,
    lifted_by character varying(64)
);
CREATE TABLE public.member (
    person_id character varying(32) NOT NULL,
    password_hash text NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint
);
CREATE TABLE public.meta (
    name character varying(64) NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE public.oidc_login (
    id character varying(32) NOT NULL,
    sealed bytea NOT NULL,
    begun_at bigint NOT NULL,
    back_at bigint,
    grant_id character varying(32),
    door bytea,
    proof bytea,
    proven_at bigint
);
CREATE TABLE public.person (
    id character varying(32) NOT NULL,
    kind character varying(64) NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.push (
    number bigint NOT NULL,
    id character varying(32) NOT NULL,
    run character varying(32) NOT NULL,
    ap character varying(64) NOT NULL,
    revision bigint NOT NULL,
    manifest character varying(64) NOT NULL,
    planned_at bigint NOT NULL,
    finished_at bigint,
    outcome character varying(64),
    detail text NOT NULL
);
CREATE SEQUENCE public.push_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.push_number_seq OWNED BY public.push.number;
CREATE TABLE public.push_run (
    id character varying(32) NOT NULL,
    action character varying(64) NOT NULL,
    who character varying(64) NOT NULL,
    started_at bigint NOT NULL,
    settings text NOT NULL,
    ended_at bigint,
    stopped text NOT NULL
);
CREATE TABLE public.remembered_device (
    id character varying(32) NOT NULL,
    person_id character varying(32) NOT NULL,
    device_id character varying(32) NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE public.revision (
    number bigint NOT NULL,
    text text NOT NULL,
    sha256 character varying(64) NOT NULL,
    activated_at bigint NOT NULL,
    activated_by character varying(64) NOT NULL
);
CREATE SEQUENCE public.revision_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.revision_number_seq OWNED BY public.revision.number;
CREATE TABLE public.session (
    id character varying(32) NOT NULL,
    gateway character varying(64) NOT NULL,
    acct_session_id character varying(253) NOT NULL,
    device_id character varying(32) NOT NULL,
    ticket_id character varying(32) NOT NULL,
    grant_id character varying(32),
    person_id character varying(32),
    site character varying(64) NOT NULL,
    started_at bigint NOT NULL,
    last_at bigint NOT NULL,
    seconds bigint NOT NULL,
    down bigint NOT NULL,
    up bigint NOT NULL,
    stopped_at bigint,
    stopped_cause character varying(64),
    presumed_at bigint,
    presumed_cause character varying(64),
    ended_at bigint,
    start_seen boolean NOT NULL,
    latest_start bigint NOT NULL,
    last_bytes bigint NOT NULL,
    heard bigint NOT NULL
)
WITH (fillfactor='80');
CREATE TABLE public.session_order (
    id character varying(32) NOT NULL,
    kind character varying(64) NOT NULL,
    session_id character varying(32),
    device_id character varying(32),
    stay character varying(64),
    gateway character varying(64) NOT NULL,
    channel character varying(64) NOT NULL,
    reason character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    due_at bigint NOT NULL,
    attempts integer NOT NULL,
    claimed_by character varying(64),
    claimed_until bigint,
    state character varying(64) NOT NULL,
    outcome character varying(200),
    finished_at bigint
);
CREATE TABLE public.ticket (
    id character varying(32) NOT NULL,
    grant_id character varying(32) NOT NULL,
    gateway character varying(64) NOT NULL,
    expires_at bigint NOT NULL,
    redeemed_at bigint,
    request_authenticator bytea
)
WITH (fillfactor='70');
CREATE TABLE public.voucher (
    id character varying(32) NOT NULL,
    lookup bytea NOT NULL,
    batch character varying(32) NOT NULL,
    serial integer NOT NULL,
    site character varying(64) NOT NULL,
    plan character varying(64) NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    valid bigint NOT NULL,
    used_at bigint,
    person_id character varying(32),
    revoked_at bigint
);
ALTER TABLE ONLY public.audit ALTER COLUMN id SET DEFAULT nextval('public.audit_id_seq'::regclass);
ALTER TABLE ONLY public.push ALTER COLUMN number SET DEFAULT nextval('public.push_number_seq'::regclass);
ALTER TABLE ONLY public.revision ALTER COLUMN number SET DEFAULT nextval('public.revision_number_seq'::regclass);
INSERT INTO public.agent VALUES ('tk2-gw', 7, 'boot', 60, 100);
INSERT INTO public.alembic_core VALUES ('0001');
INSERT INTO public.audit VALUES (1, 100, 'ani', 'adopt', 'tk2-ap1', '{"outcome": "good"}', 1, 'c35af9f818d5a6889edc82f267a4d6de63e07de60fba83e7e29499ca79b92c0a');
INSERT INTO public.audit VALUES (2, 200, 'budi', 'apply', 'tk2-ap1', '{"outcome": "good"}', 2, 'c48e3a64232397e66b191de881cf74679583401e68cf4707e589ca536c70f6c2');
SELECT pg_catalog.setval('public.audit_id_seq', 2, true);
SELECT pg_catalog.setval('public.push_number_seq', 1, false);
SELECT pg_catalog.setval('public.revision_number_seq', 1, false);
ALTER TABLE ONLY public.alembic_core
    ADD CONSTRAINT alembic_core_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.access_grant
    ADD CONSTRAINT pk_access_grant PRIMARY KEY (id);
ALTER TABLE ONLY public.agent
    ADD CONSTRAINT pk_agent PRIMARY KEY (gateway);
ALTER TABLE ONLY public.attempt
    ADD CONSTRAINT pk_attempt PRIMARY KEY (subject);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT pk_audit PRIMARY KEY (id);
ALTER TABLE ONLY public.block
    ADD CONSTRAINT pk_block PRIMARY KEY (id);
ALTER TABLE ONLY public.catch_up
    ADD CONSTRAINT pk_catch_up PRIMARY KEY (ap);
ALTER TABLE ONLY public.client_address
    ADD CONSTRAINT pk_client_address PRIMARY KEY (gateway, session);
ALTER TABLE ONLY public.code_challenge
    ADD CONSTRAINT pk_code_challenge PRIMARY KEY (door);
ALTER TABLE ONLY public.code_message
    ADD CONSTRAINT pk_code_message PRIMARY KEY (id);
ALTER TABLE ONLY public.complaint
    ADD CONSTRAINT pk_complaint PRIMARY KEY (id);
ALTER TABLE ONLY public.complaint_delivery
    ADD CONSTRAINT pk_complaint_delivery PRIMARY KEY (id);
ALTER TABLE ONLY public.consent
    ADD CONSTRAINT pk_consent PRIMARY KEY (id);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT pk_device PRIMARY KEY (id);
ALTER TABLE ONLY public.erasure
    ADD CONSTRAINT pk_erasure PRIMARY KEY (id);
ALTER TABLE ONLY public.gateway_restart
    ADD CONSTRAINT pk_gateway_restart PRIMARY KEY (gateway);
ALTER TABLE ONLY public.host_key
    ADD CONSTRAINT pk_host_key PRIMARY KEY (ap);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT pk_identity PRIMARY KEY (person_id);
ALTER TABLE ONLY public.journal_position
    ADD CONSTRAINT pk_journal_position PRIMARY KEY (file);
ALTER TABLE ONLY public.legal_hold
    ADD CONSTRAINT pk_legal_hold PRIMARY KEY (id);
ALTER TABLE ONLY public.member
    ADD CONSTRAINT pk_member PRIMARY KEY (person_id);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT pk_meta PRIMARY KEY (name);
ALTER TABLE ONLY public.oidc_login
    ADD CONSTRAINT pk_oidc_login PRIMARY KEY (id);
ALTER TABLE ONLY public.person
    ADD CONSTRAINT pk_person PRIMARY KEY (id);
ALTER TABLE ONLY public.push
    ADD CONSTRAINT pk_push PRIMARY KEY (number);
ALTER TABLE ONLY public.push_run
    ADD CONSTRAINT pk_push_run PRIMARY KEY (id);
ALTER TABLE ONLY public.remembered_device
    ADD CONSTRAINT pk_remembered_device PRIMARY KEY (id);
ALTER TABLE ONLY public.revision
    ADD CONSTRAINT pk_revision PRIMARY KEY (number);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT pk_session PRIMARY KEY (id);
ALTER TABLE ONLY public.session_order
    ADD CONSTRAINT pk_session_order PRIMARY KEY (id);
ALTER TABLE ONLY public.ticket
    ADD CONSTRAINT pk_ticket PRIMARY KEY (id);
ALTER TABLE ONLY public.voucher
    ADD CONSTRAINT pk_voucher PRIMARY KEY (id);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT uq_audit_subject_number UNIQUE (subject, number);
ALTER TABLE ONLY public.complaint
    ADD CONSTRAINT uq_complaint_number UNIQUE (number);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT uq_device_lookup UNIQUE (lookup);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT uq_identity_lookup UNIQUE (lookup);
ALTER TABLE ONLY public.push
    ADD CONSTRAINT uq_push_id UNIQUE (id);
ALTER TABLE ONLY public.voucher
    ADD CONSTRAINT uq_voucher_lookup UNIQUE (lookup);
CREATE INDEX ix_access_grant_device_id ON public.access_grant USING btree (device_id);
CREATE INDEX ix_access_grant_due_at ON public.access_grant USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX ix_access_grant_gateway_ends_at ON public.access_grant USING btree (gateway, ends_at);
CREATE INDEX ix_access_grant_person_id ON public.access_grant USING btree (person_id);
CREATE INDEX ix_block_subject ON public.block USING btree (subject);
CREATE INDEX ix_code_message_at ON public.code_message USING btree (at);
CREATE INDEX ix_code_message_challenge_id ON public.code_message USING btree (challenge_id);
CREATE INDEX ix_complaint_delivery_due_at ON public.complaint_delivery USING btree (due_at);
CREATE INDEX ix_complaint_site ON public.complaint USING btree (site);
CREATE INDEX ix_consent_person_id ON public.consent USING btree (person_id);
CREATE INDEX ix_erasure_person_id ON public.erasure USING btree (person_id);
CREATE INDEX ix_legal_hold_person_id ON public.legal_hold USING btree (person_id);
CREATE INDEX ix_oidc_login_door ON public.oidc_login USING btree (door);
CREATE INDEX ix_oidc_login_grant_id ON public.oidc_login USING btree (grant_id);
CREATE INDEX ix_push_ap_number ON public.push USING btree (ap, number);
CREATE INDEX ix_push_run ON public.push USING btree (run);
CREATE INDEX ix_remembered_device_device_id ON public.remembered_device USING btree (device_id);
CREATE INDEX ix_remembered_device_person_id ON public.remembered_device USING btree (person_id);
CREATE INDEX ix_session_classless ON public.session USING btree (device_id) WHERE ((ticket_id)::text = ''::text);
CREATE INDEX ix_session_order_session_id ON public.session_order USING btree (session_id);
CREATE INDEX ix_session_order_state_channel_due_at ON public.session_order USING btree (state, channel, due_at);
CREATE INDEX ix_session_person_id ON public.session USING btree (person_id);
CREATE INDEX ix_session_running ON public.session USING btree (gateway) WHERE (ended_at IS NULL);
CREATE INDEX ix_session_started_at ON public.session USING btree (started_at);
CREATE INDEX ix_ticket_grant_id ON public.ticket USING btree (grant_id);
CREATE INDEX ix_voucher_batch ON public.voucher USING btree (batch);
CREATE UNIQUE INDEX uq_session_order_pending ON public.session_order USING btree (session_id) WHERE ((state)::text = 'pending'::text);
CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_append_only();
ALTER TABLE ONLY public.access_grant
    ADD CONSTRAINT fk_access_grant_device_id FOREIGN KEY (device_id) REFERENCES public.device(id);
ALTER TABLE ONLY public.access_grant
    ADD CONSTRAINT fk_access_grant_person_id FOREIGN KEY (person_id) REFERENCES public.person(id);
ALTER TABLE ONLY public.consent
    ADD CONSTRAINT fk_consent_person_id FOREIGN KEY (person_id) REFERENCES public.person(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT fk_identity_person_id FOREIGN KEY (person_id) REFERENCES public.person(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.member
    ADD CONSTRAINT fk_member_person_id FOREIGN KEY (person_id) REFERENCES public.person(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.push
    ADD CONSTRAINT fk_push_run FOREIGN KEY (run) REFERENCES public.push_run(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.remembered_device
    ADD CONSTRAINT fk_remembered_device_device_id FOREIGN KEY (device_id) REFERENCES public.device(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.remembered_device
    ADD CONSTRAINT fk_remembered_device_person_id FOREIGN KEY (person_id) REFERENCES public.person(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.session_order
    ADD CONSTRAINT fk_session_order_session_id FOREIGN KEY (session_id) REFERENCES public.session(id);
ALTER TABLE ONLY public.ticket
    ADD CONSTRAINT fk_ticket_grant_id FOREIGN KEY (grant_id) REFERENCES public.access_grant(id);
ALTER TABLE ONLY public.voucher
    ADD CONSTRAINT fk_voucher_person_id FOREIGN KEY (person_id) REFERENCES public.person(id);
