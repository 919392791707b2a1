package imapserver

import (
	"sync"
	"time"
)

// flushAt is how many octets of output are gathered before they are written.
const flushAt = 64 << 10

// smallBuffers holds output buffers of connections that are not idle.
var smallBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// largeBuffers holds output buffers that have grown.
var largeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, flushAt+16<<10); return &b }}

// flush writes what has been gathered. The write time-out is for each writeSlice, so that a long
// answer may take longer over a slow line.
func (c *conn) flush() error {
	if c.writeErr != nil {
		return c.writeErr
	}
	if len(c.out) == 0 {
		return nil
	}
	c.flushes++
	c.endTurn()
	for rest := c.out; len(rest) > 0 && c.writeErr == nil; {
		n := min(len(rest), writeSlice)
		c.nc.SetWriteDeadline(time.Now().Add(c.s.limits.WriteTimeout))
		_, c.writeErr = c.nc.Write(rest[:n])
		rest = rest[n:]
	}
	c.out = c.out[:0]
	return c.writeErr
}

// room makes sure that what a command appends does not pile up: it writes when there is much.
func (c *conn) room() error {
	if len(c.out) < flushAt {
		return nil
	}
	return c.flush()
}

// acquire gives the connection an output buffer.
func (c *conn) acquire(big bool) {
	if c.out == nil {
		pool := &smallBuffers
		if big {
			pool = &largeBuffers
		}
		c.out = (*pool.Get().(*[]byte))[:0]
	}
}

// release gives the output buffer back while there is nothing in it.
func (c *conn) release() {
	if c.out == nil || len(c.out) > 0 {
		return
	}
	b := c.out
	c.out = nil
	switch {
	case cap(b) >= flushAt && cap(b) <= 4*flushAt:
		largeBuffers.Put(&b)
	case cap(b) < flushAt:
		smallBuffers.Put(&b)
	}
}
