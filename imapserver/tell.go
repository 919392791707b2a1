package imapserver

// tells reports whether the client has enabled an extension that tells of what changes outside of the
// selected mailbox.
func (c *conn) tells() bool {
	for _, x := range c.s.features.tellers {
		if c.enabled.has(x.enables) {
			return true
		}
	}
	return false
}

// tell has the extensions that the client has enabled tell what has changed outside of the selected
// mailbox.
func (c *conn) tell() error {
	for _, x := range c.s.features.tellers {
		if !c.enabled.has(x.enables) {
			continue
		}
		if err := x.tell(c); err != nil {
			return err
		}
	}
	return nil
}
