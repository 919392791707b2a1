package client

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/imap"
	"restante/imapclient"
)

func newList() *cobra.Command {
	var c accountFlags
	var limit int
	var before uint32
	cmd := &cobra.Command{
		Use:     "list MAILBOX",
		GroupID: cli.GroupClient,
		Short:   "List the newest messages of a mailbox",
		Long: `List a page of messages, the newest first, by what the server knows of them: no
message is downloaded for it.

` + marksHelp + "\n\n" + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante list INBOX
  restante list INBOX --limit 50
  restante list INBOX --before 4711     the page that ends before UID 4711
  restante list INBOX --all             of all accounts
  restante list INBOX --json | jq -r 'select(.attachments) | .subject'`,
		Args: cli.Exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return cli.Usagef("--limit must be at least 1")
			}
			return c.forEachAccount(cmd, func(ctx context.Context, s *session) error {
				return s.list(ctx, args[0], limit, imap.UID(before))
			})
		},
	}
	c.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 20, "`NUMBER` of messages")
	cmd.Flags().Uint32Var(&before, "before", 0, "only messages with a `UID` below this one")
	return cmd
}

// list prints a page of a mailbox.
func (s *session) list(ctx context.Context, name string, limit int, before imap.UID) error {
	mb, err := s.examine(ctx, name)
	if err != nil {
		return err
	}
	set, rest, err := page(ctx, mb, limit, before)
	if err != nil {
		return err
	}
	var list []messageJSON
	if set != nil {
		for m, err := range mb.Fetch(ctx, set, summaryItems...) {
			if err != nil {
				return err
			}
			list = append(list, newMessageJSON(s.account, s.shownName(mb.Name()), m))
		}
	}
	newestFirst(list)
	if len(list) == 0 {
		return s.out.Printf("no messages in %s", name)
	}
	if err := s.printMessages(list, false, true); err != nil {
		return err
	}
	if rest > 0 && s.out.Width > 0 {
		return s.out.Printf("%s more; go on with --before %d", output.Plural(rest, "message"), list[len(list)-1].UID)
	}
	return nil
}

// page returns the set of the messages to show, nil when there are none, and how many are older.
func page(ctx context.Context, mb *imapclient.Mailbox, limit int, before imap.UID) (set imap.NumSet, rest int, err error) {
	n := mb.Len()
	if n == 0 || before == 1 {
		return nil, 0, nil
	}
	if before == 0 {
		first := max(1, n-limit+1)
		return imap.SeqRange(imap.SeqNum(first), imap.SeqNum(n)), first - 1, nil
	}
	uids, err := mb.Search(ctx, imap.InSet(imap.UIDRange(1, before-1)))
	if err != nil || uids.Empty() {
		return nil, 0, err
	}
	newest := newestOf(uids, limit)
	return newest, uids.Len() - newest.Len(), nil
}

// newestOf returns the n highest UIDs.
func newestOf(uids imap.UIDSet, n int) (newest imap.UIDSet) {
	ranges := uids.Ranges()
	for i := len(ranges) - 1; i >= 0 && n > 0; i-- {
		first, last := ranges[i].First, ranges[i].Last
		if int64(last)-int64(first) >= int64(n) {
			first = last - imap.UID(n) + 1
		}
		newest.AddRange(first, last)
		n -= int(last-first) + 1
	}
	return newest
}

func newestFirst(list []messageJSON) {
	slices.SortFunc(list, func(a, b messageJSON) int { return cmp.Compare(b.UID, a.UID) })
}
