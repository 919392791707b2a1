-- +goose Up

-- quota has the limits of an account by resource (RFC 9208), NULL when there are none. What an account
-- uses is the sum of its mailboxes. Who adds to an account that has limits locks its row.
ALTER TABLE account ADD COLUMN quota jsonb;

-- +goose Down
ALTER TABLE account DROP COLUMN quota;
