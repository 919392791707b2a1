// Package client is the commands that work with mail on any IMAP server, a file for each. They run on
// one account or on several at once: see session.go.
package client

import "github.com/spf13/cobra"

// Commands returns the commands that work with mail.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		newLs(), newMkdir(), newRmdir(), newRename(),
		newList(), newSearch(), newShow(),
		newFlag(), newMove(), newCopy(), newRm(), newAppend(),
	}
}
