package client

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/imap"
)

func newLs() *cobra.Command {
	var c accountFlags
	cmd := &cobra.Command{
		Use:     "ls [PATTERN]",
		GroupID: cli.GroupClient,
		Short:   "List mailboxes, with how much is in them",
		Long: `List mailboxes with their messages, those that are unseen, their size where the
server tells it, and what they are for: by the configuration, by what the server
tells, or by their names. In PATTERN, "*" stands for anything and "%" for anything
within one level.

` + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante ls
  restante ls 'Lists/*' --account home
  restante ls --all --json
  restante ls --server imaps://ann@imap.example.org`,
		Args: cli.AtMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern := "*"
			if len(args) > 0 {
				pattern = args[0]
			}
			return c.forEachAccount(cmd, func(ctx context.Context, s *session) error { return s.ls(ctx, pattern) })
		},
	}
	c.add(cmd)
	return cmd
}

// mailboxJSON is a mailbox as --json prints it. What the server does not tell is left out.
type mailboxJSON struct {
	Account    string             `json:"account,omitempty"`
	Mailbox    string             `json:"mailbox"`
	Messages   *uint32            `json:"messages,omitempty"`
	Unseen     *uint32            `json:"unseen,omitempty"`
	Size       *int64             `json:"size,omitempty"`
	SpecialUse []imap.MailboxAttr `json:"special_use,omitempty"`
	Subscribed bool               `json:"subscribed"`
	Selectable bool               `json:"selectable"`
}

// ls prints the mailboxes of one account.
func (s *session) ls(ctx context.Context, pattern string) error {
	boxes, err := s.mailboxes(ctx, pattern, imap.StatusMessages|imap.StatusUnseen|imap.StatusSize)
	if err != nil {
		return err
	}
	all := boxes
	if pattern != "*" { // which of several is the trash, the others tell
		if all, err = s.mailboxes(ctx, "*", 0); err != nil {
			return err
		}
	}
	roles := s.roles(all)
	var rows [][]string
	for _, m := range boxes {
		j := mailboxJSON{Account: s.account, Mailbox: m.Name, SpecialUse: rolesOf(m, roles), Subscribed: m.Subscribed, Selectable: selectable(m)}
		messages, unseen, size := "", "", ""
		if st := m.Status; st != nil {
			if st.Items.Has(imap.StatusMessages) {
				j.Messages, messages = &st.Messages, strconv.FormatUint(uint64(st.Messages), 10)
			}
			if st.Items.Has(imap.StatusUnseen) {
				j.Unseen, unseen = &st.Unseen, strconv.FormatUint(uint64(st.Unseen), 10)
			}
			if st.Items.Has(imap.StatusSize) {
				j.Size, size = &st.Size, output.Size(st.Size)
			}
		}
		if err := s.out.PrintJSON(j); err != nil {
			return err
		}
		rows = append(rows, []string{m.Name, messages, unseen, size, useNames(j)})
	}
	if s.out.JSON {
		return nil
	}
	if len(rows) == 0 {
		return s.out.Printf("no mailbox matches %q", pattern)
	}
	return s.out.Table([]output.Column{{Title: "MAILBOX", Stretch: true}, {Title: "MESSAGES", Right: true},
		{Title: "UNSEEN", Right: true}, {Title: "SIZE", Right: true}, {Title: "FOR"}}, true, rows)
}

var specialUse = []imap.MailboxAttr{imap.AttrAll, imap.AttrArchive, imap.AttrDrafts, imap.AttrFlagged, imap.AttrJunk, imap.AttrSent, imap.AttrTrash}

// specialUses returns what a mailbox is for (RFC 6154 §2).
func specialUses(m *imap.MailboxInfo) (uses []imap.MailboxAttr) {
	for _, a := range specialUse {
		if m.HasAttr(a) {
			uses = append(uses, a)
		}
	}
	return uses
}

// rolesOf returns what a mailbox is for: as far as roles tells, that wins.
func rolesOf(m *imap.MailboxInfo, roles map[imap.MailboxAttr]string) (uses []imap.MailboxAttr) {
	for _, a := range specialUse {
		if name, ok := roles[a]; ok && name == m.Name || !ok && m.HasAttr(a) {
			uses = append(uses, a)
		}
	}
	return uses
}

func useNames(m mailboxJSON) string {
	var names []string
	for _, a := range m.SpecialUse {
		names = append(names, strings.ToLower(strings.TrimPrefix(string(a), `\`)))
	}
	if !m.Selectable {
		names = append(names, "folder only")
	}
	return strings.Join(names, ", ")
}
