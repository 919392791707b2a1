-- Every key begins with account_id, and every statement binds it: an account's rows lie together
-- and can be spread over machines. Identifiers are random and made by the client, so there are no
-- sequences. What changes (mailbox, message) is narrow and apart from what does not (email), and
-- no index has a column that changes, so that updates stay within a page (HOT).

-- +goose Up

-- users is the directory: who can log in, and in which cell the account's mail is. Only the
-- directory's database uses it.
CREATE TABLE users (
	name       text COLLATE "C" PRIMARY KEY,
	account_id bigint NOT NULL UNIQUE,
	secret     bytea NOT NULL,
	cell       text NOT NULL
);

-- shared_key has secrets that all machines are to know.
CREATE TABLE shared_key (
	name   text PRIMARY KEY,
	octets bytea NOT NULL
);

-- account is locked by whoever changes the names of its mailboxes, so that no name is there twice.
CREATE TABLE account (
	account_id    bigint PRIMARY KEY,
	state         smallint NOT NULL DEFAULT 0, -- 0 in use, 1 fenced, 2 moved away, 3 deleted, 4 arriving
	names_seq     bigint NOT NULL DEFAULT 1,   -- one more with each change of names
	last_validity bigint NOT NULL DEFAULT 0,   -- the highest UIDVALIDITY ever used
	epoch         bigint NOT NULL DEFAULT 0,   -- the server's timeline at the last change
	since         timestamptz NOT NULL DEFAULT now() -- when it got its state
);

CREATE TABLE mailbox (
	account_id    bigint NOT NULL,
	mailbox_id    bigint NOT NULL,
	name          text COLLATE "C" NOT NULL,
	uses          text[] NOT NULL,
	uidvalidity   bigint NOT NULL,
	uidnext       bigint NOT NULL,
	modseq        bigint NOT NULL, -- HIGHESTMODSEQ
	epoch         bigint NOT NULL, -- as in account
	state         smallint NOT NULL DEFAULT 0, -- not 0: no change may be made, the account is leaving
	claimed       bigint NOT NULL DEFAULT 1,   -- every UID below was claimed as \Recent
	messages      bigint NOT NULL DEFAULT 0,
	unseen        bigint NOT NULL DEFAULT 0,
	deleted       bigint NOT NULL DEFAULT 0,
	octets        bigint NOT NULL DEFAULT 0,
	changed_since bigint NOT NULL DEFAULT 0, -- changed tells of everything after this mod-sequence
	history_since bigint NOT NULL DEFAULT 0, -- and so does expunged
	history_runs  bigint NOT NULL DEFAULT 0, -- how many rows expunged has of it
	keywords      text[] NOT NULL DEFAULT '{}',
	PRIMARY KEY (account_id, mailbox_id)
) WITH (fillfactor = 50);

CREATE TABLE subscription (
	account_id bigint NOT NULL,
	name       text COLLATE "C" NOT NULL,
	PRIMARY KEY (account_id, name)
);

-- message is a mailbox.Row: numbers are those of the Go types, as two's complement.
CREATE TABLE message (
	account_id bigint NOT NULL,
	mailbox_id bigint NOT NULL,
	uid        bigint NOT NULL,
	modseq     bigint NOT NULL,
	flags      bigint NOT NULL,
	size       bigint NOT NULL,
	date       bigint NOT NULL,
	saved      bigint NOT NULL,
	ref        bigint NOT NULL,
	far        bytea, -- keywords for which flags has no bit
	PRIMARY KEY (account_id, mailbox_id, uid)
) WITH (fillfactor = 80);

-- email is what messages refer to and what never changes. Exactly one of blob and body is there.
CREATE TABLE email (
	account_id bigint NOT NULL,
	ref        bigint NOT NULL,
	email_id   bigint NOT NULL,
	thread_id  bigint NOT NULL,
	size       bigint NOT NULL,
	sum        bytea NOT NULL, -- SHA-256 of the body
	blob       text,           -- the body's key in the object store
	body       bytea,
	summary    bytea,
	PRIMARY KEY (account_id, ref)
);
CREATE INDEX email_blob ON email (account_id, blob) WHERE blob IS NOT NULL;
ALTER TABLE email ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN summary SET STORAGE MAIN;

-- changed tells which messages a change of flags has touched, in a few runs of UIDs that may be
-- wider than that: an index to message.modseq that costs one row for any number of messages.
CREATE TABLE changed (
	account_id bigint NOT NULL,
	mailbox_id bigint NOT NULL,
	modseq     bigint NOT NULL,
	first_uid  bigint NOT NULL,
	last_uid   bigint NOT NULL,
	PRIMARY KEY (account_id, mailbox_id, modseq, first_uid)
);

-- expunged tells which messages were removed, exactly.
CREATE TABLE expunged (
	account_id bigint NOT NULL,
	mailbox_id bigint NOT NULL,
	modseq     bigint NOT NULL,
	first_uid  bigint NOT NULL,
	last_uid   bigint NOT NULL,
	PRIMARY KEY (account_id, mailbox_id, modseq, first_uid)
);

-- done has a row for each transaction, so that whoever lost the connection while it was committed
-- can find out whether it was.
CREATE TABLE done (
	account_id bigint NOT NULL,
	commit_id  bigint NOT NULL,
	at         timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (account_id, commit_id)
);

-- trash names emails to which a message has ceased to refer. When the time has come, and no other
-- message does, the email is removed, then its object, then this.
CREATE TABLE trash (
	account_id bigint NOT NULL,
	ref        bigint NOT NULL,
	at         timestamptz NOT NULL DEFAULT now(),
	blob       text, -- the object that is to be removed: the email is gone
	PRIMARY KEY (account_id, ref)
);
CREATE INDEX trash_at ON trash (at);

-- task has a row for each work that one machine at a time is to do, now and then.
CREATE TABLE task (
	name text PRIMARY KEY,
	at   timestamptz NOT NULL, -- when it was last begun
	mark bigint NOT NULL       -- how far it has come
);

-- +goose Down
DROP TABLE shared_key, task, trash, done, expunged, changed, email, message, subscription, mailbox, account, users;
