package imapserver

// hears reports whether the client wants an extension to tell what has changed outside of the selected
// mailbox.
func (c *conn) hears(x *extension) bool {
	if x.tells != nil {
		return x.tells(c)
	}
	return c.enabled.has(x.enables)
}

// tells reports whether the client wants to hear of more than the selected mailbox.
func (c *conn) tells() bool {
	for _, x := range c.s.features.tellers {
		if c.hears(x) {
			return true
		}
	}
	return false
}

// tell has extensions tell what has changed outside of the selected mailbox.
func (c *conn) tell() error {
	for _, x := range c.s.features.tellers {
		if !c.hears(x) {
			continue
		}
		if err := x.tell(c); err != nil {
			return err
		}
	}
	return nil
}

// bells are those that ring for what the client is told at any time. With nothing selected, and no
// extension that tells more, all that can be heard is that the account is gone.
func (c *conn) bells() (bells []<-chan struct{}) {
	if c.sel != nil {
		bells = append(bells, c.sel.box.Bell())
	}
	if c.sel == nil || c.tells() {
		bells = append(bells, c.account.Bell())
	}
	return bells
}
