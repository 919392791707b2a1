-- +goose Up

-- metadata has the entries of RFC 5464. They change with the names: account.names_seq counts both.
CREATE TABLE metadata (
	account_id bigint NOT NULL,
	mailbox_id bigint NOT NULL, -- 0 for the account itself
	name       text COLLATE "C" NOT NULL,
	value      bytea NOT NULL,
	PRIMARY KEY (account_id, mailbox_id, name)
);
ALTER TABLE metadata ALTER COLUMN value SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE metadata;
