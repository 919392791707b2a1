package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"restante/imap"
	"restante/imapclient"
)

func newSearch() *cobra.Command {
	var c clientFlags
	var limit int
	var onlyUIDs bool
	cmd := &cobra.Command{
		Use:     "search MAILBOX WORDS...",
		GroupID: "client",
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

` + marksHelp + "\n\n" + accountsHelp,
		Example: `  restante search INBOX from:bob invoice
  restante search '*' subject:"annual report" since:2026-01-01 -is:deleted
  restante search INBOX is:unread larger:5M --all
  restante search INBOX from:newsletter --uids | restante move INBOX - Archive`,
		Args: atLeast(2),
	}
	c.add(cmd)
	cmd.Flags().IntVar(&limit, "limit", 0, "at most this `NUMBER` of messages of each mailbox, the newest (default all)")
	cmd.Flags().BoolVar(&onlyUIDs, "uids", false, "print only the UIDs, one a line")
	dashWords(cmd, func(cmd *cobra.Command, args []string) error {
		key, err := parseQuery(args[1:])
		if err != nil {
			return usageError{err}
		}
		if limit < 0 {
			return usageError{errors.New("--limit cannot be negative")}
		}
		q := query{pattern: args[0], key: key, limit: limit, onlyUIDs: onlyUIDs}
		if !onlyUIDs || c.json {
			return c.each(cmd, func(ctx context.Context, s *session) error { return s.search(ctx, q) })
		}
		if q.many() {
			return usageError{errors.New("--uids is for one mailbox; --json tells mailbox and UID")}
		}
		return c.one(cmd, "--uids is for one account", func(ctx context.Context, s *session) error { return s.search(ctx, q) })
	})
	return cmd
}

// dashWords makes a command take arguments that start with a single "-" as words, not as flags: a
// client command has no flags of one letter. What follows "--" is words in any case.
func dashWords(cmd *cobra.Command, run func(cmd *cobra.Command, args []string) error) {
	check := cmd.Args
	cmd.Args = nil
	cmd.DisableFlagParsing = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var words, flags []string
		for i, a := range args {
			if a == "--" {
				words = append(words, args[i+1:]...)
				break
			}
			// A value of a flag of its own argument is before the words in flags, as it was.
			if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && a != "-h" {
				a = dashed + a
			}
			flags = append(flags, a)
		}
		cmd.DisableFlagParsing = false
		if err := cmd.ParseFlags(flags); err != nil {
			return cmd.FlagErrorFunc()(cmd, err)
		}
		if help, _ := cmd.Flags().GetBool("help"); help {
			return cmd.Help()
		}
		rest := cmd.Flags().Args()
		for i, a := range rest {
			rest[i] = strings.TrimPrefix(a, dashed)
		}
		rest = append(rest, words...)
		if err := check(cmd, rest); err != nil {
			return err
		}
		return run(cmd, rest)
	}
}

// dashed stands before an argument that starts with a dash while flags are parsed. No argument of a
// process can hold it.
const dashed = "\x00"

// query is what to search for.
type query struct {
	pattern  string
	key      imap.SearchKey
	limit    int // 0: all
	onlyUIDs bool
}

// many reports whether several mailboxes are searched.
func (q query) many() bool { return strings.ContainsAny(q.pattern, "*%") }

// search prints the messages of one account that match.
func (s *session) search(ctx context.Context, q query) error {
	names := []string{q.pattern}
	if q.many() {
		boxes, err := s.mailboxes(ctx, q.pattern, imap.StatusMessages)
		if err != nil {
			return err
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
			fmt.Fprintf(s.stderr, "%s: %s\n", clean(name), clean(err.Error()))
			failed = fmt.Errorf("not all mailboxes could be searched")
		}
	}
	if found == 0 && failed == nil && !q.onlyUIDs {
		return s.out.printf("nothing found")
	}
	return failed
}

// searchPage is how many messages are fetched and printed at a time.
const searchPage = 200

func (s *session) searchMailbox(ctx context.Context, mb *imapclient.Mailbox, q query, found *int) error {
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
		return s.printUIDs(mb.Name(), uids)
	}
	for !uids.Empty() {
		newest := newestOf(uids, searchPage)
		uids = uids.Minus(newest)
		var list []messageJSON
		for m, err := range mb.Fetch(ctx, newest, summaryItems...) {
			if err != nil {
				return err
			}
			list = append(list, newMessageJSON(s.account, mb.Name(), m))
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
		if err := errors.Join(s.out.object(uidJSON{s.account, mailbox, uid}), s.out.printf("%d", uid)); err != nil {
			return err
		}
	}
	return nil
}
