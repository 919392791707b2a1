package imapserver

import (
	"slices"

	"restante/imapwire"
)

// optionNamed returns the option of that name, nil when the command does not have it. Options,
// parameters and modifiers are one kind of thing (RFC 4466 §2).
func optionNamed(options []imapwire.Option, name string) imapwire.Option {
	for _, o := range options {
		if o.Name() == name {
			return o
		}
	}
	return nil
}

// isGiven reports whether a command has the option of a row: it says so itself, or the option is among
// those that the command has besides its fields.
func isGiven[C imapwire.Command](given func(C) bool, cmd C, options []imapwire.Option, name string) bool {
	if given != nil {
		return given(cmd)
	}
	return optionNamed(options, name) != nil
}

// checkOptions refuses options that no row serves: the grammar knows what clients can send, which is
// more than what a server offers. nameOf returns the name of the option that a row is for.
func checkOptions[R any](cmd imapwire.Command, options []imapwire.Option, rows []R, nameOf func(*R) string) error {
	for _, o := range options {
		if !slices.ContainsFunc(rows, func(row R) bool { return nameOf(&row) == o.Name() }) {
			return noOption(cmd, o)
		}
	}
	return nil
}

func noOption(cmd imapwire.Command, o imapwire.Option) error {
	return bad("%s has no option %s here", cmd.Name(), printable(o.Name()))
}
