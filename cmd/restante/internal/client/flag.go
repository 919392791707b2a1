package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/output"
	"restante/cmd/restante/internal/query"
	"restante/imap"
)

func newFlag() *cobra.Command {
	var c accountFlags
	cmd := &cobra.Command{
		Use:     "flag MAILBOX UIDS CHANGES...",
		GroupID: cli.GroupClient,
		Short:   "Set and remove flags of messages",
		Long: `Set and remove flags. A change is "+" and a flag to set, "-" and a flag to remove, or
"=" and all the flags to have, with commas between; "=" alone removes all.

Flags are seen, flagged, answered, forwarded, deleted, draft, junk, notjunk, and
keywords of your own.

` + uidsHelp + "\n\n" + namesHelp + "\n\n" + accountsHelp,
		Example: `  restante flag INBOX 17 +seen -flagged
  restante flag INBOX 10:20 =seen,work
  restante search INBOX from:list --uids | restante flag INBOX - +seen`,
		Args: cli.AtLeast(3),
	}
	c.add(cmd)
	cli.AllowDashArgs(cmd, func(cmd *cobra.Command, args []string) error {
		changes, err := parseChanges(args[2:])
		if err != nil {
			return cli.UsageError{Err: err}
		}
		uids, err := parseUIDs(args[1], cmd.InOrStdin())
		if err != nil {
			return err
		}
		return c.forUIDs(cmd, uids, func(ctx context.Context, s *session) error { return s.flag(ctx, args[0], uids, changes) })
	})
	return cmd
}

// flagChange is one STORE.
type flagChange struct {
	op    imap.StoreOp
	flags []imap.Flag
}

// parseChanges reads "+seen", "-flagged" and "=seen,draft", and puts those of a kind together.
func parseChanges(args []string) ([]flagChange, error) {
	var set, add, remove []imap.Flag
	replace := false
	for _, arg := range args {
		if arg == "" || !strings.Contains("+-=", arg[:1]) {
			return nil, fmt.Errorf("%q is no change of flags: write +seen, -flagged or =seen,draft", arg)
		}
		var flags []imap.Flag
		for _, name := range strings.Split(arg[1:], ",") {
			if name == "" && arg == "=" {
				continue
			}
			f, err := query.ParseFlag(name)
			if err != nil {
				return nil, err
			}
			flags = append(flags, f)
		}
		switch arg[0] {
		case '+':
			add = append(add, flags...)
		case '-':
			remove = append(remove, flags...)
		case '=':
			set, replace = append(set, flags...), true
		}
	}
	if replace && len(add)+len(remove) > 0 {
		return nil, errors.New("\"=\" says all the flags to have, so \"+\" and \"-\" do not go with it")
	}
	if i := slices.IndexFunc(add, func(f imap.Flag) bool { return slices.ContainsFunc(remove, f.Equal) }); i >= 0 {
		return nil, fmt.Errorf("%s is both to be set and to be removed", add[i])
	}
	var changes []flagChange
	if replace {
		changes = append(changes, flagChange{imap.StoreSet, set})
	}
	if len(add) > 0 {
		changes = append(changes, flagChange{imap.StoreAdd, add})
	}
	if len(remove) > 0 {
		changes = append(changes, flagChange{imap.StoreRemove, remove})
	}
	return changes, nil
}

// changedJSON is a message whose flags were changed.
type changedJSON struct {
	uidJSON
	Added   []imap.Flag `json:"added,omitempty"`
	Removed []imap.Flag `json:"removed,omitempty"`
	Set     []imap.Flag `json:"set,omitzero"`
}

// flag changes the flags of messages.
func (s *session) flag(ctx context.Context, name string, uids namedUIDs, changes []flagChange) error {
	mb, err := s.open(ctx, name)
	if err != nil {
		return err
	}
	found, err := s.existing(ctx, mb, uids)
	if err != nil {
		return err
	}
	var j changedJSON
	for _, ch := range changes {
		if err := mb.Store(ctx, found, ch.op, ch.flags...); err != nil {
			return err
		}
		switch ch.op {
		case imap.StoreAdd:
			j.Added = ch.flags
		case imap.StoreRemove:
			j.Removed = ch.flags
		case imap.StoreSet:
			j.Set = append([]imap.Flag{}, ch.flags...)
		}
	}
	if s.out.JSON {
		for uid := range found.All() {
			j.uidJSON = uidJSON{s.account, s.shownName(mb.Name()), uid}
			if err := s.out.PrintJSON(j); err != nil {
				return err
			}
		}
	}
	return s.out.Printf("%s changed", output.Plural(found.Len(), "message"))
}
