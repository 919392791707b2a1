package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/query"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
)

func newSearch() *cobra.Command {
	var c accountFlags
	var limit int
	var onlyUIDs bool
	cmd := &cobra.Command{
		Use:     "search MAILBOX WORDS...",
		GroupID: cli.GroupClient,
		Short:   "Search messages on the server",
		Long: `Search a mailbox, or all whose names match a pattern such as "*" or "Lists/*".
Messages that match all of the words are listed as by 'restante list'. The server
searches; only what is shown is downloaded.

  word             anywhere in the message      "two words"      as a phrase
  from:ann         sender                       to:bob  cc:bob   recipients
  subject:lunch    subject                      body:lunch       text without headers
  since:2026-01-31 received then or later       before:  on:     likewise
  larger:1M        size, in octets, k, M or G   smaller:100k     likewise
  is:unread        also read, flagged, answered, deleted, draft
  keyword:work     with a keyword of your own   -word, -is:read  what does not match

` + marksHelp + "\n\n" + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante search INBOX from:bob invoice
  restante search '*' subject:"annual report" since:2026-01-01 -is:deleted
  restante search INBOX is:unread larger:5M --all
  restante search INBOX from:newsletter --uids | restante move INBOX - Archive`,
		Args: cli.AtLeast(2),
	}
	c.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 0, "at most this `NUMBER` of messages of each mailbox, the newest (default all)")
	cmd.Flags().BoolVar(&onlyUIDs, "uids", false, "print only the UIDs, one a line")
	cli.AllowDashArgs(cmd, func(cmd *cobra.Command, args []string) error {
		key, warnings, err := query.Parse(args[1:])
		if err != nil {
			return cli.UsageError{Err: err}
		}
		if limit < 0 {
			return cli.Usagef("--limit cannot be negative")
		}
		for _, w := range warnings {
			fmt.Fprintf(cmd.ErrOrStderr(), "restante: warning: %s\n", w)
		}
		q := searchOptions{pattern: args[0], key: key, limit: limit, onlyUIDs: onlyUIDs}
		if !onlyUIDs || c.json {
			return c.forEachAccount(cmd, func(ctx context.Context, s *session) error { return s.search(ctx, q) })
		}
		if q.many() {
			return cli.Usagef("--uids is for one mailbox; --json tells mailbox and UID")
		}
		return c.forOneAccount(cmd, "--uids is for one account", func(ctx context.Context, s *session) error { return s.search(ctx, q) })
	})
	return cmd
}

// searchOptions is what to search for.
type searchOptions struct {
	pattern  string
	key      imap.SearchKey
	limit    int // 0: all
	onlyUIDs bool
}

// many reports whether several mailboxes are searched.
func (q searchOptions) many() bool { return strings.ContainsAny(q.pattern, "*%") }

// search prints the messages of one account that match.
func (s *session) search(ctx context.Context, q searchOptions) error {
	names := []string{q.pattern}
	if q.many() {
		boxes, err := s.mailboxes(ctx, q.pattern, imap.StatusMessages)
		if err != nil {
			return err
		}
		if len(boxes) == 0 && !q.onlyUIDs {
			return s.out.Printf("no mailbox matches %q", q.pattern)
		}
		names = names[:0]
		for _, m := range boxes {
			if selectable(m) && (m.Status == nil || m.Status.Messages > 0) {
				names = append(names, m.Name)
			}
		}
	}
	var failed error
	found := 0
	for _, name := range names {
		mb, err := s.examine(ctx, name)
		if err == nil {
			err = s.searchMailbox(ctx, mb, q, &found)
		}
		if err != nil && !q.many() || ctx.Err() != nil {
			return err
		}
		if err != nil { // the others may be all right
			fmt.Fprintf(s.stderr, "%s: %s\n", terminal.Clean(name), terminal.Clean(err.Error()))
			failed = fmt.Errorf("not all mailboxes could be searched")
		}
	}
	if found == 0 && failed == nil && !q.onlyUIDs {
		return s.out.Printf("nothing found")
	}
	return failed
}

// searchPage is how many messages are fetched and printed at a time.
const searchPage = 200

func (s *session) searchMailbox(ctx context.Context, mb *imapclient.Mailbox, q searchOptions, found *int) error {
	if mb.Len() == 0 {
		return nil
	}
	uids, err := mb.Search(ctx, q.key)
	if err != nil {
		return err
	}
	if q.limit > 0 {
		uids = newestOf(uids, q.limit)
	}
	if q.onlyUIDs {
		return s.printUIDs(s.shownName(mb.Name()), uids)
	}
	for !uids.Empty() {
		newest := newestOf(uids, searchPage)
		uids = uids.Minus(newest)
		var list []messageJSON
		for m, err := range mb.Fetch(ctx, newest, summaryItems...) {
			if err != nil {
				return err
			}
			list = append(list, newMessageJSON(s.account, s.shownName(mb.Name()), m))
		}
		newestFirst(list)
		if err := s.printMessages(list, q.many(), *found == 0); err != nil {
			return err
		}
		*found += len(list)
	}
	return nil
}

// uidJSON is one message by its UID alone.
type uidJSON struct {
	Account string   `json:"account,omitempty"`
	Mailbox string   `json:"mailbox"`
	UID     imap.UID `json:"uid"`
}

// printUIDs prints UIDs, the newest first.
func (s *session) printUIDs(mailbox string, uids imap.UIDSet) error {
	all := slices.Collect(uids.Backward())
	for _, uid := range all {
		if err := errors.Join(s.out.PrintJSON(uidJSON{s.account, mailbox, uid}), s.out.Printf("%d", uid)); err != nil {
			return err
		}
	}
	return nil
}
