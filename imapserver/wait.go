package imapserver

// wait returns when the client has sent something: the first octets of its next command, or of the line
// that ends IDLE. Until then tell is called whenever one of the bells rings, and what it writes is sent.
// It is the one place where a connection has a second goroutine for what it reads: that one waits for
// octets and does nothing else. Its errors are those of the connection, and of tell.
func (c *conn) wait(tell func() error, bells ...<-chan struct{}) error {
	if c.r.Buffered() > 0 {
		return nil
	}
	var bell, other <-chan struct{}
	if len(bells) > 0 {
		bell = bells[0]
	}
	if len(bells) > 1 {
		other = bells[1]
	}
	arrived := make(chan error, 1)
	go func() { arrived <- c.r.Wait() }()
	for {
		select {
		case err := <-arrived:
			return err
		case <-bell:
		case <-other:
		}
		err := tell()
		if err == nil {
			err = c.flush()
		}
		if err != nil {
			c.stopReading()
			<-arrived
			return err
		}
		c.endTurn() // when nothing was written
		c.release()
	}
}
