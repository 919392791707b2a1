package lmtp

import (
	"crypto/tls"
	"net"
	"strings"
	"time"
)

// trace returns the fields that final delivery puts before a message: Return-Path and Received
// (RFC 5321 §4.4), and for a single recipient Delivered-To, by which filters know the address that
// was used. Several recipients share the message: it could tell one of them of another's blind copy
// (RFC 5321 §7.2).
func (c *conn) trace(id string, now time.Time) string {
	var b strings.Builder
	b.WriteString("Return-Path: <" + c.tx.from.raw + ">\r\n")
	single := len(c.tx.recipients) == 1
	if single {
		b.WriteString("Delivered-To: " + c.tx.recipients[0].raw + "\r\n")
	}
	b.WriteString("Received: from " + c.helo + c.peer() + "\r\n")
	b.WriteString("\tby " + c.server.name + " with " + c.protocol() + " id " + id)
	if single {
		b.WriteString("\r\n\tfor <" + c.tx.recipients[0].raw + ">")
	}
	b.WriteString(";\r\n\t" + now.Format("Mon, 02 Jan 2006 15:04:05 -0700") + "\r\n")
	return b.String()
}

// peer returns the client's address as TCP-info, "" for a Unix socket.
func (c *conn) peer() string {
	tcp, ok := c.nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	addr, ok := tcp.AddrPort().Addr(), tcp.AddrPort().IsValid()
	if !ok {
		return ""
	}
	if addr = addr.Unmap(); addr.Is6() {
		return " ([IPv6:" + addr.WithZone("").String() + "])"
	}
	return " ([" + addr.String() + "])"
}

// protocol returns the registered name of what was spoken (RFC 3848, RFC 6531 §4.3).
func (c *conn) protocol() string {
	name := "LMTP"
	if c.tx.utf8 {
		name = "UTF8LMTP"
	}
	if _, ok := c.nc.(*tls.Conn); ok {
		name += "S"
	}
	return name
}
