package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"restante/mailbox"
	"restante/store"
)

const selectMetadata = `SELECT mailbox_id, name, value FROM metadata WHERE account_id = $1`

// metadataRows are rows of the table metadata.
type metadataRows []mailbox.MetadataChange

func (m *metadataRows) scan(rows pgx.Rows) error {
	var id int64
	var name string
	var value []byte
	_, err := pgx.ForEachRow(rows, []any{&id, &name, &value}, func() error {
		*m = append(*m, mailbox.MetadataChange{ID: mailbox.ID(id), Metadata: mailbox.Metadata{Name: name, Value: string(value)}})
		return nil
	})
	return err
}

func (m metadataRows) all(yield func(mailbox.ID, mailbox.Metadata) bool) {
	for _, row := range m {
		if !yield(row.ID, row.Metadata) {
			return
		}
	}
}

// write queues statements that make the rows in the table what the changes say.
func (m metadataRows) write(b *pgx.Batch, account store.AccountID) {
	var goneIDs, ids []int64
	var goneNames, names []string
	var values [][]byte
	for _, x := range m {
		if x.Removed {
			goneIDs, goneNames = append(goneIDs, int64(x.ID)), append(goneNames, x.Name)
		} else {
			ids, names, values = append(ids, int64(x.ID)), append(names, x.Name), append(values, []byte(x.Value))
		}
	}
	if len(goneIDs) > 0 {
		b.Queue(`DELETE FROM metadata m USING unnest($2::bigint[], $3::text[]) AS u (id, name)
			WHERE m.account_id = $1 AND m.mailbox_id = u.id AND m.name = u.name`, int64(account), goneIDs, goneNames)
	}
	if len(ids) > 0 {
		b.Queue(`INSERT INTO metadata (account_id, mailbox_id, name, value) SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bytea[])
			ON CONFLICT (account_id, mailbox_id, name) DO UPDATE SET value = excluded.value`, int64(account), ids, names, values)
	}
}

// setMetadata changes entries of a mailbox or of the account.
func (d *draft) setMetadata(ctx context.Context, op *store.SetMetadata) error {
	return d.rename(ctx, op.Mailbox.Account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) {
		return n.SetMetadata(op.Mailbox.Mailbox, op.Set, op.Remove)
	})
}

// metadata checks that the entries of an account are such as can be, of mailboxes that there are.
func (c *checker) metadata(ctx context.Context, cell *cell, conn *pgx.Conn, id int64) error {
	rows, err := conn.Query(ctx, `SELECT t.mailbox_id, t.name, t.mailbox_id = 0 OR m.mailbox_id IS NOT NULL FROM metadata t
		LEFT JOIN mailbox m ON m.account_id = t.account_id AND m.mailbox_id = t.mailbox_id WHERE t.account_id = $1`, id)
	if err != nil {
		return err
	}
	var box int64
	var name string
	var there bool
	_, err = pgx.ForEachRow(rows, []any{&box, &name, &there}, func() error {
		if !there {
			c.problem(cell, id, "the metadata entry %q is of mailbox %d, which does not exist", name, box)
		}
		if err := mailbox.CheckEntry(name); err != nil {
			c.problem(cell, id, "mailbox %d: %q: %v", box, name, err)
		}
		return nil
	})
	return err
}
