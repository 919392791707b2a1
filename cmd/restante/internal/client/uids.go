package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/terminal"
	"restante/imap"
	"restante/imapclient"
)

const uidsHelp = `UIDS are those that list and search print: one, several like 3,7 or 10:20, or "-"
to read them from standard input.`

// parseUIDs reads the UIDS of a command line; "-" is standard input, a set on each line.
func parseUIDs(arg string, stdin io.Reader) (imap.UIDSet, error) {
	if arg != "-" {
		set, err := imap.ParseUIDSet(arg)
		if err != nil {
			return set, cli.Usagef("%q are no UIDs: write 7, or 3,7, or 10:20, or - for standard input", arg)
		}
		return set, nil
	}
	var all imap.UIDSet
	lines := bufio.NewScanner(stdin)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		set, err := imap.ParseUIDSet(line)
		if err != nil {
			return all, cli.Usagef("line %d of standard input is no UID: %q", n, terminal.Clean(line))
		}
		all = all.Union(set)
	}
	return all, lines.Err()
}

// existing returns those of the UIDs that messages of the mailbox have. Those that are missing are
// told about; when all are it is an error.
func (s *session) existing(ctx context.Context, mb *imapclient.Mailbox, uids imap.UIDSet) (imap.UIDSet, error) {
	if uids.Empty() || mb.Len() == 0 {
		return imap.UIDSet{}, noMessages(mb, uids)
	}
	found, err := mb.Search(ctx, imap.InSet(uids))
	if err != nil {
		return found, err
	}
	if found.Empty() {
		return found, noMessages(mb, uids)
	}
	if !uids.Dynamic() && listsEveryUID(uids) {
		if missing := uids.Minus(found); !missing.Empty() {
			fmt.Fprintf(s.stderr, "no message in %s has UID %s\n", terminal.Clean(mb.Name()), missing)
		}
	}
	return found, nil
}

// listsEveryUID reports whether every UID was named: in a range there may be gaps.
func listsEveryUID(uids imap.UIDSet) bool {
	for _, r := range uids.Ranges() {
		if r.Last-r.First > 1 {
			return false
		}
	}
	return true
}

func noMessages(mb *imapclient.Mailbox, uids imap.UIDSet) error {
	if uids.Empty() {
		return fmt.Errorf("no UIDs were given, so nothing is done")
	}
	return fmt.Errorf("no message in %s has UID %s; 'restante list' shows those there are", terminal.Clean(mb.Name()), uids)
}
