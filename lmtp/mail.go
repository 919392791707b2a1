package lmtp

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// mail begins a transaction (RFC 5321 §4.1.1.2).
func (c *conn) mail(args string) {
	if c.helo == "" || c.tx != nil {
		c.refuse(replySequence)
		return
	}
	path, ok := cutPrefixFold(args, "FROM:")
	if !ok {
		c.refuse(replySyntax.with("MAIL FROM:<address> is wanted"))
		return
	}
	from, rest, err := parsePath(path)
	if err != nil || from.local == "" && from.raw != "" {
		c.refuse(reply{501, "5.1.7", "Bad sender's address"})
		return
	}
	params, err := parseParams(rest)
	if err != nil {
		c.refuse(replySyntax)
		return
	}
	tx := &transaction{from: from}
	if r := c.mailParams(tx, params); r.code != 0 {
		c.log.Info("message refused", "from", from.raw, "code", r.code, "reason", r.text)
		c.refuse(r)
		return
	}
	if !tx.utf8 && !from.isASCII() {
		c.refuse(replyNotUTF8)
		return
	}
	c.tx = tx
	c.reply(replyOK.with("Sender taken"))
}

// mailParams returns the reply that refuses the parameters, or the zero reply.
func (c *conn) mailParams(tx *transaction, params map[string]string) reply {
	for keyword, value := range params {
		switch keyword {
		case "SIZE": // RFC 1870
			size, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				return replySyntax
			}
			if int64(size) > c.server.limits.MessageSize {
				return replyTooBig
			}
		case "BODY": // RFC 6152; either way the octets are taken as they are
			if v := strings.ToUpper(value); v != "7BIT" && v != "8BITMIME" {
				return replySyntax.with("BODY is 7BIT or 8BITMIME")
			}
		case "SMTPUTF8": // RFC 6531
			if value != "" {
				return replySyntax
			}
			tx.utf8 = true
		default:
			return replyParam
		}
	}
	return reply{}
}

// rcpt adds a recipient (RFC 5321 §4.1.1.3).
func (c *conn) rcpt(args string) {
	if c.tx == nil || c.tx.message != nil {
		c.refuse(replySequence)
		return
	}
	path, ok := cutPrefixFold(args, "TO:")
	if !ok {
		c.refuseRecipient(args, replySyntax.with("RCPT TO:<address> is wanted"))
		return
	}
	to, rest, err := parsePath(path)
	if err != nil || to.local == "" {
		c.refuseRecipient(path, reply{501, "5.1.3", "Bad recipient's address"})
		return
	}
	if strings.TrimSpace(rest) != "" {
		c.refuseRecipient(path, replyParam)
		return
	}
	if !c.tx.utf8 && !to.isASCII() {
		c.refuseRecipient(to.raw, replyNotUTF8)
		return
	}
	// What follows is no mistake of the client's, and does not count as one.
	if len(c.tx.recipients) >= c.server.limits.Recipients {
		c.logRefused(to.raw, replyManyRcpts, nil)
		c.reply(replyManyRcpts)
		return
	}
	r, refusal, err := c.server.resolve(to)
	if err != nil {
		refusal = replyTemporary
	}
	if refusal.code != 0 {
		c.logRefused(to.raw, refusal, err)
		c.reply(refusal)
		return
	}
	c.tx.recipients = append(c.tx.recipients, r)
	c.reply(reply{250, "2.1.5", "Recipient taken"})
}

// refuseRecipient refuses a RCPT that the client should not have sent.
func (c *conn) refuseRecipient(to string, r reply) {
	c.logRefused(to, r, nil)
	c.refuse(r)
}

// logRefused notes why mail for somebody is not taken, before there is a message. err may be nil.
func (c *conn) logRefused(to string, r reply, err error) {
	log := c.log.With("recipient", to, "from", c.tx.from.raw, "code", r.code, "reason", r.text)
	switch {
	case err != nil:
		log.Error("recipient refused", "err", err)
	case r == replyNoPostmaster:
		log.Warn("recipient refused; name a user who is postmaster")
	default:
		log.Info("recipient refused")
	}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) || !utf8.ValidString(s) {
		return "", false
	}
	return s[len(prefix):], true
}
